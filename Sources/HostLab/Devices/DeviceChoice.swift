package import DeviceModels
package import PCIe
import Hardware

/// A device as a user asks for it: `KIND[@BDF][=VALUE][,key=value…]`, or `KIND=VALUE@BDF`.
///
/// - `dsa`: a data streaming accelerator; `wqs`, `engines`, `entries`, `xfer` and `batch` (powers of
///   two, `batch=0` for none), `pasid-bits`, `block=0`, and `page-requests=N` to ask for a page with
///   each Nth descriptor that may block.
/// - `dump=FILE`: any function by its config space; `bar0=64K` to `bar5` say sizes, the regions are
///   memory.
/// - `nic`: a network function without PASIDs.
package struct DeviceChoice: Hashable, Sendable {
  /// What it is.
  package enum Kind: Hashable, Sendable {
    /// A data streaming accelerator.
    case accelerator(DSAOptions)
    /// A function from a config space in a file.
    case dump(path: String, sizes: [Int: UInt64])
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
    var parts = text.split(separator: ",", omittingEmptySubsequences: false)[...]
    let first = parts.removeFirst()
    let (head, value) = Self.divided(first)
    let places = head.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    if places.count == 2 {
      guard let address = PCIAddress(places[1]) else { throw .address(String(places[1])) }
      self.address = address
    }
    var settings: [(key: String, value: String)] = []
    for part in parts {
      let (key, value) = Self.divided(part)
      guard let value, !key.isEmpty else { throw .noValue(String(part)) }
      settings.append((String(key), String(value)))
    }
    switch places[0] {
    case "dsa":
      if let value { throw .unwantedValue(String(value), of: "dsa") }
      kind = .accelerator(try Self.accelerator(settings))
    case "dump":
      guard let value, !value.isEmpty else { throw .noValue("dump") }
      var path = value
      // People put the address behind the file, too.
      if address == nil, let place = value.lastIndex(of: "@"),
        let address = PCIAddress(value[value.index(after: place)...])
      {
        self.address = address
        path = value[..<place]
      }
      kind = .dump(path: String(path), sizes: try Self.sizes(settings))
    case "nic":
      if let value { throw .unwantedValue(String(value), of: "nic") }
      if let setting = settings.first { throw .unknownKey(setting.key, of: "nic") }
      kind = .network
    default: throw .unknownKind(String(places[0]))
    }
  }

  private static func divided(_ part: Substring) -> (Substring, Substring?) {
    guard let place = part.firstIndex(of: "=") else { return (part, nil) }
    return (part[..<place], part[part.index(after: place)...])
  }

  private static func accelerator(
    _ settings: [(key: String, value: String)]
  ) throws(DeviceChoiceError) -> DSAOptions {
    var options = DSAOptions()
    for (key, value) in settings {
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

  private static func sizes(
    _ settings: [(key: String, value: String)]
  ) throws(DeviceChoiceError) -> [Int: UInt64] {
    var sizes: [Int: UInt64] = [:]
    for (key, value) in settings {
      guard key.count == 4, key.hasPrefix("bar"), let index = parseNumber(key.suffix(1)),
        (0...5).contains(index)
      else { throw .unknownKey(key, of: "dump") }
      guard let size = Self.size(value) else { throw .badValue(value, of: key) }
      sizes[index] = size
    }
    return sizes
  }

  /// A size as people write it: a number, and K, M or G behind it.
  static func size(_ text: String) -> UInt64? {
    let shifts: [Character: UInt64] = ["K": 10, "M": 20, "G": 30]
    var digits = Substring(text)
    var shift: UInt64 = 0
    if let last = digits.last, let known = shifts[Character(last.uppercased())] {
      shift = known
      digits.removeLast()
    }
    guard let number = parseNumber(digits), number > 0, number <= Int.max >> Int(shift) else {
      return nil
    }
    return UInt64(number) << shift
  }
}

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

  /// The reason in words.
  package var description: String {
    switch self {
    case .unknownKind(let kind): "'\(kind)' is no kind of device: dsa, dump=FILE and nic are"
    case .address(let text): "'\(text)' is no address such as 6a:01.0 or 0000:6a:01.0"
    case .unknownKey(let key, let kind): "a \(kind) device has no setting '\(key)'"
    case .noValue(let key): "'\(key)' needs a value: \(key)=…"
    case .unwantedValue(let value, let kind): "\(kind) takes no value, but '\(value)' was given"
    case .badValue(let value, let key): "'\(value)' is no value for '\(key)'"
    case .impossible(let problem): problem
    case .taken(let address): "two devices are to be at \(address)"
    case .file(let path, let reason): "\(path): \(reason)"
    }
  }
}
