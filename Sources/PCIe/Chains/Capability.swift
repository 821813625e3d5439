import Hardware

/// Which of a function's two capability lists an entry or a problem belongs to.
public enum CapabilityList: String, Hashable, Sendable {
  /// The list that starts at the pointer at 0x34 and lives below 0x100.
  case legacy
  /// The list that starts at 0x100, PCI Express Base Specification 7.6.
  case extended

  /// Bytes of an entry's own header: identifier and pointer, in an extended entry also the version.
  public var headerSize: Int { self == .legacy ? 2 : 4 }

  /// The offsets that an entry of this list may start at, when all of config space is there.
  public var offsets: ClosedRange<Int> { self == .legacy ? 0x40...0xFF : 0x100...0xFFF }
}

/// One entry of a capability list, as the walk met it.
public struct Capability: Hashable, Sendable {
  /// The list that the entry belongs to.
  public let list: CapabilityList
  /// The capability ID: 8 bits in the legacy list, 16 in the extended one.
  public let id: UInt16
  /// The version field of an extended entry (4 bits); 0 in the legacy list.
  public let version: UInt8
  /// The offset of the entry's header, in bytes.
  public let offset: Int
  /// The offset that the entry's pointer names, as software reads it; 0 ends the list.
  public let next: Int
  /// The length in bytes with the header, or `nil` when nothing states it.
  public let size: Int?

  /// Makes an entry from its parts.
  ///
  /// - Parameters:
  ///   - list: The list that the entry belongs to.
  ///   - id: The capability ID.
  ///   - version: The version, for an extended entry.
  ///   - offset: The offset of the header, in bytes.
  ///   - next: The offset that its pointer names.
  ///   - size: The length in bytes with the header, `nil` when unknown.
  public init(
    list: CapabilityList, id: UInt16, version: UInt8 = 0, offset: Int, next: Int, size: Int?
  ) {
    self.list = list
    self.id = id
    self.version = version
    self.offset = offset
    self.next = next
    self.size = size
  }

  /// The row of the catalogue that describes this entry; `nil` for an ID that it does not have.
  @inlinable
  public var kind: CapabilityKind? { CapabilityCatalogue.kind(id, in: list) }

  /// The capability's name, or its ID in words when nobody knows it.
  public var name: String { kind.map { "\($0.name)" } ?? "Unknown capability \(id.hex)" }

  /// The capability's short name as `lspci` users know it, or its ID.
  public var shortName: String { kind.map { "\($0.short)" } ?? id.hex }

  /// Whether the entry only holds a place in the list (ID 0).
  public var isPlaceholder: Bool { id == 0 }

  /// The bytes that are known to be the entry's.
  ///
  /// Header and body; when the length is unknown, the header and the register that should have
  /// stated it, if the kind has one. Never past the end of the list's part of config space.
  public var knownBytes: ClosedRange<Int> {
    let length = Swift.max(size ?? kind?.length.minimum ?? 0, list.headerSize)
    return offset...Swift.min(offset + length - 1, list.offsets.upperBound)
  }

  /// The bytes of the header alone.
  public var headerBytes: ClosedRange<Int> {
    offset...Swift.min(offset + list.headerSize - 1, list.offsets.upperBound)
  }
}

extension Capability {
  /// ID of the extended capability "Process Address Space ID" (`PCI_EXT_CAP_ID_PASID`).
  public static let pasidID: UInt16 = 0x001B
  /// ID of the legacy capability "PCI-X" (`PCI_CAP_ID_PCIX`).
  public static let pciXID: UInt16 = 0x07
  /// ID of the legacy capability "PCI Express" (`PCI_CAP_ID_EXP`).
  public static let pciExpressID: UInt16 = 0x10
}
