package import PCIe

/// Why a `--device` argument cannot be.
package enum DeviceChoiceError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There is no such kind of device.
  case unknownKind(String)
  /// No address is written so.
  case address(String)
  /// The kind has no such setting.
  case unknownKey(String, of: String)
  /// Something that needs a value has none.
  case noValue(String)
  /// A value where none belongs.
  case unwantedValue(String, of: String)
  /// A value that is no number or size.
  case badValue(String, of: String)
  /// Settings that no device can have.
  case impossible(String)
  /// Two devices at one address.
  case taken(PCIAddress)
  /// A file that holds no config space, or cannot be read.
  case file(String, reason: String)

  /// The settings of each kind.
  private static let keys = [
    "dsa": "wqs, engines, entries, xfer, batch, pasid-bits, block, page-requests are",
    "dump": "bar0 to bar5, and id are", "vfio": "pasid-offset and pasid are",
  ]

  /// The reason in words.
  package var description: String {
    switch self {
    case .unknownKind(let kind): "'\(kind)' is no kind of device: dsa, dump=FILE and nic are"
    case .address(let text): "'\(text)' is no address such as 6a:01.0 or 0000:6a:01.0"
    case .unknownKey(let key, let kind):
      "a \(kind) device has no setting '\(key)'" + (Self.keys[kind].map { ": \($0)" } ?? "")
    case .noValue(let key): "'\(key)' needs a value: \(key)=…"
    case .unwantedValue(let value, let kind): "\(kind) takes no value, but '\(value)' was given"
    case .badValue(let value, let key): "'\(value)' is no value for '\(key)'"
    case .impossible(let problem): problem
    case .taken(let address): "two devices are to be at \(address)"
    case .file(let path, let reason): "\(path): \(reason)"
    }
  }
}
