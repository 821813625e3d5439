/// The text of `VFIO_GROUP_GET_DEVICE_FD`: a device's name, and options behind it.
///
/// Linux knows one option, `vf_token=` with a UUID (`vfio_pci_core_match`).
struct GroupDeviceName: Hashable {
  /// What the text says of one device.
  enum Match: Hashable {
    /// It names another one.
    case another
    /// It names this one, with a token if there is one.
    case named(token: [UInt8]?)
    /// It names this one, and what follows is wrong.
    case wrong
  }

  /// The most bytes of the text with its end.
  static let limit = 4096

  /// Compares the text with the name of a device, such as `0000:6a:01.0`.
  static func match(_ text: [UInt8], _ name: String) -> Match {
    let name = Array(name.utf8)
    guard text.starts(with: name) else { return .another }
    var rest = text[name.count...]
    guard rest.isEmpty || rest.first == UInt8(ascii: " ") else { return .another }
    var token: [UInt8]?
    while let first = rest.first {
      if first == UInt8(ascii: " ") {
        rest = rest.dropFirst()
        continue
      }
      let option = "vf_token=".utf8
      guard token == nil, rest.starts(with: option) else { return .wrong }
      rest = rest.dropFirst(option.count)
      guard let found = uuid(rest.prefix(36)) else { return .wrong }
      token = found
      rest = rest.dropFirst(36)
    }
    return .named(token: token)
  }

  /// The 16 bytes of a UUID in the usual notation, in the order of the text.
  private static func uuid(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    let parts = text.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    guard parts.map(\.count) == [8, 4, 4, 4, 12] else { return nil }
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in parts.joined() {
      guard let digit = Character(UnicodeScalar(character)).hexDigitValue, character < 0x80 else {
        return nil
      }
      if let upper = high {
        bytes.append(upper << 4 | UInt8(digit))
        high = nil
      } else {
        high = UInt8(digit)
      }
    }
    return bytes
  }
}
