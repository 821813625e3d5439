import PCIe

/// A config space out of fuzz input.
///
/// Either bytes as they are, or changes of a template, so that a short input reaches deep lists:
///
/// - byte 0: bits 1:0 size (4,096, 256, 128 or 64 bytes), bits 4:2 template (0 raw bytes), bits 7:5
///   unused;
/// - byte 1: the number of changes (raw: 16-bit number of bytes);
/// - a change: 16 bits with the dword's number (9:0) and what to do (12:10), then four bytes.
enum ConfigRecipe {
  private static let sizes = [ConfigSpace.extendedSize, 256, 128, 64]

  static func config(_ feed: inout ByteFeed) -> ConfigSpace {
    let first = feed.byte()
    let size = sizes[Int(first & 3)]
    let bytes: [UInt8]
    switch first >> 2 & 7 {
    case 0: bytes = feed.bytes(min(size, Int(feed.integer(UInt16.self))))
    case 1, 2: bytes = changed(ConfigSpaceBuilder(), &feed).bytes
    case 3, 4: bytes = changed(endpoint, &feed).bytes
    default: bytes = changed(ConfigSpaceBuilder(SampleDevice.sapphireRapidsDSA), &feed).bytes
    }
    var builder = ConfigSpaceBuilder(size: size)
    for (offset, byte) in bytes.prefix(size).enumerated() { builder.put8(byte, at: offset) }
    return builder.config
  }

  /// The same config space with some dwords changed, as the feed says.
  static func changed(_ config: ConfigSpace, _ feed: inout ByteFeed) -> ConfigSpace {
    // Only whole spaces have room for every change.
    guard config.size == ConfigSpace.extendedSize else { return config }
    return changed(ConfigSpaceBuilder(config), &feed)
  }

  private static let endpoint: ConfigSpaceBuilder = {
    var device = ConfigSpaceBuilder()
    device.put32(0x5678_1234, 0x0010_0006, 0x0880_0001, at: 0)
    device.put8(0x40, at: 0x34)
    device.put32(0x0002_0010, at: 0x40)
    device.put32(0x0000_0044, at: 0x4C)
    return device
  }()

  private static func changed(_ base: ConfigSpaceBuilder, _ feed: inout ByteFeed) -> ConfigSpace {
    var builder = base
    var tails = (legacy: 0x34, extended: 0)
    for _ in 0..<feed.byte() {
      let head = feed.integer(UInt16.self)
      let offset = Int(head & 0x3FF) * 4
      let value = feed.integer(UInt32.self)
      switch head >> 10 & 7 {
      case 0, 1: builder.put32(value, at: offset)
      case 2: builder.put8(UInt8(truncatingIfNeeded: value), at: offset | Int(value >> 8 & 3))
      case 3: appendLegacy(value, at: offset & 0xFF, after: &tails.legacy, to: &builder)
      case 4, 5: append(value, at: offset, after: &tails.extended, to: &builder)
      case 6: fill(value, from: offset, in: &builder)
      default: row(value, from: offset, in: &builder)
      }
    }
    return builder.config
  }

  /// Adds an entry to the extended list: the value's low byte is its ID, the next nibble its version,
  /// and the upper half its first register.
  private static func append(
    _ value: UInt32, at offset: Int, after tail: inout Int, to builder: inout ConfigSpaceBuilder
  ) {
    // The first entry of a list stands at 0x100.
    let offset = max(tail == 0 ? 0x100 : offset, 0x100)
    if tail != 0 {
      var header = ExtendedHeader(rawValue: builder.config.read32(tail))
      header.next = offset
      builder.put32(header.rawValue, at: tail)
    }
    builder.putExtendedHeader(
      id: UInt16(value & 0x7F), version: UInt8(value >> 8 & 0xF), next: 0, at: offset)
    if value >> 16 != 0, offset < 0xFFC {
      // Length fields stand in the upper half, other fields in the lower one.
      builder.put32(value >> 12 & 1 == 1 ? value & 0xFFFF_0000 : value >> 16, at: offset + 4)
    }
    tail = offset
  }

  private static func appendLegacy(
    _ value: UInt32, at offset: Int, after tail: inout Int, to builder: inout ConfigSpaceBuilder
  ) {
    let offset = max(offset, 0x40)
    builder.put8(UInt8(offset), at: tail)
    builder.put32(value & 0xFFFF_001F, at: offset)
    tail = offset + 1
  }

  /// Repeats a dword every 4, 8, …, 512 bytes to the end.
  private static func fill(_ value: UInt32, from offset: Int, in builder: inout ConfigSpaceBuilder)
  {
    for at in stride(from: offset, to: ConfigSpace.extendedSize, by: 4 << Int(value & 7)) {
      builder.put32(value, at: at)
    }
  }

  /// A list of headers alone, one after the other.
  private static func row(_ value: UInt32, from offset: Int, in builder: inout ConfigSpaceBuilder) {
    let start = max(offset, 0x100)
    let step = 4 * (1 + Int(value >> 8 & 7))
    let end = min(start + step * Int(value >> 16 & 0x1FF), 0xFFC)
    for at in stride(from: start, through: end, by: step) {
      builder.putExtendedHeader(
        id: UInt16(value & 0xFF), next: at + step > end ? 0 : at + step, at: at)
    }
  }
}
