import Hardware

/// What a run of the lab found, as values; what was not reached is `nil` or empty.
package struct LabFacts: Sendable {
  package internal(set) var device: Device?
  package internal(set) var hardware: Hardware?
  package internal(set) var memory: Memory?
  package internal(set) var processes: [Process] = []
  package internal(set) var walk: Walk?
  package internal(set) var faults: [Fault] = []
  package internal(set) var pageRequests: [PageRequest] = []
  package internal(set) var invalidation: Invalidation?
  package internal(set) var end: End?
  // What there is only with a unit of the guest's own.
  package internal(set) var attachment: Attachment?
  package internal(set) var synthesis: Synthesis?
  package internal(set) var unit: Unit?
  package internal(set) var tables: Tables?
  package internal(set) var unitFaults: [UnitFault] = []
  package internal(set) var migration: Migration?

  /// The device as it is, and as VFIO shows it.
  package struct Device: Sendable {
    package let address: String
    package let title: String
    package let vendorID: UInt16
    package let deviceID: UInt16
    /// Offset of the device's own PASID capability.
    package let pasidOffset: Int?
    /// Whether VFIO shows a PASID capability.
    package var isPASIDShown: Bool?
    /// Where a vPASID can go in what VFIO shows, and how sure that is.
    package var vpasidOffset: Int?
    package var vpasidGrade: String?
  }

  /// What the kernel says about the IOMMU and the device's PASIDs.
  package struct Hardware: Sendable {
    package let unit: String
    package let pasidWidth: Int
    package let allowsExecute: Bool
    package let allowsPrivileged: Bool
    package let nests: Bool
    package let tracksDirtyPages: Bool
    package let allowsATS: Bool
  }

  /// The guest's memory, and the second stage that leads there.
  package struct Memory: Sendable {
    package let addressSpace: UInt32
    package let guestAddress: UInt64
    package let byteCount: UInt64
    package let hostAddress: UInt64
    /// First and last addresses that devices may use.
    package let usable: [ClosedRange<UInt64>]
    package let nestingParent: UInt32
    /// Pages that are pinned for the device.
    package let pinnedPages: Int
  }

  /// A guest process with a PASID.
  package struct Process: Sendable {
    package let pasid: UInt32
    /// Guest-physical address of its top table.
    package let table: UInt64
    /// The kernel's number for the nested table.
    package let pageTable: UInt32
    package let address: UInt64
    /// Guest-physical address that it leads to.
    package let guestAddress: UInt64
    /// What the device wrote there, as the guest finds it.
    package var text: String?
  }

  /// One translation, step by step.
  package struct Walk: Sendable {
    /// An entry of the guest's table on the way.
    package struct Level: Sendable {
      package let level: Int
      package let index: Int
      /// Guest-physical address of the entry.
      package let guestAddress: UInt64
      /// Where the second stage leads that address.
      package let hostAddress: UInt64
      package let entry: UInt64
    }

    package let pasid: UInt32
    package let address: UInt64
    /// The guest's entries, from the top table down.
    package let levels: [Level]
    package let guestAddress: UInt64
    package let hostAddress: UInt64
    /// What stands there.
    package let text: String
  }

  /// A request of the device that was refused.
  package struct Fault: Sendable {
    package let name: String
    package let pasid: UInt32?
    package let address: UInt64
    package let access: String
    /// `fault`, `blocked` or `unreachable`; `done` when it should have been refused.
    package let result: String
    /// VT-d's fault reason.
    package let reason: Int?
    package let meaning: String
    package let stage: Int?
    /// Whether a page request can cure it.
    package let isCurable: Bool?
  }

  /// A page that the device asked for.
  package struct PageRequest: Sendable {
    package let pasid: UInt32
    package let address: UInt64
    package let group: UInt32
    /// The kernel's; `nil` when the guest's unit stands between.
    package let cookie: UInt32?
    package let answer: String
    /// How the device's next try ended.
    package let retry: String
  }

  /// A page that moved without the unit being told.
  package struct Invalidation: Sendable {
    package let pasid: UInt32
    package let address: UInt64
    package let oldPage: UInt64
    package let newPage: UInt64
    /// What the two pages held after the device wrote with a stale translation.
    package let staleText: String
    package let staleHits: Int
    /// Stale hits after the invalidation, and what the new page then held.
    package let staleHitsAfter: Int
    package let text: String
  }

  /// What is left when everything was closed.
  package struct End: Sendable {
    package let attachedPASIDs: Int
    package let openContexts: Int
    package let chargedPages: Int
  }
}
