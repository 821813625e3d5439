/// One register that the VMM emulates: where it is, and how it answers a write.
///
/// The row is data, and ``value(writing:over:bytes:)`` is the one function that applies a row. Bits
/// are numbered from the register's own lowest bit, as its specification numbers them. A bit that no
/// mask names is read-only.
public struct EmulatedRegister: Hashable, Sendable {
  /// What a register means to the VMM, when it has to act on a change.
  public enum Role: UInt8, Hashable, Sendable {
    /// Nothing special.
    case plain
    /// The PASID Control register.
    case pasidControl
  }

  /// The offset of the lowest byte; a multiple of the width.
  public let offset: Int
  /// The size of the register: it emulates exactly these bytes.
  public let width: AccessWidth
  /// What the VMM has to know it for.
  public let role: Role
  /// The value after a reset.
  public let reset: UInt32
  /// The bits that take what is written.
  public let writable: UInt32
  /// The bits that a written one clears, and a written zero leaves.
  public let writeOneToClear: UInt32
  /// The read-only bits that the VMM itself changes, with ``ConfigEmulation/set(_:at:)``.
  public let status: UInt32
  /// The bits that no write changes while the register has a bit of ``lock`` set.
  public let locked: UInt32
  /// The bits that lock the bits in ``locked``, as they are before the write.
  public let lock: UInt32

  /// Makes a row; masks that contradict each other are a bug of ours and trap.
  ///
  /// - Parameters:
  ///   - offset: The offset of the lowest byte.
  ///   - width: The size of the register.
  ///   - role: What the VMM has to know it for.
  ///   - reset: The value after a reset.
  ///   - writable: The bits that take what is written.
  ///   - writeOneToClear: The bits that a written one clears.
  ///   - status: The read-only bits that the VMM changes.
  ///   - locked: The bits that keep their value while a bit of `lock` is set.
  ///   - lock: The bits that lock them.
  public init(
    offset: Int, width: AccessWidth, role: Role = .plain, reset: UInt32,
    writable: UInt32 = 0, writeOneToClear: UInt32 = 0, status: UInt32 = 0,
    locked: UInt32 = 0, lock: UInt32 = 0
  ) {
    let all = reset | writable | writeOneToClear | status | locked | lock
    precondition(all & ~width.mask == 0, "bits beyond the register")
    precondition(
      writable & writeOneToClear == 0 && status & (writable | writeOneToClear) == 0,
      "a bit answers a write in one way only")
    self.offset = offset
    self.width = width
    self.role = role
    self.reset = reset
    self.writable = writable
    self.writeOneToClear = writeOneToClear
    self.status = status
    self.locked = locked
    self.lock = lock
  }

  /// A read-only dword.
  ///
  /// - Parameter patch: Where it is and what it says.
  public init(_ patch: ConfigPatch) {
    self.init(offset: patch.offset, width: .dword, reset: patch.value)
  }

  /// The offset of the highest byte.
  @inlinable
  public var last: Int { offset + width.rawValue - 1 }

  /// The bits that can differ from ``reset``.
  @inlinable
  public var variable: UInt32 { writable | writeOneToClear | status }

  /// The value after a write.
  ///
  /// - Parameters:
  ///   - new: What is written.
  ///   - old: The value before.
  ///   - bytes: The bits of those bytes that the write moves (its byte enables).
  /// - Returns: The value that the register then has.
  @inlinable
  public func value(writing new: UInt32, over old: UInt32, bytes: UInt32 = .max) -> UInt32 {
    // The lock is judged by the old value: a write that unlocks changes nothing else.
    let open = old & lock == 0 ? bytes : bytes & ~locked
    let taken = writable & open
    let cleared = writeOneToClear & open & new
    return old & ~(taken | cleared) | new & taken
  }
}
