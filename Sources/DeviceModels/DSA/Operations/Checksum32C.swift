import Hardware

/// CRC-32C: polynomial 0x1EDC6F41, bits reflected, seed and result inverted.
enum Checksum32C {
  /// What each byte does to the checksum, for the eight places of a byte within a word.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
      tables[byte] = value
    }
    for place in 1..<8 {
      for byte in 0..<256 {
        let before = tables[256 * (place - 1) + byte]
        tables[256 * place + byte] = before >> 8 ^ tables[Int(before & 0xFF)]
      }
    }
    return tables
  }()

  /// The checksum of what `checksum` stands for and then `bytes`; of nothing, it is 0.
  static func update(_ checksum: UInt32, _ bytes: Span<UInt8>) -> UInt32 {
    let tables = tables.span
    var value = ~checksum
    var at = 0
    while let word = bytes.little(UInt64.self, at: at) {
      let mixed = word ^ UInt64(value)
      value = 0
      for place in 0..<8 {
        value ^= tables[256 * (7 - place) + Int(mixed >> UInt64(8 * place) & 0xFF)]
      }
      at += 8
    }
    while at < bytes.count {
      value = value >> 8 ^ tables[Int((value ^ UInt32(bytes[at])) & 0xFF)]
      at += 1
    }
    return ~value
  }
}
