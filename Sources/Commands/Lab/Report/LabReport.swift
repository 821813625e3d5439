/// What a run of the lab did and found.
package struct LabReport: Sendable {
  /// What stands before the device in the guest.
  package let iommu: LabIOMMU
  /// What was made to fail.
  package let breaking: LabBreak?
  /// How many PASIDs were asked for.
  package let pasidCount: Int
  /// The steps that were made, in order; a step that fails ends the run.
  package internal(set) var steps: [LabStep] = []
  /// What was found, for programs and pictures.
  package internal(set) var facts = LabFacts()
  /// Whether all steps were made.
  package internal(set) var isComplete = false

  init(pasidCount: Int, iommu: LabIOMMU = .none, breaking: LabBreak? = nil) {
    self.pasidCount = pasidCount
    self.iommu = iommu
    self.breaking = breaking
  }

  /// Whether every step did what it states.
  package var holds: Bool { isComplete && steps.allSatisfy(\.holds) }
  /// How many statements were checked.
  package var claimCount: Int { steps.reduce(0) { $0 + $1.events.count { $0.holds != nil } } }
  /// How many of them hold.
  package var heldCount: Int { steps.reduce(0) { $0 + $1.events.count { $0.holds == true } } }
}

/// One step of the lab.
package struct LabStep: Sendable {
  /// What programs call it; the names are stable.
  package enum Name: String, CaseIterable, Sendable {
    case host, bind, memory, tables
    case realise, unit, function, attach
    case dma, invalidation, faults, pageRequests, replace, detach, migration, close
  }

  /// What it is called.
  package let name: Name
  /// What it shows.
  package let title: String
  /// The rooms that it goes through, in order.
  package let way: [String]
  /// What happened.
  package internal(set) var events: [LabEvent] = []
  /// What crossed the seams, each where it came first.
  package internal(set) var crossings: [LabCrossing] = []
  /// What an operator was told.
  package internal(set) var messages: [String] = []

  /// Whether everything that was checked is as it should be.
  package var holds: Bool { events.allSatisfy { $0.holds != false } }

  /// The system calls that were made, each where it was made first.
  package var calls: [LabCall] {
    crossings.filter { $0.seam == .host }.reduce(into: []) { calls, crossing in
      if let known = calls.firstIndex(where: { $0.name == crossing.name }) {
        calls[known].count += crossing.count
      } else {
        calls.append(LabCall(name: crossing.name, count: crossing.count))
      }
    }
  }
}

/// Something that crossed a seam of the house, and how often it did.
package struct LabCrossing: Hashable, Sendable {
  /// The seams, each in the direction in which it is crossed; the names are stable.
  package enum Seam: String, CaseIterable, Sendable {
    /// A guest's accesses to registers, and what it queued there.
    case unit = "guest-unit"
    /// Interrupts, and what a unit queued for its guest.
    case guest = "unit-guest"
    /// Calls of a `DeviceBackend`.
    case backend = "unit-backend"
    /// Page requests that a VMM passes on.
    case requests = "backend-unit"
    /// System calls.
    case host = "backend-host"
  }

  /// Which seam.
  package let seam: Seam
  /// What crossed it.
  package let name: String
  /// How often it did.
  package var count: Int
  /// What came back instead of an answer.
  package let error: String?
}

/// A system call that passed the seam between the VMM and its kernel, and how often it did.
package struct LabCall: Hashable, Sendable {
  /// Its name in Linux's headers.
  package let name: String
  /// How often it was made.
  package var count: Int
}

/// Something that someone did, and what came back.
package struct LabEvent: Sendable {
  /// Who does something.
  package enum Actor: String, Sendable {
    case host, device, guest, unit
    case vmm = "VMM"
  }

  /// Who did it.
  package let actor: Actor
  /// What was done, with its values.
  package let action: String
  /// What came back.
  package let answer: String
  /// Whether that is what the step states; `nil` when nothing was to be checked.
  package let holds: Bool?
  /// What should have come back, when something else did.
  package let expected: String?
}

/// The IOMMU that the lab gives its guest.
package enum LabIOMMU: String, CaseIterable, Sendable {
  /// A VT-d unit, which the guest's driver programs.
  case vtd
  /// None: the VMM nests the guest's tables by itself.
  case none
}
