/// How many bytes one access to config space moves: PCI knows one, two and four.
///
/// A VMM that is handed a number of bytes makes one with `AccessWidth(rawValue:)`, which has no
/// value for 3 or 8; a bus would not carry such an access, so it reads all ones and writes nothing.
@frozen
public enum AccessWidth: Int, Hashable, Sendable, CaseIterable {
  /// One byte.
  case byte = 1
  /// Two bytes.
  case word = 2
  /// Four bytes.
  case dword = 4

  /// All ones in as many bits as the access moves.
  @inlinable
  public var mask: UInt32 { .max >> UInt32(32 - 8 * rawValue) }
}
