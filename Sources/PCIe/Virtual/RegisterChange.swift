/// An emulated register has another value than before.
public struct RegisterChange: Hashable, Sendable {
  /// The register's offset.
  public let offset: Int
  /// What the VMM has to know the register for.
  public let role: EmulatedRegister.Role
  /// The value before.
  public let old: UInt32
  /// The value now.
  public let new: UInt32

  /// Makes a change of a register.
  @inlinable
  init(of register: EmulatedRegister, old: UInt32, new: UInt32) {
    offset = register.offset
    role = register.role
    self.old = old
    self.new = new
  }
}

/// The emulated registers that one write changed, in order of offset: at most four, held inline.
public struct RegisterChanges: RandomAccessCollection, Sendable {
  @usableFromInline var changes: InlineArray<4, RegisterChange?> = .init(repeating: nil)
  /// The number of changed registers.
  public private(set) var count = 0

  /// No changes.
  @usableFromInline init() {}

  /// Adds one; a write of four bytes meets at most four registers.
  mutating func append(_ change: RegisterChange) {
    changes[count] = change
    count += 1
  }

  /// The first position, 0.
  public var startIndex: Int { 0 }

  /// The position behind the last change.
  public var endIndex: Int { count }

  /// The change at a position.
  public subscript(position: Int) -> RegisterChange {
    guard let change = changes[position] else { preconditionFailure("position out of range") }
    return change
  }
}
