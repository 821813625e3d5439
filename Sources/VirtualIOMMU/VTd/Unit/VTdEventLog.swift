public import Hardware
public import IOMMU

/// Something that an operator may want to know, since the guest alone cannot tell.
public enum VTdEvent: Hashable, Sendable, CustomStringConvertible {
  /// A host refused what the guest's tables ask for; whether the translation before stays in use.
  case refused(device: String, pasid: PASID?, BackendRefusal, keepsOld: Bool)
  /// The guest's tables ask for a second stage of its own, which a host's device cannot have.
  case secondStage(device: String, pasid: PASID?)
  /// The guest's tables are wrong, so that nothing translates.
  case wrongTables(device: String, pasid: PASID?, VTdFaultReason)
  /// A host refused an invalidation, so the translation was taken away.
  case invalidationRefused(device: String, pasid: PASID?, BackendRefusal)
  /// The queue stopped at an offset, with IQEI and the descriptor's first words.
  case queueStopped(at: UInt64, UInt8, UInt64, UInt64)
  /// The queue stopped before a descriptor was read: where it is, its tail, and IQEI.
  case queueUnusable(base: UInt64, tail: UInt64, UInt8)
  /// A page request found the guest's queue full; devices are told to try again until it is read.
  case requestQueueFull(source: UInt16)
  /// A device did not answer an invalidation of its TLB.
  case deviceSilent(source: UInt16)

  /// One line for an operator.
  public var description: String {
    func name(_ device: String, _ pasid: PASID?) -> String {
      pasid.map { "\(device), PASID \($0.rawValue)" } ?? device
    }
    return switch self {
    case .refused(let device, let pasid, let refusal, let keepsOld):
      "\(name(device, pasid)): the host refused the guest's table"
        + "\(keepsOld ? " and goes on with the one before" : ""): \(refusal.description)"
    case .secondStage(let device, let pasid):
      "\(name(device, pasid)): the guest's own second stage cannot be nested on a host; "
        + "its DMA is stopped"
    case .wrongTables(let device, let pasid, let reason):
      "\(name(device, pasid)): the guest's tables are wrong (fault reason "
        + "\(reason.rawValue.hex)); its DMA is stopped"
    case .invalidationRefused(let device, let pasid, let refusal):
      "\(name(device, pasid)): the host refused an invalidation, so DMA was stopped: "
        + refusal.description
    case .queueStopped(let offset, let problem, let low, let high):
      "the invalidation queue stopped at offset \(offset.hex) with error \(problem): descriptor "
        + "\(low.hex) \(high.hex)"
    case .queueUnusable(let base, let tail, let problem):
      problem == VTdQueueProblem.fetch.rawValue
        ? "the invalidation queue at \(base.hex) stopped: no memory of the guest that is shared "
          + "with this process is there"
        : "the invalidation queue at \(base.hex) stopped with error \(problem): its tail is set to "
          + tail.hex
    case .requestQueueFull(let source):
      "the guest does not read its page request queue: one of the device at "
        + "\(RequesterID(sourceID: source).place) found it full, and devices are told to try "
        + "again until the guest clears PRS.PRO"
    case .deviceSilent(let source):
      "the device at \(RequesterID(sourceID: source).place) did not answer an invalidation of "
        + "its TLB"
    }
  }
}

/// The latest events; a guest can cause any number.
struct VTdEventLog: Sendable {
  /// How many are kept.
  static let capacity = 256

  private var events: [VTdEvent] = []
  private var oldest = 0
  private(set) var dropped = 0

  mutating func append(_ event: VTdEvent) {
    if events.count < Self.capacity {
      events.append(event)
    } else {
      events[oldest] = event
      oldest = (oldest + 1) % Self.capacity
      dropped &+= 1
    }
  }

  /// All that are kept, oldest first, which are then forgotten.
  mutating func take() -> [VTdEvent] {
    let all = Array(events[oldest...] + events[..<oldest])
    events.removeAll(keepingCapacity: true)
    oldest = 0
    return all
  }
}
