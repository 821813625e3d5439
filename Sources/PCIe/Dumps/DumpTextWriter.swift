/// Writes config spaces as `lspci -xxxx` prints them, so that `lspci -F FILE` reads them.
public enum DumpTextWriter {
  /// The longest line that is written, in bytes: lspci reads no more into one.
  public static let lineLimit = 250

  /// One device as text: the device line, the rows and a blank line.
  ///
  /// - Parameters:
  ///   - address: The address to show, with its domain unless that is 0.
  ///   - title: What follows the address. Control characters become spaces, and what would not fit
  ///     into ``lineLimit`` is left out.
  ///   - config: The bytes, 16 a row.
  ///   - showsDomain: Whether to show the domain 0, too, as `lspci -D` does.
  /// - Returns: The text.
  public static func text(
    address: PCIAddress, title: String, config: ConfigSpace, showsDomain: Bool = false
  ) -> String {
    var bytes: [UInt8] = []
    // 53 characters a row, and the device line.
    bytes.reserveCapacity(config.size / 16 * 53 + 128)
    append(address: address, title: title, config: config, showsDomain: showsDomain, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends one device to text: the device line, the rows and a blank line.
  ///
  /// - Parameters:
  ///   - address: The address to show, with its domain unless that is 0.
  ///   - title: What follows the address, treated as by ``text(address:title:config:showsDomain:)``.
  ///   - config: The bytes, 16 a row.
  ///   - showsDomain: Whether to show the domain 0, too, as `lspci -D` does.
  ///   - text: Where to append, as UTF-8.
  public static func append(
    address: PCIAddress, title: String, config: ConfigSpace, showsDomain: Bool = false,
    to text: inout [UInt8]
  ) {
    let lineStart = text.count
    let full = address.description.utf8
    let hidesDomain = address.domain == 0 && !showsDomain
    text.append(contentsOf: hidesDomain ? full.suffix(7) : full[...])
    // lspci reads only device lines that have this space, be it with nothing behind it.
    text.append(UInt8(ascii: " "))
    for scalar in title.unicodeScalars {
      let isControl = scalar.properties.generalCategory == .control
      let character = (isControl ? " " : scalar).utf8
      guard text.count - lineStart + character.count <= lineLimit else { break }
      text.append(contentsOf: character)
    }
    text.append(UInt8(ascii: "\n"))
    for offset in stride(from: 0, to: config.size, by: 16) {
      if offset >= 0x100 { text.append(digit(offset >> 8)) }
      text.append(digit(offset >> 4))
      text.append(digit(offset))
      text.append(UInt8(ascii: ":"))
      for byte in config.bytes[offset..<offset + 16] {
        text.append(UInt8(ascii: " "))
        text.append(digit(Int(byte >> 4)))
        text.append(digit(Int(byte)))
      }
      text.append(UInt8(ascii: "\n"))
    }
    text.append(UInt8(ascii: "\n"))
  }

  /// The digit of the lowest four bits, in lower case.
  private static func digit(_ value: Int) -> UInt8 {
    let nibble = UInt8(truncatingIfNeeded: value & 0xF)
    return nibble < 10 ? nibble &+ UInt8(ascii: "0") : nibble &+ (UInt8(ascii: "a") - 10)
  }
}
