public import Hardware
public import IOMMU
import Synchronization

/// An interrupt as it is delivered to the guest's processors.
public struct VTdInterrupt: Hashable, Sendable {
  /// The vector.
  public var vector: UInt8
  /// The delivery mode: 0 fixed, 1 lowest priority, 2 SMI, 4 NMI, 5 INIT, 7 ExtINT.
  public var deliveryMode: UInt8
  /// Whether the destination is a logical one.
  public var isLogical: Bool
  /// Whether any one of the destinations may take it.
  public var hasRedirectionHint: Bool
  /// Whether it is level-triggered.
  public var isLevelTriggered: Bool
  /// The destination, 8 bits or 32.
  public var destination: UInt32

  /// Describes an interrupt.
  ///
  /// - Parameters:
  ///   - vector: The vector.
  ///   - deliveryMode: The delivery mode, 3 bits.
  ///   - isLogical: Whether the destination is a logical one.
  ///   - hasRedirectionHint: Whether any one of the destinations may take it.
  ///   - isLevelTriggered: Whether it is level-triggered.
  ///   - destination: The destination, 8 bits or 32.
  public init(
    vector: UInt8, deliveryMode: UInt8 = 0, isLogical: Bool = false,
    hasRedirectionHint: Bool = false, isLevelTriggered: Bool = false, destination: UInt32
  ) {
    self.vector = vector
    self.deliveryMode = deliveryMode
    self.isLogical = isLogical
    self.hasRedirectionHint = hasRedirectionHint
    self.isLevelTriggered = isLevelTriggered
    self.destination = destination
  }

  /// The message that asks for it; bits 31:8 of the destination stand in bits 63:40 of the address.
  public var message: (address: UInt64, data: UInt32) {
    var address: UInt64 = 0xFEE0_0000 | UInt64(destination & 0xFF) << 12
    address |= UInt64(destination >> 8) << 40
    if hasRedirectionHint { address |= 8 }
    if isLogical { address |= 4 }
    // A level-triggered interrupt is asserted by its message.
    let level: UInt32 = isLevelTriggered ? 0xC000 : 0x4000
    return (address, UInt32(vector) | UInt32(deliveryMode) << 8 | level)
  }
}

/// What becomes of a message of a device.
public enum VTdInterruptAnswer: Hashable, Sendable {
  /// It is delivered as it is: remapping is off, or the message's format passes.
  case passed
  /// This is delivered instead.
  case remapped(VTdInterrupt)
  /// Nothing is delivered.
  case refused(VTdFaultReason)
}

/// The unit's interrupt remapping.
///
/// Entries that are present are cached until the guest invalidates them. VT-d §5.
public final class VTdInterruptRemapper: VTdCacheListener {
  private let memory: GuestMemory
  private let shared = Mutex(Shared())

  private struct Shared {
    var state = VTdTranslationState.reset
    var entries: [UInt16: VTdInterruptEntry] = [:]
  }

  /// Makes a remapper with an empty cache, for a unit after a reset.
  ///
  /// - Parameter memory: The guest's memory.
  public init(memory: GuestMemory) { self.memory = memory }

  /// Remaps a message.
  ///
  /// - Parameters:
  ///   - address: Where it is written.
  ///   - data: What is written.
  ///   - requester: Who writes it.
  ///   - events: Where a fault goes.
  /// - Returns: What becomes of it.
  public func remap(
    _ address: UInt64, _ data: UInt32, from requester: RequesterID,
    reportingTo events: some VTdRequestEvents
  ) -> VTdInterruptAnswer {
    let request = VTdInterruptRequest(address: address, data: data)
    let (answer, isQuiet) = shared.withLock {
      self.answer(request, requester.sourceID, &$0)
    }
    if case .refused(let reason) = answer, !isQuiet {
      let index = request.isRemappable ? UInt16(truncatingIfNeeded: request.index) : 0
      events.record(
        VTdFault(
          reason, source: requester.sourceID, request: .interrupt(index: index), access: .write))
    }
    return answer
  }

  /// The answer, and whether FPD keeps a fault from being recorded.
  private func answer(
    _ request: VTdInterruptRequest, _ requester: UInt16, _ shared: inout Shared
  ) -> (VTdInterruptAnswer, isQuiet: Bool) {
    guard shared.state.remapsInterrupts else { return (.passed, false) }
    let table = VTdInterruptTableAddress(rawValue: shared.state.interruptTable)
    guard request.isRemappable else {
      let passes = shared.state.passesCompatibilityInterrupts && !table.isExtended
      return (passes ? .passed : .refused(.interruptCompatibility), false)
    }
    guard !request.hasReserved else { return (.refused(.interruptReserved), false) }
    let index = request.index
    guard index < table.count else { return (.refused(.interruptIndex), false) }
    guard let entry = entry(UInt16(index), table, &shared) else {
      return (.refused(.interruptFetch), false)
    }
    let isQuiet = entry.disablesFaults
    guard entry.isPresent else { return (.refused(.interruptNotPresent), isQuiet) }
    guard !entry.hasReserved(isExtended: table.isExtended) else {
      return (.refused(.interruptEntryReserved), isQuiet)
    }
    guard entry.admits(requester) else { return (.refused(.interruptSource), isQuiet) }
    shared.entries[UInt16(index)] = entry
    return (
      .remapped(
        VTdInterrupt(
          vector: entry.vector, deliveryMode: entry.deliveryMode, isLogical: entry.isLogical,
          hasRedirectionHint: entry.hasRedirectionHint,
          isLevelTriggered: entry.isLevelTriggered,
          destination: entry.destination(isExtended: table.isExtended))), false
    )
  }

  /// The entry, cached or read once.
  private func entry(
    _ index: UInt16, _ table: VTdInterruptTableAddress, _ shared: inout Shared
  ) -> VTdInterruptEntry? {
    if let cached = shared.entries[index] { return cached }
    let place = GuestPhysicalAddress(table.table.rawValue &+ UInt64(index) &* 16)
    guard let words: InlineArray<2, UInt64> = memory.words(at: place) else { return nil }
    return VTdInterruptEntry(low: words[0], high: words[1])
  }

  // MARK: Invalidation

  /// Takes over what the registers say; another table's entries are forgotten.
  public func changed(to state: VTdTranslationState) {
    shared.withLock { shared in
      if shared.state.interruptTable != state.interruptTable { shared.entries.removeAll() }
      shared.state = state
    }
  }

  /// Drops entries from the cache.
  public func invalidate(_ invalidation: VTdCacheInvalidation) {
    switch invalidation {
    case .allInterrupts: shared.withLock { $0.entries.removeAll() }
    case .interrupts(let index, let bits):
      shared.withLock { shared in
        // A queue full of these must not go through the whole cache for each.
        guard bits <= 8 else { return shared.entries.removeAll(keepingCapacity: true) }
        guard !shared.entries.isEmpty else { return }
        let first = index & ~((1 << UInt16(bits)) - 1)
        for low in 0..<1 << UInt16(bits) as Range<UInt16> { shared.entries[first | low] = nil }
      }
    default: break
    }
  }

  /// Each request holds the lock from reading to answering, so that none is under way.
  public func drain() {}
}
