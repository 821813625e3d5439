package import HostABI

/// Looks for a shorter, plainer sequence that still shows a difference.
///
/// Steps are dropped in halves, quarters and so on down to single ones, then numbers are made
/// smaller; every candidate is carried out on both kernels.
package struct SequenceShrinker {
  private let duel: SequenceDuel
  private var left: Int
  /// The plainest sequence found so far.
  package private(set) var best: SequenceDifference

  /// Starts from a difference.
  package init(_ duel: SequenceDuel, _ difference: SequenceDifference, attempts: Int = 3000) {
    self.duel = duel
    best = difference
    left = attempts
  }

  /// Shrinks until nothing helps any more or the attempts are used up.
  package mutating func run() throws(LinuxErrno) {
    var changed = true
    while changed, left > 0 {
      let dropped = try dropSteps()
      let simplified = try simplifyOperands()
      changed = dropped || simplified
    }
  }

  /// Takes a candidate over if its last step, of the same kind, still differs.
  private mutating func accept(_ steps: [Step]) throws(LinuxErrno) -> Bool {
    guard left > 0 else { return false }
    left -= 1
    guard let found = try duel.replay(steps),
      found.steps.last?.template.name == best.steps.last?.template.name
    else { return false }
    best = found
    return true
  }

  private mutating func dropSteps() throws(LinuxErrno) -> Bool {
    var changed = false
    var size = max(best.steps.count / 2, 1)
    while size >= 1 {
      var start = 0
      while start < best.steps.count - 1, left > 0 {
        var candidate = best.steps
        candidate.removeSubrange(start..<min(start + size, candidate.count - 1))
        if try accept(candidate) { changed = true } else { start += size }
      }
      size /= 2
    }
    return changed
  }

  private mutating func simplifyOperands() throws(LinuxErrno) -> Bool {
    var changed = false
    var index = 0
    while index < best.steps.count {
      for position in best.steps[index].operands.indices {
        // A number that is an address would wander into this process's own memory.
        if best.steps[index].holdsAddress(at: position) { continue }
        for simpler in Self.simpler(best.steps[index].operands[position]) {
          guard index < best.steps.count else { break }
          var candidate = best.steps
          candidate[index].operands[position] = simpler
          if try accept(candidate) {
            changed = true
            break
          }
        }
        guard index < best.steps.count else { break }
      }
      index += 1
    }
    return changed
  }

  /// Plainer values to try in place of one, plainest first.
  private static func simpler(_ operand: Operand) -> [Operand] {
    switch operand {
    case .number(let value):
      [0, 1, 4096, 1 << 24, value & ~0xFFF, value >> 1].filter { $0 < value }.map(Operand.number)
    case .memory(let offset):
      [0, offset & ~0xFFF, offset & 0xFFF].filter { $0 < offset }.map(Operand.memory)
    case .result: []
    }
  }
}

extension Step {
  /// Whether an operand is an address that was chosen as a number.
  fileprivate func holdsAddress(at position: Int) -> Bool {
    guard case .number = operands[position] else { return false }
    return template.parameters[position].role == .memory
  }
}
