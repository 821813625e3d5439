import Hardware
public import PCIe

/// What a guest's driver keeps of a device's config space and takes to stay as it is: which
/// capabilities are where, and their registers that only say what the device is.
public struct ConfigLayout: Hashable, Sendable, Codable {
  /// Some bytes that never change.
  public struct Field: Hashable, Sendable, Codable {
    /// The offset of the first byte.
    public let offset: Int
    /// How many bytes, 1 to 4.
    public let byteCount: Int
    /// The bytes as a little-endian number.
    public let value: UInt32
    /// What they are.
    public let name: String

    init(offset: Int, byteCount: Int, value: UInt32, name: String) {
      self.offset = offset
      self.byteCount = byteCount
      self.value = value
      self.name = name
    }

    /// Reads a field that another side wrote.
    ///
    /// - Parameter decoder: Where it comes from; nobody answers for what it says.
    /// - Throws: `DecodingError` for bytes that are not 1 to 4 within a config space.
    public init(from decoder: any Decoder) throws {
      let all = try decoder.container(keyedBy: CodingKeys.self)
      offset = try all.decode(Int.self, forKey: .offset)
      byteCount = try all.decode(Int.self, forKey: .byteCount)
      value = try all.decode(UInt32.self, forKey: .value)
      name = try all.decode(String.self, forKey: .name)
      guard (1...4).contains(byteCount), (0...ConfigSpace.extendedSize - byteCount).contains(offset)
      else {
        throw DecodingError.dataCorruptedError(
          forKey: .offset, in: all,
          debugDescription: "\(byteCount) bytes at \(offset) are not in a config space")
      }
    }
  }

  /// The fields, in order of offset.
  public let fields: [Field]

  /// Takes the layout of a config space as the guest sees it.
  ///
  /// - Parameter config: The config space.
  public init(of config: ConfigSpace) {
    let walk = config.walkCapabilities()
    var fields: [Field] = []
    func add(_ name: String, _ offset: Int, _ byteCount: Int, mask: UInt32 = .max) {
      guard offset + byteCount <= config.size else { return }
      let value =
        (0..<byteCount).reduce(UInt32(0)) {
          $0 | UInt32(config.read8(offset + $1)) << UInt32(8 * $1)
        } & mask
      fields.append(Field(offset: offset, byteCount: byteCount, value: value, name: name))
    }

    add("vendor and device ID", 0x00, 4)
    add("revision and class", 0x08, 4)
    add("header type", 0x0E, 1)
    add("subsystem IDs", 0x2C, 4)
    add("capability pointer", 0x34, 1)
    for entry in walk.legacy {
      add("\(entry.shortName) header", entry.offset, 2)
      switch entry.id {
      case Capability.pciExpressID:
        add("PCI Express Capabilities", entry.offset + 2, 2)
        add("Device Capabilities", entry.offset + 4, 4)
        if config.read16(entry.offset + 2) & 0xF >= 2 {
          add("Device Capabilities 2", entry.offset + 0x24, 4)
        }
      case 0x11:
        // Message Control says how many vectors there are in its low bits only.
        add("MSI-X table size", entry.offset + 2, 2, mask: 0x7FF)
        add("MSI-X table", entry.offset + 4, 4)
        add("MSI-X pending bits", entry.offset + 8, 4)
      default: break
      }
    }
    if walk.extended.isEmpty { add("extended list", ConfigSpace.extendedStart, 4) }
    for entry in walk.extended {
      add("\(entry.shortName) header", entry.offset, 4)
      switch entry.id {
      case Capability.pasidID: add("PASID Capability", entry.offset + 4, 2)
      case TranslationServices.atsID: add("ATS Capability", entry.offset + 4, 2)
      case TranslationServices.priID: add("Outstanding Page Request Capacity", entry.offset + 8, 4)
      default: break
      }
    }
    self.fields = fields.sorted { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }
  }

  /// Where another layout has other bytes.
  ///
  /// - Parameter saved: The layout of the other side.
  /// - Returns: The differences, in order of offset; none when a guest cannot tell the two apart.
  public func differences(from saved: ConfigLayout) -> [LayoutDifference] {
    var result: [LayoutDifference] = []
    var (i, j) = (0, 0)
    while i < fields.count || j < saved.fields.count {
      let here = i < fields.count ? fields[i] : nil
      let there = j < saved.fields.count ? saved.fields[j] : nil
      let order = Self.order(here, there)
      if order <= 0 { i += 1 }
      if order >= 0 { j += 1 }
      if order == 0, here?.value == there?.value { continue }
      result.append(
        LayoutDifference(here: order <= 0 ? here : nil, saved: order >= 0 ? there : nil))
    }
    return result
  }

  /// Which of two fields comes first: negative for this side's.
  private static func order(_ here: Field?, _ there: Field?) -> Int {
    guard let here else { return 1 }
    guard let there else { return -1 }
    let a = (here.offset, here.byteCount)
    let b = (there.offset, there.byteCount)
    return a == b ? 0 : a < b ? -1 : 1
  }
}

/// Bytes of config space that two sides of a migration do not agree on.
public struct LayoutDifference: Hashable, Sendable, CustomStringConvertible {
  /// What this side has; `nil` when it has nothing there.
  public let here: ConfigLayout.Field?
  /// What the saved state has; `nil` when it has nothing there.
  public let saved: ConfigLayout.Field?

  /// The bytes.
  public var bytes: Range<Int> {
    let field = here ?? saved
    return (field?.offset ?? 0)..<(field?.offset ?? 0) + (field?.byteCount ?? 0)
  }

  /// The difference in words, with offset and both values.
  public var description: String {
    "\(bytes.lowerBound.hex)-\((bytes.upperBound - 1).hex): "
      + "here \(Self.text(here)), saved \(Self.text(saved))"
  }

  private static func text(_ field: ConfigLayout.Field?) -> String {
    field.map { "\($0.name) 0x\($0.value.hex(digits: 2 * $0.byteCount))" } ?? "nothing"
  }
}
