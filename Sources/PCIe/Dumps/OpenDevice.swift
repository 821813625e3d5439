/// The device whose rows are being read.
struct OpenDevice: Sendable {
  private(set) var address = PCIAddress(bus: 0, device: 0, function: 0)
  /// The number of its device line.
  private(set) var line = 0
  /// The number of the line of its last row.
  var lastRow = 0
  /// The number of bytes read.
  var filled = 0
  /// Room for a whole config space once a row came; what lies at `filled` and after is left over
  /// from another device.
  var block: [UInt8] = []
  private var titleBytes: [UInt8] = []

  /// The rest of the device line.
  var title: String { String(decoding: titleBytes, as: UTF8.self) }

  /// Starts over with another device.
  mutating func open(_ address: PCIAddress, at line: Int, titled text: Span<UInt8>) {
    self.address = address
    self.line = line
    lastRow = line
    filled = 0
    titleBytes.removeAll(keepingCapacity: true)
    var start = 0
    var end = text.count
    while start < end, text[start].isSpaceOrTab { start += 1 }
    while start < end, text[end - 1].isSpaceOrTab { end -= 1 }
    for index in start..<end { titleBytes.append(text[index]) }
  }

  /// Makes room for the bytes, as late as the first row: many device lines have none.
  mutating func makeRoom() {
    if block.isEmpty { block = Array(repeating: 0, count: ConfigSpace.extendedSize) }
  }

  /// Adds a row; at most ``ConfigSpace/extendedSize`` bytes fit in all.
  mutating func append(_ row: DumpRow) {
    makeRoom()
    for index in 0..<row.count { block[filled + index] = row.bytes[index] }
    filled += row.count
  }

  /// Gives the bytes away, or nothing when no config space has their number.
  mutating func takeConfig() -> ConfigSpace? {
    guard ConfigSpace.sizes.contains(filled) else { return nil }
    guard filled == block.count else { return ConfigSpace(unchecked: Array(block[..<filled])) }
    // Handed over without a copy; the next device gets memory of its own.
    var bytes: [UInt8] = []
    swap(&bytes, &block)
    return ConfigSpace(unchecked: bytes)
  }
}
