package import HostABI

/// Where two kernels answered a sequence differently.
package struct SequenceDifference: Sendable {
  /// The steps up to the one with the difference.
  package var steps: [Step]
  /// What is different, in words; the last step is meant unless it says otherwise.
  package var text: String

  /// The kind of the last step and what was answered: differences that are alike have the same.
  package var cause: String {
    let line = text.split(separator: "\n").first.map(String.init) ?? ""
    return (steps.last?.template.name ?? "nothing") + ", "
      + line.split(separator: " ").filter { !$0.contains("0x") && Int($0) == nil }
      .joined(separator: " ")
  }
}

/// Two kernels side by side, on which the same steps are carried out and compared.
package final class SequenceDuel {
  private let names: (String, String)
  private let first: World
  private let second: World
  private let flavours: [SequenceGenerator.Flavour]
  /// How many steps were carried out, and how many of them worked, by name.
  package private(set) var counts: [String: (all: Int, worked: Int)] = [:]

  /// Puts two kernels side by side.
  ///
  /// - Parameters:
  ///   - first: The kernel whose answers guide the generator.
  ///   - second: The other kernel.
  ///   - names: What messages call them.
  ///   - devicePaths: VFIO devices, in an order that means the same on both; none to leave them out.
  ///   - mock: Whether both have mock devices.
  /// - Throws: The errno of what could not be set up.
  package init(
    _ first: any HostKernel, _ second: any HostKernel, names: (String, String),
    devicePaths: ([String], [String]), mock: Bool
  ) throws(LinuxErrno) {
    self.names = names
    self.first = try World(first, devicePaths: devicePaths.0)
    self.second = try World(second, devicePaths: devicePaths.1)
    var flavours: [SequenceGenerator.Flavour] = [.addressSpaces]
    if mock { flavours += [.mock, .mock, .mock, .mock, .mock] }
    if !devicePaths.0.isEmpty, !devicePaths.1.isEmpty { flavours += [.vfio, .vfio] }
    self.flavours = flavours
  }

  deinit {
    first.release()
    second.release()
  }

  /// Makes and carries out one sequence.
  ///
  /// - Returns: The difference, if there is one.
  package func run(seed: UInt64, length: Int) throws(LinuxErrno) -> SequenceDifference? {
    var pick = SplitMix64(seed: seed ^ 0x5EED)
    var generator = SequenceGenerator(seed: seed, pick.pick(flavours))
    var stock = Stock()
    return try duel { id in
      id <= length ? generator.next(id, stock) : nil
    } note: { step, outcome in
      stock.note(step, outcome, on: self.first)
    }
  }

  /// Carries out given steps.
  package func replay(_ steps: [Step]) throws(LinuxErrno) -> SequenceDifference? {
    try duel { id in
      id <= steps.count ? steps[id - 1] : nil
    } note: { _, _ in
    }
  }

  /// Carries out given steps and tells each kernel's answer to each.
  package func transcript(_ steps: [Step]) throws(LinuxErrno) -> String {
    var lines: [String] = []
    try first.begin()
    try second.begin()
    for step in steps where !first.isOver {
      let a = try first.perform(step)
      let b = try second.perform(step)
      let mark = a == b ? "" : "   <<< \(difference(a, b))"
      lines.append("\(step)   # \(a)\(mark)")
    }
    _ = try first.end()
    _ = try second.end()
    return lines.joined(separator: "\n") + "\n"
  }

  private func duel(
    next: (Int) -> Step?, note: (Step, StepOutcome) -> Void
  ) throws(LinuxErrno) -> SequenceDifference? {
    var steps: [Step] = []
    var found: String?
    try first.begin()
    try second.begin()
    while found == nil, !first.isOver, let step = next(steps.count + 1) {
      steps.append(step)
      let a = try first.perform(step)
      let b = try second.perform(step)
      counts[step.template.name, default: (0, 0)].all += 1
      if a.worked { counts[step.template.name, default: (0, 0)].worked += 1 }
      if a != b { found = difference(a, b) } else { note(step, a) }
    }
    let one = try first.end()
    let two = try second.end()
    if found == nil, let one, let two, one != two {
      let at = zip(one, two).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0
      found = "after the last step memory differs at @\(hex(at))"
    }
    return found.map { SequenceDifference(steps: steps, text: $0) }
  }

  private func difference(_ a: StepOutcome, _ b: StepOutcome) -> String {
    var text = "\(names.0): \(a), \(names.1): \(b)"
    if a.answer == b.answer, a.bytes != b.bytes {
      let offsets = zip(a.bytes, b.bytes).enumerated().filter { $0.element.0 != $0.element.1 }
      for (offset, pair) in offsets.prefix(16) {
        text += "\n    byte \(offset): \(names.0) \(hex(pair.0)), \(names.1) \(hex(pair.1))"
      }
    }
    return text
  }
}
