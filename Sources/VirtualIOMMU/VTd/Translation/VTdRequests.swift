public import Hardware
public import IOMMU

/// What a unit answers to a request.
public enum VTdAnswer: Hashable, Sendable {
  /// The request may go there, until its transaction ends.
  case success(Translation)
  /// It is translated, but no memory that allows it is at this address: it is for the bus.
  case outside(GuestPhysicalAddress)
  /// It is a write of a message; see ``VTdInterruptRemapper``.
  case interrupt
  /// It is refused.
  case refused(VTdFaultReason)
}

/// How far a move of bytes came.
public struct VTdOutcome: Hashable, Sendable {
  /// How many bytes were moved, from the start on.
  public let byteCount: Int
  /// What ended it early; `nil` when all bytes were moved.
  public let obstacle: VTdAnswer?

  /// Describes how far a move of bytes came.
  ///
  /// - Parameters:
  ///   - byteCount: How many bytes were moved.
  ///   - obstacle: What ended it early.
  public init(byteCount: Int, obstacle: VTdAnswer? = nil) {
    self.byteCount = byteCount
    self.obstacle = obstacle
  }
}

/// The requests of one source with one PASID, or without, in one transaction.
///
/// What was translated stays in place until the transaction ends; keep it short, and wait for nothing
/// in it. Faults are recorded when it has ended.
public struct VTdRequests: ~Copyable {
  @usableFromInline let dma: DMATransaction
  @usableFromInline let context: TranslationContext
  /// Whether a request cannot go straight to the tables: it is refused, or has no PASID.
  @usableFromInline let isSpecial: Bool
  private let rules: VTdRouteRules
  private let refusal: VTdTableFault?
  private let source: UInt16
  private let pasid: PASID?
  private let request: VTdFault.Request
  /// Whether addresses of the interrupt range are no memory, whatever the tables say.
  private let hasInterruptRange: Bool
  private(set) var faults: [VTdFault] = []

  /// More faults than this are lost, as they are when the recording registers are full.
  private static var faultLimit: Int { 64 }

  init(_ source: VTdSource, _ pasid: PASID?, _ memory: GuestMemory) {
    dma = memory.unit.begin()
    // Inside the transaction, so that a drain waits for whoever uses what was found.
    let route = source.route(pasid)
    self.source = source.requester.sourceID
    self.pasid = pasid
    request = .untranslated
    hasInterruptRange = pasid == nil
    switch route {
    case .success(let route):
      context = route.context
      rules = route.rules
      refusal = nil
    case .failure(let fault):
      context = memory.context
      rules = []
      refusal = fault
    case nil:
      context = memory.context
      rules = .isOff
      refusal = VTdTableFault(.none, disablesFaults: false)
    }
    isSpecial = pasid == nil || refusal != nil
  }

  /// Requests with addresses that the device had translated before (ATS).
  init(translated source: VTdSource, _ memory: GuestMemory) {
    dma = memory.unit.begin()
    context = memory.context
    refusal = source.refusesDeviceTLB()
    rules = source.isLegacy ? [.isOff, .isLegacy] : .isOff
    self.source = source.requester.sourceID
    pasid = nil
    request = .translated
    hasInterruptRange = true
    isSpecial = true
  }

  /// Ends the transaction.
  consuming func end() -> [VTdFault] { faults }

  /// Translates one address.
  ///
  /// Nothing is allocated unless the request is refused.
  ///
  /// - Parameters:
  ///   - iova: The address, with its offset in the page.
  ///   - access: What is wanted; without PASID, execution and privilege are not carried.
  /// - Returns: The answer; a translation reaches to the end of the 4 KiB page.
  @inlinable
  public mutating func translate(_ iova: IOVA, _ access: DMAAccess) -> VTdAnswer {
    if isSpecial { return translateSpecial(iova, access) }
    switch dma.translate(iova, access, for: context) {
    case .success(let found): return .success(found)
    case .fault(let fault): return refuse(fault, access)
    }
  }

  /// Translates a request without PASID, or refuses one.
  @usableFromInline
  mutating func translateSpecial(_ iova: IOVA, _ access: DMAAccess) -> VTdAnswer {
    guard refusal == nil, !hasInterruptRange || iova.rawValue >> 20 != 0xFEE else {
      return exception(iova, access)
    }
    switch dma.translate(iova, carried(access), for: context) {
    case .success(let found): return .success(found)
    case .fault(let fault): return refuse(fault, access)
    }
  }

  /// Reads memory as a device does: page by page, until done or refused.
  ///
  /// - Parameters:
  ///   - iova: Where the first byte is.
  ///   - buffer: What is filled, from the start.
  ///   - access: What is asked for besides reading: execution or privilege.
  /// - Returns: How far it came.
  public mutating func read(
    from iova: IOVA, into buffer: inout MutableSpan<UInt8>, _ access: DMAAccess = []
  ) -> VTdOutcome {
    let access = access.union(.read)
    let count = movable(iova, buffer.count)
    guard count > 0 || buffer.count == 0 else {
      return VTdOutcome(byteCount: 0, obstacle: exception(iova, access))
    }
    var part = buffer._mutatingExtracting(0..<count)
    let outcome = dma.read(from: iova, into: &part, carried(access), for: context)
    return end(outcome, iova, access, count, of: buffer.count)
  }

  /// Writes memory as a device does: page by page, until done or refused.
  ///
  /// - Parameters:
  ///   - iova: Where the first byte goes.
  ///   - buffer: The bytes.
  ///   - access: What is asked for besides writing: privilege.
  /// - Returns: How far it came.
  public mutating func write(
    to iova: IOVA, from buffer: Span<UInt8>, _ access: DMAAccess = []
  ) -> VTdOutcome {
    let access = access.union(.write)
    let count = movable(iova, buffer.count)
    guard count > 0 || buffer.count == 0 else {
      return VTdOutcome(byteCount: 0, obstacle: exception(iova, access))
    }
    let outcome = dma.write(
      to: iova, from: buffer.extracting(0..<count), carried(access), for: context)
    return end(outcome, iova, access, count, of: buffer.count)
  }

  /// Copies memory to memory as a device does, from the lowest address up.
  ///
  /// - Parameters:
  ///   - byteCount: How many bytes, not less than zero.
  ///   - source: Where the first byte is.
  ///   - target: Where the first byte goes.
  ///   - mode: Privilege.
  /// - Returns: How far it came, and whether it was the target's side that ended it.
  public mutating func copy(
    _ byteCount: Int, from source: IOVA, to target: IOVA, _ mode: DMAAccess = []
  ) -> (outcome: VTdOutcome, endedAtTarget: Bool) {
    let readable = movable(source, byteCount)
    let count = min(readable, movable(target, byteCount))
    guard count > 0 || byteCount == 0 else {
      let endedAtTarget = readable > 0
      let obstacle =
        endedAtTarget
        ? exception(target, mode.union(.write)) : exception(source, mode.union(.read))
      return (VTdOutcome(byteCount: 0, obstacle: obstacle), endedAtTarget)
    }
    let moved = dma.copy(
      count, from: source, of: context, to: target, of: context, carried(mode))
    // The source's side is looked at first, so the same address on both is its.
    var endedAtTarget = moved.byteCount == count && readable > count
    if case .fault(let fault) = moved.obstacle {
      endedAtTarget = fault.address.rawValue != source.rawValue &+ UInt64(moved.byteCount)
    }
    let (start, access) = endedAtTarget ? (target, DMAAccess.write) : (source, .read)
    return (end(moved, start, mode.union(access), count, of: byteCount), endedAtTarget)
  }

  // MARK: What is left

  /// What the request carries to the tables: only a PASID's prefix has mode bits.
  @inline(__always)
  private func carried(_ access: DMAAccess) -> DMAAccess {
    guard pasid == nil else { return access }
    let plain = access.intersection([.read, .write])
    return rules.contains(.isRIDPrivileged) ? plain.union(.privileged) : plain
  }

  /// How many bytes of a move come before the interrupt range; none when everything is refused.
  private func movable(_ iova: IOVA, _ count: Int) -> Int {
    guard refusal == nil else { return 0 }
    guard hasInterruptRange else { return count }
    let start: UInt64 = 0xFEE0_0000
    if iova.rawValue >> 20 == 0xFEE { return 0 }
    return iova.rawValue < start ? Int(min(UInt64(count), start - iova.rawValue)) : count
  }

  private mutating func end(
    _ outcome: DMAOutcome, _ iova: IOVA, _ access: DMAAccess, _ count: Int, of total: Int
  ) -> VTdOutcome {
    let obstacle: VTdAnswer? =
      switch outcome.obstacle {
      case .fault(let fault): refuse(fault, access)
      case .unreachable:
        .outside(GuestPhysicalAddress(iova.rawValue &+ UInt64(outcome.byteCount)))
      case nil:
        count == total ? nil : exception(IOVA(iova.rawValue &+ UInt64(count)), access)
      }
    return VTdOutcome(byteCount: outcome.byteCount, obstacle: obstacle)
  }

  /// A request that no table translates.
  @inline(never)
  private mutating func exception(_ iova: IOVA, _ access: DMAAccess) -> VTdAnswer {
    if let refusal {
      // With translation off, a request with PASID is dropped without a word.
      if refusal.reason == .none { return .refused(.none) }
      if !hasInterruptRange || request == .translated || iova.rawValue >> 20 != 0xFEE {
        return note(refusal.reason, iova, access, isQuiet: refusal.isSuppressed)
      }
    }
    if request == .untranslated {
      if access.contains(.write) { return .interrupt }
      if rules.contains(.isOff) { return .outside(GuestPhysicalAddress(iova.rawValue)) }
    }
    let reason: VTdFaultReason =
      rules.contains(.isLegacy) ? .legacyInterruptRange : .interruptRange
    return note(reason, iova, access, isQuiet: rules.contains(.disablesFaults))
  }

  @usableFromInline @inline(never)
  mutating func refuse(_ fault: TranslationFault, _ access: DMAAccess) -> VTdAnswer {
    guard !rules.contains(.isOff), case .vtd(let reason) = fault.reason, reason != .none else {
      let isOff = rules.contains(.isOff)
      return .outside(isOff ? GuestPhysicalAddress(fault.address.rawValue) : fault.intermediate)
    }
    let isQuiet = rules.contains(.disablesFaults) && reason.isQualified
    return note(reason, fault.address, access, isQuiet: isQuiet)
  }

  private mutating func note(
    _ reason: VTdFaultReason, _ iova: IOVA, _ access: DMAAccess, isQuiet: Bool
  ) -> VTdAnswer {
    if !isQuiet, faults.count < Self.faultLimit {
      faults.append(
        VTdFault(
          reason, source: source, request: request, address: iova, pasid: pasid, access: access))
    }
    return .refused(reason)
  }
}
