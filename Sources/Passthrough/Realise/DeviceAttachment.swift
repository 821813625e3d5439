public import HostABI
import Hardware

/// How a device was attached, and why so.
public struct DeviceAttachment: Hashable, Sendable {
  /// What the device goes through.
  public enum Table: Hashable, Sendable {
    /// A page table, with its number and how it was allocated; one that another device had made
    /// before counts as reused.
    case pageTable(id: UInt32, HWPTFlags, isReused: Bool)
    /// The kernel reads and writes guest memory for the device by itself.
    case addressSpace(id: UInt32)
    /// Nothing of ours: the VMM's own business.
    case foreign
  }

  /// One reason of how it was attached.
  public enum Reason: Hashable, Sendable {
    /// The guest's IOMMU nests first stages.
    case nests
    /// The guest's IOMMU attaches PASIDs and the device has some.
    case pasids
    /// The guest's IOMMU attaches PASIDs, but the device has none.
    case noPASIDs
    /// Pages that the device writes are tracked.
    case tracksDirtyPages
    /// They were to be tracked, but the host's unit cannot do so for the device.
    case cannotTrack
    /// The device has an address space of its own, as nesting under VT-d needs.
    case ownSpace
    /// Regions that devices may only read are not mapped: the host's unit has erratum 772415, or
    /// Linux says so, and refuses them under a nesting parent.
    case omitsReadOnly
    /// There is no host IOMMU to speak of.
    case noHostIOMMU(NoHostIOMMU)
  }

  /// What the device goes through.
  public let table: Table
  /// Why.
  public let reasons: [Reason]
}

extension DeviceAttachment: CustomStringConvertible {
  /// The attachment in words.
  public var description: String {
    let what =
      switch table {
      case .pageTable(let id, let flags, let isReused):
        "page table \(id) (\(flags.words))" + (isReused ? ", which another device has too" : "")
      case .addressSpace(let id): "address space \(id)"
      case .foreign: "nothing of iommufd"
      }
    return what
      + (reasons.isEmpty ? "" : ": " + reasons.map { "\($0)" }.joined(separator: "; "))
  }
}

extension DeviceAttachment.Reason: CustomStringConvertible {
  /// The reason in one word, the same in every version.
  public var name: String {
    switch self {
    case .nests: "nests"
    case .pasids: "pasids"
    case .noPASIDs: "no-pasids"
    case .tracksDirtyPages: "tracks-dirty-pages"
    case .cannotTrack: "cannot-track"
    case .ownSpace: "own-space"
    case .omitsReadOnly: "omits-read-only"
    case .noHostIOMMU: "no-host-iommu"
    }
  }

  /// The reason in words.
  public var description: String {
    switch self {
    case .nests: "the guest's IOMMU nests its first stages"
    case .pasids: "the guest's IOMMU attaches PASIDs, and the device has them"
    case .noPASIDs: "the guest's IOMMU attaches PASIDs, but the device has none"
    case .tracksDirtyPages: "pages that the device writes are tracked"
    case .cannotTrack: "pages that the device writes cannot be tracked by the host's IOMMU"
    case .ownSpace: "nesting under VT-d shares its address space with no other device"
    case .omitsReadOnly:
      "memory that devices may only read is left out: the host maps none under a nesting parent"
    case .noHostIOMMU(let reason): "\(reason)"
    }
  }
}

/// The attachment as programs read it; keys and words are stable.
extension DeviceAttachment: Encodable {
  private enum Key: String, CodingKey {
    case pageTable, addressSpace, flags, reused, reasons, name, text
  }

  /// Writes `pageTable` or `addressSpace`, `flags`, `reused`, and `reasons` with `name` and `text`.
  public func encode(to encoder: any Encoder) throws {
    var all = encoder.container(keyedBy: Key.self)
    switch table {
    case .pageTable(let id, let flags, let isReused):
      try all.encode(id, forKey: .pageTable)
      try all.encode(flags.names, forKey: .flags)
      try all.encode(isReused, forKey: .reused)
    case .addressSpace(let id): try all.encode(id, forKey: .addressSpace)
    case .foreign: break
    }
    var list = all.nestedUnkeyedContainer(forKey: .reasons)
    for reason in reasons {
      var one = list.nestedContainer(keyedBy: Key.self)
      try one.encode(reason.name, forKey: .name)
      try one.encode("\(reason)", forKey: .text)
    }
  }
}

extension HWPTFlags {
  /// The flags by their names in Linux's headers.
  var names: [String] {
    let names: [(HWPTFlags, String)] = [
      (.nestParent, "NEST_PARENT"), (.dirtyTracking, "DIRTY_TRACKING"), (.pasid, "PASID"),
    ]
    return names.filter { contains($0.0) }.map(\.1)
  }

  /// The flags in words.
  var words: String { isEmpty ? "no flags" : names.joined(separator: " | ") }
}
