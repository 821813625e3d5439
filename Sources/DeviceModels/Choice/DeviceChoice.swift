package import PCIe
import Hardware

/// A device as a user asks for it: `KIND[@BDF][=VALUE][,key=value…]`, or `KIND=VALUE@BDF`.
///
/// - `dsa`: a data streaming accelerator; `wqs`, `engines`, `entries`, `xfer` and `batch` (powers of
///   two, `batch=0` for none), `pasid-bits`, `block=0`, and `page-requests=N` to ask for a page with
///   each Nth descriptor that may block.
/// - `dump=FILE`: any function by its config space; `bar0=64K` to `bar5` say sizes, the regions are
///   memory; `id=8086:154c` says vendor and device ID, which a virtual function's dump does not hold.
/// - `nic`: a network function without PASIDs.
package struct DeviceChoice: Hashable, Sendable {
  /// What it is.
  package enum Kind: Hashable, Sendable {
    /// A data streaming accelerator.
    case accelerator(DSAOptions)
    /// A function from a config space in a file.
    case dump(path: String, sizes: [Int: UInt64], identity: DumpIdentity? = nil)
    /// A network function.
    case network
  }

  /// What it is.
  package var kind: Kind
  /// Where it is to be; `nil` for a place of its own.
  package var address: PCIAddress?

  /// Names a device.
  package init(_ kind: Kind, at address: PCIAddress? = nil) {
    self.kind = kind
    self.address = address
  }

  /// Reads what a user wrote.
  ///
  /// - Parameter text: The argument of `--device`.
  /// - Throws: ``DeviceChoiceError`` with what is wrong.
  package init(parsing text: String) throws(DeviceChoiceError) {
    let text = try ChoiceText(parsing: text)
    address = text.address
    let value = text.value
    let settings = text.settings
    switch text.kind {
    case "dsa":
      if let value { throw .unwantedValue(value, of: "dsa") }
      kind = .accelerator(try Self.accelerator(settings))
    case "dump":
      let path = try text.valueAndPlace(&address)
      kind = try Self.dump(path, settings)
    case "nic":
      if let value { throw .unwantedValue(value, of: "nic") }
      if let setting = settings.first { throw .unknownKey(setting.key, of: "nic") }
      kind = .network
    default: throw .unknownKind(text.kind)
    }
  }

  private static func accelerator(
    _ settings: [ChoiceText.Setting]
  ) throws(DeviceChoiceError) -> DSAOptions {
    var options = DSAOptions()
    for setting in settings {
      let (key, value) = (setting.key, setting.value)
      guard let number = parseNumber(value) else { throw .badValue(value, of: key) }
      switch key {
      case "wqs": options.workQueues = number
      case "engines": options.engines = number
      case "entries": options.entries = number
      case "xfer": options.maxTransferShift = number
      case "batch": options.maxBatchShift = number
      case "pasid-bits": options.pasidBits = number
      case "page-requests": options.pageRequestInterval = number
      case "block":
        guard number == 0 || number == 1 else { throw .badValue(value, of: key) }
        options.blocksOnFault = number == 1
      default: throw .unknownKey(key, of: "dsa")
      }
    }
    if let problem = options.problem { throw .impossible(problem) }
    return options
  }

  private static func dump(
    _ path: String, _ settings: [ChoiceText.Setting]
  ) throws(DeviceChoiceError) -> Kind {
    var sizes: [Int: UInt64] = [:]
    var identity: DumpIdentity?
    for setting in settings {
      let (key, value) = (setting.key, setting.value)
      if key == "id" {
        guard let known = DumpIdentity(value) else { throw .badValue(value, of: key) }
        identity = known
        continue
      }
      guard key.count == 4, key.hasPrefix("bar"), let index = parseNumber(key.suffix(1)),
        (0...5).contains(index)
      else { throw .unknownKey(key, of: "dump") }
      guard let size = ChoiceText.size(value) else { throw .badValue(value, of: key) }
      sizes[index] = size
    }
    return .dump(path: path, sizes: sizes, identity: identity)
  }
}
