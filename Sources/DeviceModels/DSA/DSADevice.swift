public import PCIe
import Hardware
import Synchronization

/// Intel's Data Streaming Accelerator: a function that copies, fills and compares memory, with a
/// PASID for each work queue or each descriptor.
///
/// Version 1, as on Sapphire Rapids, without event log, interrupt message storage, performance
/// counters, and the operations on data integrity fields. Registers answer at once; descriptors are
/// done in ``serve()``. Engines of a group share its work queues; a descriptor that waits for a page
/// keeps its engine and no other.
///
/// Sources: the Intel Data Streaming Accelerator Architecture Specification, and Linux 7.2's
/// `uapi/linux/idxd.h` for names of fields and codes.
public final class DSADevice: DeviceModel {
  /// What it has.
  public let options: DSAOptions
  /// Config space as it comes out of reset.
  public let config: ConfigSpace
  /// Registers in BAR 0, portals in BAR 2.
  public let regions: [DeviceRegion]

  private let state: Mutex<DSAState>
  private let worker: Mutex<DSAWorker>
  private let port = Mutex<(any DevicePort)?>(nil)

  /// Makes a device.
  ///
  /// - Parameter options: What it has; ``DSAOptions/problem`` must be `nil`, anything else is a bug
  ///   and traps.
  public init(_ options: DSAOptions = DSAOptions()) {
    precondition(options.problem == nil, "no accelerator can have these options")
    self.options = options
    config = Self.config(options)
    var portals: UInt64 = DSARegister.portalsPerQueue
    while portals < DSARegister.portalsPerQueue * UInt64(options.workQueues) { portals <<= 1 }
    regions = [
      DeviceRegion(
        index: 0, isPrefetchable: true, byteCount: DSARegister.registersByteCount),
      DeviceRegion(index: 2, isPrefetchable: true, byteCount: portals),
    ]
    state = Mutex(DSAState(options))
    worker = Mutex(DSAWorker(options))
  }

  /// Gives the device its host.
  ///
  /// - Parameter port: The host's side; the device keeps it.
  public func connect(_ port: any DevicePort) { self.port.withLock { $0 = port } }

  /// The sample's registers with everything off, and as many PASID bits as there are.
  private static func config(_ options: DSAOptions) -> ConfigSpace {
    var builder = ConfigSpaceBuilder(SampleDevice.sapphireRapidsDSA)
    builder.put16(0, at: 0x04)
    builder.put16(builder.config.read16(0x48) & 0x7FFF, at: 0x48)
    builder.put16(builder.config.read16(0x82) & 0x3FFF, at: 0x82)
    builder.put16(0, at: 0x226)
    builder.put16(0, at: 0x236)
    builder.put16(
      builder.config.read16(0x234) & 0xE0FF | UInt16(options.pasidBits) << 8, at: 0x234)
    if options.pasidBits == 0 {
      // ATS leads to PRI, and nothing of the capability between them is left.
      builder.putExtendedHeader(id: 0x0F, version: 1, next: 0x240, at: 0x220)
      builder.put32(0, 0, at: 0x230)
      // Without PASIDs, answers to page requests need none.
      builder.put16(0x0100, at: 0x246)
    }
    return builder.config
  }
}

// MARK: Accesses

extension DSADevice {
  /// Reads registers; portals read all ones.
  public func read(_ byteCount: Int, at offset: UInt64, of region: Int) -> UInt64 {
    let ones = UInt64.max >> UInt64(64 - 8 * byteCount)
    guard region == 0, offset < DSARegister.registersByteCount else { return ones }
    let dword = Int(offset) & ~3
    let (low, high) = state.withLock { state in
      (state.readRegister(dword), byteCount == 8 ? state.readRegister(dword + 4) : 0)
    }
    return (UInt64(low) | UInt64(high) << 32) >> (8 * (offset & 3)) & ones
  }

  /// Writes registers; pieces of a portal's slot are gathered until its 64 bytes are there.
  public func write(_ value: UInt64, _ byteCount: Int, at offset: UInt64, of region: Int) {
    switch region {
    case 0 where offset < DSARegister.registersByteCount:
      let dword = Int(offset) & ~3
      let shift = UInt32(8 * (offset & 3))
      let mask: UInt32 = byteCount >= 4 ? .max : (1 << UInt32(8 * byteCount) - 1) << shift
      let needsWorker = state.withLock { state in
        state.writeRegister(dword, UInt32(truncatingIfNeeded: value) << shift, mask: mask)
        if byteCount == 8 {
          state.writeRegister(dword + 4, UInt32(truncatingIfNeeded: value >> 32), mask: .max)
        }
        return state.hasWork
      }
      if needsWorker { wake() }
    case 2:
      let block = state.withLock { $0.gathering.add(value, byteCount, at: offset) }
      if let block { store(block, at: offset & ~63, of: 2) }
    default: return
    }
  }

  /// A posted write to a portal.
  ///
  /// What a queue cannot take is lost. A shared queue takes it as well: a program whose processor
  /// has no ENQCMD has no other way.
  public func store(_ block: WideBlock, at offset: UInt64, of region: Int) {
    guard region == 2 else { return }
    _ = submit(block, at: offset)
  }

  /// A write to a portal that is answered: shared queues take it when they have room.
  public func enqueue(_ block: WideBlock, at offset: UInt64, of region: Int) -> Bool {
    guard region == 2, state.withLock({ $0.isShared(Int(offset >> 14)) }) else { return false }
    return submit(block, at: offset)
  }

  private func submit(_ block: WideBlock, at offset: UInt64) -> Bool {
    guard offset < regions[1].byteCount else { return false }
    // Pages 0 and 2 of a queue are unlimited, 1 and 3 limited.
    let isTaken = state.withLock {
      $0.submit(
        DSADescriptor(block), to: Int(offset >> 14), isLimited: offset >> 12 & 1 == 1)
    }
    if isTaken { wake() }
    return isTaken
  }

  private func wake() { port.withLock { $0 }?.wake() }

  /// The function was reset.
  public func reset() { state.withLock { $0.reset() } }

  /// Controls of config space changed.
  public func controlsChanged(_ controls: FunctionControls) {
    let needsWorker = state.withLock { state in
      state.setControls(controls)
      return state.hasWork
    }
    if needsWorker { wake() }
  }

  /// A page request was answered.
  public func respond(_ response: PageResponse) {
    state.withLock { $0.take(response) }
    wake()
  }
}

// MARK: Work

extension DSADevice {
  /// Does a piece of the work that waits: one descriptor, or about a mebibyte of it.
  ///
  /// Nothing is allocated. Several threads may call it; one at a time works.
  ///
  /// - Returns: Whether work may be left.
  public func serve() -> Bool {
    guard let port = port.withLock({ $0 }) else { return false }
    return worker.withLock { worker in
      let next = state.withLock { state in
        // Read under the lock: no job can be older than it says.
        let job = state.nextJob(epoch: port.epoch)
        return (job: job, generation: state.generation)
      }
      guard let (engine, job) = next.job else {
        sendInterrupts(port)
        return false
      }
      var goesOn = job
      let step = worker.step(&goesOn, port)
      let result = goesOn
      let effects = worker.effects
      let request = state.withLock {
        $0.giveBack(result, step, effects, of: engine, generation: next.generation)
      }
      if let request, !port.request(request) {
        state.withLock { $0.take(PageResponse(group: request.group, .failure)) }
      }
      sendInterrupts(port)
      return true
    }
  }

  private func sendInterrupts(_ port: any DevicePort) {
    var vectors = state.withLock { state in
      let vectors = state.vectors
      state.vectors = 0
      return vectors
    }
    while vectors != 0 {
      port.interrupt(vectors.trailingZeroBitCount)
      vectors &= vectors - 1
    }
  }
}
