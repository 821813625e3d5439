/// A structure as it lies in the memory that a program and its kernel share.
///
/// The fields are integers in the order and at the offsets of the ABI, with every byte of padding a
/// field of its own. A test checks size and offsets of each against the ABI's table.
public protocol WireStructure: BitwiseCopyable, Sendable {
  /// All bytes zero, but for the size that the structure states of itself.
  init()
}

extension WireStructure {
  /// The size in bytes.
  public static var byteCount: Int { MemoryLayout<Self>.size }

  /// Makes a structure and fills in fields.
  public init(_ fill: (inout Self) -> Void) {
    self.init()
    fill(&self)
  }
}
