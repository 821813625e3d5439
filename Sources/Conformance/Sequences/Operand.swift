/// A value in a step, such that it means the same on every kernel.
package enum Operand: Hashable, Sendable {
  /// The number itself.
  case number(UInt64)
  /// What an earlier step gave: an id, a descriptor, an address.
  case result(step: Int, index: Int)
  /// An offset in the arena of the caller's memory.
  case memory(UInt64)
}

extension Operand: CustomStringConvertible {
  /// As steps are written: `0x10`, `%3` or `%3.1`, `@0x1800`.
  package var description: String {
    switch self {
    case .number(let value): value < 10 ? "\(value)" : hex(value)
    case .result(let step, let index): index == 0 ? "%\(step)" : "%\(step).\(index)"
    case .memory(let offset): "@" + hex(offset)
    }
  }

  /// Reads what ``description`` writes.
  package init?(_ text: some StringProtocol) {
    if text.hasPrefix("%") {
      let parts = text.dropFirst().split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count <= 2, let step = Int(parts[0]),
        let index = parts.count == 2 ? Int(parts[1]) : 0, step >= 0, index >= 0
      else { return nil }
      self = .result(step: step, index: index)
    } else if text.hasPrefix("@") {
      guard let offset = Self.number(text.dropFirst()) else { return nil }
      self = .memory(offset)
    } else {
      guard let value = Self.number(text) else { return nil }
      self = .number(value)
    }
  }

  private static func number(_ text: some StringProtocol) -> UInt64? {
    text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
  }
}
