import PCIe

/// Where the MSI-X table of a function is.
struct VectorTable: Hashable, Sendable {
  /// The base address register.
  let bar: Int
  /// The number of vectors.
  let count: Int
  /// The bytes of it that hold the table.
  let bytes: Range<UInt64>

  /// Finds the table through the capability at `offset`; `nil` without one.
  init?(_ config: ConfigSpace, at offset: Int?) {
    guard let offset else { return nil }
    let table = config.read32(offset + 4)
    bar = Int(table & 7)
    count = Int(config.read16(offset + 2) & 0x7FF) + 1
    let start = UInt64(table & ~7)
    bytes = start..<start + 16 * UInt64(count)
  }
}

/// The kinds of interrupts as requests number them.
enum IRQIndex: UInt32, Hashable, Sendable {
  case intx = 0
  case msi = 1
  case msix = 2
  case error = 3
  case request = 4
}
