import HostABI

/// What a field of a request's structure says: where it is, and how people read it.
struct FieldShape: Sendable {
  /// How a value is read.
  enum Meaning: Sendable {
    /// The structure's size, or something that is zero: of no interest to a reader.
    case plumbing
    /// A decimal number.
    case number
    /// Bits or an address of a device, in hexadecimal.
    case hex
    /// A length in bytes.
    case byteCount
    /// An address of the program's memory.
    case address
    /// An object of the context, by number.
    case object
    /// The number of an object that the request makes.
    case created
    /// A descriptor of the program.
    case descriptor
    /// Bits, by their names from bit 0.
    case flags([String])
    /// One of some named values.
    case choice([UInt64: String])
  }

  /// Whether the program gives the field, the kernel, or both.
  enum Direction: Sendable {
    case given, answered, both
  }

  /// The name in Linux's header.
  let name: String
  /// The word before the value in text; empty when the value speaks for itself.
  let label: String
  let offset: Int
  let byteCount: Int
  let meaning: Meaning
  let direction: Direction
  /// Bits at offset 4 of which one must be set for the field to count; 0 for always.
  let neededFlags: UInt32
  /// Whether text leaves the field out when it is zero.
  let hidesZero: Bool

  init<Structure: WireStructure, Value: FixedWidthInteger>(
    _ name: String, _ path: KeyPath<Structure, Value>, _ meaning: Meaning,
    _ direction: Direction = .given, label: String? = nil, neededFlags: UInt32 = 0,
    hidesZero: Bool = false
  ) {
    guard let offset = MemoryLayout<Structure>.offset(of: path) else {
      preconditionFailure("a wire structure's fields are stored")
    }
    self.name = name
    self.label = label ?? name
    self.offset = offset
    self.byteCount = Value.bitWidth / 8
    self.meaning = meaning
    self.direction = direction
    self.neededFlags = neededFlags
    self.hidesZero = hidesZero
  }
}

/// The structure of one request: its name and fields, one row each.
struct RequestShape: Sendable {
  /// The name in Linux's header, such as `IOMMU_IOAS_ALLOC`.
  let name: String
  /// Size of the structure's fixed part in bytes.
  let byteCount: Int
  let fields: [FieldShape]

  init<Structure: WireStructure>(_ name: String, _ type: Structure.Type, _ fields: [FieldShape]) {
    self.name = name
    byteCount = Structure.byteCount
    self.fields = fields
  }

  /// A request without a structure.
  init(_ name: String) {
    self.name = name
    byteCount = 0
    fields = []
  }

  /// The name as text shows it: without the prefix that all names of a kind have.
  var shortName: String { Self.shortName(name) }

  /// A name without its prefix.
  static func shortName(_ name: String) -> String {
    for (prefix, short) in [
      ("IOMMU_TEST_OP_", "TEST "), ("IOMMU_", ""), ("VFIO_DEVICE_", ""), ("VFIO_", ""),
    ] where name.hasPrefix(prefix) {
      return short + name.dropFirst(prefix.count)
    }
    return name
  }
}
