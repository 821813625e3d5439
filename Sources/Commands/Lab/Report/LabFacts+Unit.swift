import PCIe
import Passthrough

/// What there is only when the guest has a unit of its own.
extension LabFacts {
  /// What the device is attached to on its first host.
  package struct Attachment: Sendable {
    /// The nesting parent; `nil` for a device without a page table.
    package var table: UInt32?
    /// How it was allocated, by the names in Linux's headers.
    package var flags: [String]
    /// What was decided and why, in words.
    package let text: String
    /// Pages that are pinned for the device.
    package let pinnedPages: Int
  }

  /// What the guest is shown of PASIDs, ATS and page requests.
  package struct Synthesis: Sendable {
    /// One capability.
    package struct Feature: Sendable {
      /// `shown`, `present` or `withheld`.
      package let outcome: String
      package let offset: Int?
      /// The reasons' names, which are stable.
      package let reasons: [String]
    }

    package let pasid: Feature
    /// Bits of a PASID; `nil` when no capability is synthesised.
    package let width: Int?
    package let ats: Feature
    package let pageRequests: Feature

    init(_ decision: SynthesisDecision) {
      func feature(_ feature: SynthesisDecision.Feature) -> Feature {
        Feature(
          outcome: feature.isShown ? "shown" : "withheld", offset: feature.offset,
          reasons: feature.reasons.map(\.name))
      }
      pasid = Feature(
        outcome: decision.pasids.word, offset: decision.offset,
        reasons: decision.reasons.map(\.name))
      width = decision.capability?.width
      ats = feature(decision.ats)
      pageRequests = feature(decision.pageRequests)
    }
  }

  /// The guest's unit, as its driver reads and programs it.
  package struct Unit: Sendable {
    /// CAP and ECAP.
    package let capability: UInt64
    package let extendedCapability: UInt64
    package let pasidWidth: Int
    package let addressWidth: Int
    /// Guest-physical address of the root table.
    package let root: UInt64
  }

  /// The way of the first PASID through the guest's tables, in guest-physical addresses.
  package struct Tables: Sendable {
    /// A place in a table, and its first word.
    package struct Entry: Sendable {
      package let address: UInt64
      package let value: UInt64
    }

    /// The requester ID.
    package let source: UInt16
    package let pasid: UInt32
    package let root: UInt64
    package let rootEntry: Entry
    package let contextTable: UInt64
    package let contextEntry: Entry
    package let directory: UInt64
    package let directoryEntry: Entry
    package let pasidEntry: Entry
    /// The first stage that the entry leads to.
    package let firstStage: UInt64
    /// The kernel's numbers: the nested table, and the one that it stands on.
    package let nestedTable: UInt32?
    package let parent: UInt32?
  }

  /// A fault that the unit recorded for its guest.
  package struct UnitFault: Sendable {
    package let reason: Int
    package let source: UInt16
    package let pasid: UInt32?
  }

  /// What a migration moved.
  package struct Migration: Sendable {
    /// Pages that devices wrote while memory was copied.
    package let dirtyPages: Int
    /// PASIDs that the second host has attached.
    package let attachedPASIDs: Int
    /// Whether the guest runs on the second host.
    package let isDone: Bool
  }
}
