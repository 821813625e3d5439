/// The ACPI table that tells a guest of its VT-d units (DMA Remapping Reporting).
///
/// VT-d §8.1.
public struct DMARTable: Hashable, Sendable {
  /// Flags of the whole table.
  public struct Flags: OptionSet, Hashable, Sendable {
    /// The flags.
    public let rawValue: UInt8
    /// Makes a set from its flags.
    ///
    /// - Parameter rawValue: The flags.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Interrupts can be remapped.
    public static let interruptRemapping = Self(rawValue: 1)
    /// The guest is asked to leave x2APIC mode alone.
    public static let optsOutOfX2APIC = Self(rawValue: 2)
    /// The firmware asks that DMA be restricted from the start.
    public static let optsIntoDMAControl = Self(rawValue: 4)
  }

  /// Who made the table, as every ACPI table says it.
  public struct Origin: Hashable, Sendable {
    /// OEMID: up to 6 bytes of ASCII.
    public var oem: String
    /// OEM Table ID: up to 8 bytes of ASCII.
    public var table: String
    /// OEM Revision.
    public var revision: UInt32
    /// Creator ID: up to 4 bytes of ASCII.
    public var creator: String
    /// Creator Revision.
    public var creatorRevision: UInt32

    /// Names who made the table.
    ///
    /// - Parameters:
    ///   - oem: OEMID: up to 6 bytes of ASCII; the rest is cut off, here and below.
    ///   - table: OEM Table ID: up to 8 bytes.
    ///   - revision: OEM Revision.
    ///   - creator: Creator ID: up to 4 bytes.
    ///   - creatorRevision: Creator Revision.
    public init(
      oem: String = "PASSGE", table: String = "PASSDMAR", revision: UInt32 = 1,
      creator: String = "PASG", creatorRevision: UInt32 = 1
    ) {
      self.oem = oem
      self.table = table
      self.revision = revision
      self.creator = creator
      self.creatorRevision = creatorRevision
    }
  }

  /// The width in bits of the addresses that DMA can reach.
  public var hostAddressWidth: Int
  /// Flags of the whole table.
  public var flags: Flags
  /// What it tells; see ``encoded()`` for the order.
  public var structures: [DMARStructure]
  /// Who made it.
  public var origin: Origin

  /// Describes a table.
  ///
  /// - Parameters:
  ///   - hostAddressWidth: The width in bits of the addresses that DMA can reach, 1 to 256.
  ///   - flags: Flags of the whole table.
  ///   - structures: What it tells.
  ///   - origin: Who made it.
  public init(
    hostAddressWidth: Int, flags: Flags = [], structures: [DMARStructure],
    origin: Origin = Origin()
  ) {
    self.hostAddressWidth = hostAddressWidth
    self.flags = flags
    self.structures = structures
    self.origin = origin
  }

  /// The table's bytes, checksum included.
  ///
  /// Structures stand in the order of their types, each kind as given, except that a unit that
  /// includes all other devices of its segment follows the segment's other units.
  ///
  /// - Returns: The bytes.
  /// - Throws: ``DMARTableError`` when a structure cannot be written down.
  public func encoded() throws(DMARTableError) -> [UInt8] {
    guard (1...256).contains(hostAddressWidth) else { throw .addressWidth(hostAddressWidth) }
    var body: [UInt8] = []
    for structure in try ordered() {
      body += try structure.encoded()
    }
    var bytes: [UInt8] = []
    bytes.append(text: "DMAR", count: 4)
    bytes.append(little: UInt32(48 + body.count))
    // Revision, then the checksum's place.
    bytes += [1, 0]
    bytes.append(text: origin.oem, count: 6)
    bytes.append(text: origin.table, count: 8)
    bytes.append(little: origin.revision)
    bytes.append(text: origin.creator, count: 4)
    bytes.append(little: origin.creatorRevision)
    bytes += [UInt8(hostAddressWidth - 1), flags.rawValue]
    bytes += [UInt8](repeating: 0, count: 10)
    bytes += body
    // All bytes add up to zero.
    bytes[9] = 0 &- bytes.reduce(0, &+)
    return bytes
  }

  /// The structures as they are written, once it is sure that no segment has two units for the rest.
  private func ordered() throws(DMARTableError) -> [DMARStructure] {
    var whole: Set<UInt16> = []
    for case .unit(let unit) in structures where unit.includesAll {
      guard whole.insert(unit.segment).inserted else { throw .twoIncludeAll(unit.segment) }
    }
    // Sorting by a pair keeps the given order among equals.
    return structures.enumerated().sorted { a, b in
      (a.element.order, a.offset) < (b.element.order, b.offset)
    }.map(\.element)
  }
}

/// Why a DMAR table cannot be written down.
public enum DMARTableError: Error, Hashable, Sendable, CustomStringConvertible {
  /// No such width of addresses.
  case addressWidth(Int)
  /// Two units of a segment include all devices that no other has.
  case twoIncludeAll(UInt16)
  /// A structure has more than 65,535 bytes, or a scope no hop or more than 124.
  case length
  /// The range's end lies before its start, or either is no page boundary.
  case range(UInt64, UInt64)
  /// A unit's registers are no power of two of pages from 4 KiB to 128 MiB, or not aligned to it.
  case registers(base: UInt64, byteCount: UInt64)
  /// A device's or function's number is too large.
  case hop(device: UInt8, function: UInt8)
  /// A name that ends early or is no ASCII.
  case name(String)

  /// What is wrong, for whoever describes the machine.
  public var description: String {
    switch self {
    case .addressWidth(let width): "addresses have 1 to 256 bits, not \(width)"
    case .twoIncludeAll(let segment): "two units include all of segment \(segment)"
    case .length: "a structure or a scope has no length that its field can say"
    case .range(let start, let end):
      "reserved memory from \(start) to \(end) does not start and end with a page"
    case .registers(let base, let count):
      "\(count) bytes of registers at \(base): not a power of two of pages, or not aligned"
    case .hop(let device, let function): "there is no device \(device), function \(function)"
    case .name(let name): "the ACPI name \(name) is empty or no ASCII"
    }
  }
}

extension [UInt8] {
  mutating func append<Value: FixedWidthInteger>(little value: Value) {
    for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
      append(UInt8(truncatingIfNeeded: value >> Value(shift)))
    }
  }

  /// The first bytes of a text, filled up with spaces as ACPI does.
  mutating func append(text: String, count: Int) {
    let bytes = text.utf8.prefix(count)
    append(contentsOf: bytes)
    append(contentsOf: repeatElement(0x20, count: count - bytes.count))
  }
}
