/// What a run of the lab did and found.
package struct LabReport: Sendable {
  /// How many PASIDs were asked for.
  package let pasidCount: Int
  /// The steps that were made, in order; a step that fails ends the run.
  package internal(set) var steps: [LabStep] = []
  /// What was found, for programs and pictures.
  package internal(set) var facts = LabFacts()
  /// Whether all steps were made.
  package internal(set) var isComplete = false

  init(pasidCount: Int) { self.pasidCount = pasidCount }

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
    case host, bind, memory, tables, dma, faults, pageRequests, invalidation, close
  }

  /// What it is called.
  package let name: Name
  /// What it shows.
  package let title: String
  /// The rooms that it goes through, in order.
  package let way: [String]
  /// What happened.
  package internal(set) var events: [LabEvent] = []
  /// The system calls that were made, each where it was made first.
  package internal(set) var calls: [LabCall] = []

  /// Whether everything that was checked is as it should be.
  package var holds: Bool { events.allSatisfy { $0.holds != false } }
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
    case host, device, guest
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
