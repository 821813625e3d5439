import DeviceModels
import HostABI
import HostSystem
import Hardware
import IOMMU
import Synchronization
import VFIOUser
import VirtualIOMMU

/// What a served model reaches of its guest: memory through the unit, page requests, interrupts.
///
/// A device that no unit of ours stands in front of has one that is never switched on: its requests
/// pass as they are, and those with a PASID have no way.
final class ServedPort: DevicePort, MessageCarrier {
  private let endpoint: VTdEndpoint
  private let memory: GuestMemory
  private let interrupts: ServedInterrupts
  private let name: String
  private let trace: any ServeTrace
  private let counts: ServedCounts

  private let peer = Mutex<(any UserPeer)?>(nil)
  private let thread = Mutex<ServiceThread?>(nil)
  private let model = Mutex<(any DeviceModel)?>(nil)
  private let isServing = Atomic(false)
  private let held = Mutex(Held())
  /// ``FunctionControls``, and the epoch above them, so that a request sees both of one moment.
  private let gate = Atomic<UInt64>(0)

  /// Work that a writer wants to do itself.
  private struct Held: Sendable {
    var writers = 0
    var wasWoken = false
  }

  init(
    _ name: String, _ endpoint: VTdEndpoint, memory: GuestMemory, _ interrupts: ServedInterrupts,
    counts: ServedCounts, trace: any ServeTrace
  ) {
    self.name = name
    self.endpoint = endpoint
    self.memory = memory
    self.interrupts = interrupts
    self.counts = counts
    self.trace = trace
  }

  // MARK: Life

  /// Starts the thread that serves a model.
  func start(_ model: any DeviceModel) {
    self.model.withLock { $0 = model }
    let new = ServiceThread { [self] in
      isServing.store(true, ordering: .relaxed)
      defer { isServing.store(false, ordering: .relaxed) }
      return model.serve()
    }
    thread.withLock { $0 = new }
    new.poke()
  }

  /// Ends the thread; returns when nothing of the model is at work.
  func stop() {
    model.withLock { $0 = nil }
    thread.withLock { $0.take() }?.stop()
  }

  /// The client, for what cannot be reached otherwise.
  func connect(_ peer: (any UserPeer)?) { self.peer.withLock { $0 = peer } }

  /// What config space lets the function do from now on.
  func setControls(_ controls: FunctionControls) {
    var old = gate.load(ordering: .relaxed)
    while true {
      let new = old & ~0xFF | UInt64(controls.rawValue)
      let (isDone, found) = gate.compareExchange(
        expected: old, desired: new, ordering: .sequentiallyConsistent)
      if isDone { break }
      old = found
    }
  }

  /// Ends what was begun: no request of before reaches memory when this returns.
  func advanceEpoch() {
    gate.wrappingAdd(1 << 8, ordering: .sequentiallyConsistent)
    memory.unit.drain()
  }

  /// Waits until no request is under way that was let through before.
  func drain() { memory.unit.drain() }

  // MARK: DevicePort

  var epoch: UInt64 { gate.load(ordering: .sequentiallyConsistent) >> 8 }

  func interrupt(_ vector: Int) {
    guard interrupts.trigger(.message, vector) else { return }
    counts.add(1, to: .interrupts)
    if trace.wantsAccesses {
      trace.note(.interrupt(kind: ServedInterrupts.Kind.message.rawValue, index: vector), of: name)
    }
  }

  func request(_ request: PageRequest) -> Bool {
    guard gate.load(ordering: .relaxed) & UInt64(FunctionControls.pageRequests.rawValue) != 0
    else { return false }
    counts.add(1, to: .pageRequests)
    let wasTaken = endpoint.requestPage(
      GuestPageRequest(
        pasid: request.pasid, address: request.address, access: request.access,
        group: request.group, isLast: true))
    trace.note(
      .pageRequest(
        pasid: request.pasid?.rawValue, address: request.address.rawValue,
        isWrite: request.access.contains(.write), group: request.group, wasTaken: wasTaken),
      of: name)
    // The unit has answered what the guest will not.
    return true
  }

  func wake() {
    let isHeld = held.withLock { held in
      if held.writers > 0 { held.wasWoken = true }
      return held.writers > 0
    }
    if !isHeld { poke() }
  }

  private func poke() { thread.withLock { $0 }?.poke() }

  /// Writes a message of somebody else's interrupt over this function's client.
  ///
  /// - Returns: Whether it is on its way: only while the function is a bus master, and has a client.
  func post(_ data: UInt32, to address: UInt64) -> Bool {
    let controls = FunctionControls(
      rawValue: UInt8(truncatingIfNeeded: gate.load(ordering: .relaxed)))
    guard controls.contains(.busMaster), let peer = peer.withLock({ $0 }) else { return false }
    var bytes = InlineArray<4, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    span.storeLittle(data, at: 0)
    return peer.post(address, bytes.span)
  }

  // MARK: Work by the thread that writes

  /// A write to the device follows, and then ``finishWrite()``.
  func beginWrite() { held.withLock { $0.writers += 1 } }

  /// The write is over: what it gave the device goes to its thread.
  ///
  /// Never done here: the work may need an answer of the client, which waits for this very write.
  func finishWrite() {
    let isDue = held.withLock { held in
      held.writers -= 1
      guard held.writers == 0 else { return false }
      defer { held.wasWoken = false }
      return held.wasWoken
    }
    if isDue { poke() }
  }

  // MARK: DMA

  /// The most bytes that are moved in one transaction: control waits for transactions to end.
  private static var pieceSize: Int { 1 << 20 }

  func read(
    _ address: IOVA, into buffer: inout MutableSpan<UInt8>, as requester: DMARequester
  ) -> DMAAnswer {
    let total = buffer.count
    let mode: DMAAccess = requester.isPrivileged ? .privileged : []
    var done = 0
    var cured = -1
    while true {
      let count = min(total - done, Self.pieceSize)
      var part = buffer._mutatingExtracting(done..<done + count)
      let at = IOVA(address.rawValue &+ UInt64(done))
      let moved = withRequests(requester) { $0.read(from: at, into: &part, mode) }
      guard let moved else { return refused(at, isWrite: false, done, requester) }
      done += moved.byteCount
      guard let obstacle = moved.obstacle else {
        if done < total { continue }
        return finish(.done, address, total, isWrite: false, requester)
      }
      let next = IOVA(address.rawValue &+ UInt64(done))
      if case .outside(let place) = obstacle, let peer = peer.withLock({ $0 }) {
        let step = min(total - done, Int(4096 - place.rawValue & 0xFFF))
        var piece = buffer._mutatingExtracting(done..<done + step)
        if (try? peer.read(place.rawValue, into: &piece)) != nil {
          done += step
          guard done < total else {
            return finish(.done, address, total, isWrite: false, requester)
          }
          continue
        }
      }
      if cured != done, isCured(obstacle, next, mode.union(.read), requester) {
        cured = done
        continue
      }
      return finish(
        answer(obstacle, next, isWrite: false, done), address, total, isWrite: false, requester)
    }
  }

  func write(_ address: IOVA, _ buffer: Span<UInt8>, as requester: DMARequester) -> DMAAnswer {
    let total = buffer.count
    let mode: DMAAccess = requester.isPrivileged ? .privileged : []
    var done = 0
    var cured = -1
    while true {
      let count = min(total - done, Self.pieceSize)
      let at = IOVA(address.rawValue &+ UInt64(done))
      let moved = withRequests(requester) {
        $0.write(to: at, from: buffer.extracting(done..<done + count), mode)
      }
      guard let moved else { return refused(at, isWrite: true, done, requester) }
      done += moved.byteCount
      guard let obstacle = moved.obstacle else {
        if done < total { continue }
        return finish(.done, address, total, isWrite: true, requester)
      }
      let next = IOVA(address.rawValue &+ UInt64(done))
      if let place = Self.busAddress(obstacle, next), let peer = peer.withLock({ $0 }) {
        let step = min(total - done, Int(4096 - place & 0xFFF))
        if (try? peer.write(place, buffer.extracting(done..<done + step))) != nil {
          done += step
          guard done < total else {
            return finish(.done, address, total, isWrite: true, requester)
          }
          continue
        }
      }
      if cured != done, isCured(obstacle, next, mode.union(.write), requester) {
        cured = done
        continue
      }
      return finish(
        answer(obstacle, next, isWrite: true, done), address, total, isWrite: true, requester)
    }
  }

  func copy(
    _ byteCount: Int, from source: IOVA, to target: IOVA, as requester: DMARequester
  ) -> DMAAnswer {
    let mode: DMAAccess = requester.isPrivileged ? .privileged : []
    var done = 0
    var cured = -1
    while true {
      let count = min(byteCount - done, Self.pieceSize)
      let from = IOVA(source.rawValue &+ UInt64(done))
      let to = IOVA(target.rawValue &+ UInt64(done))
      let moved = withRequests(requester) { $0.copy(count, from: from, to: to, mode) }
      guard let moved else { return refused(from, isWrite: false, done, requester) }
      done += moved.outcome.byteCount
      guard let obstacle = moved.outcome.obstacle else {
        if done < byteCount { continue }
        return finish(.done, source, byteCount, isWrite: false, requester, target: target)
      }
      let isWrite = moved.endedAtTarget
      let next = IOVA((isWrite ? target : source).rawValue &+ UInt64(done))
      if Self.busAddress(obstacle, next) != nil, peer.withLock({ $0 }) != nil {
        // One side is reached by messages: a page of it goes through a buffer.
        let piece = copyPage(byteCount, done, source, target, requester)
        guard case .done(let step) = piece else {
          return piece.answer(after: done)
        }
        done += step
        if done < byteCount { continue }
        return finish(.done, source, byteCount, isWrite: false, requester, target: target)
      }
      let access = mode.union(isWrite ? .write : .read)
      if cured != done, isCured(obstacle, next, access, requester) {
        cured = done
        continue
      }
      return finish(
        answer(obstacle, next, isWrite: isWrite, done), source, byteCount, isWrite: isWrite,
        requester)
    }
  }

  private enum Piece {
    case done(Int)
    case stopped(DMAAnswer)

    /// The answer for the whole, of which so many bytes were moved before.
    func answer(after done: Int) -> DMAAnswer {
      switch self {
      case .done, .stopped(.done): .done
      case .stopped(.fault(let at, let isWrite, let more)):
        .fault(at: at, isWrite: isWrite, doneBytes: done + (isWrite ? more : 0))
      case .stopped(.refused(let at, let isWrite, let more)):
        .refused(at: at, isWrite: isWrite, doneBytes: done + (isWrite ? more : 0))
      }
    }
  }

  /// Copies up to the next end of a page of either side through a buffer.
  private func copyPage(
    _ byteCount: Int, _ done: Int, _ source: IOVA, _ target: IOVA, _ requester: DMARequester
  ) -> Piece {
    let from = IOVA(source.rawValue &+ UInt64(done))
    let to = IOVA(target.rawValue &+ UInt64(done))
    let left = min(4096 &- (from.rawValue & 0xFFF), 4096 &- (to.rawValue & 0xFFF))
    let count = min(byteCount - done, Int(left))
    var page = InlineArray<4096, UInt8>(repeating: 0)
    var whole = page.mutableSpan
    var bytes = whole._mutatingExtracting(0..<count)
    let wasRead = read(from, into: &bytes, as: requester)
    guard wasRead == .done else { return .stopped(wasRead) }
    let wasWritten = write(to, bytes.span, as: requester)
    return wasWritten == .done ? .done(count) : .stopped(wasWritten)
  }

  // MARK: Pieces of DMA

  /// Makes requests, if the function may make any.
  private func withRequests<Result>(
    _ requester: DMARequester, _ body: (inout VTdRequests) -> Result
  ) -> Result? {
    endpoint.withRequests(requester.pasid, reportsFaults: !requester.usesATS) { requests in
      // Inside the transaction, so that a drain waits for whoever was let through.
      let gate = gate.load(ordering: .sequentiallyConsistent)
      let controls = FunctionControls(rawValue: UInt8(truncatingIfNeeded: gate))
      guard gate >> 8 == requester.epoch, controls.contains(.busMaster),
        requester.pasid == nil || controls.contains(.pasid)
      else { return nil }
      return body(&requests)
    }
  }

  /// An address that messages reach: memory without a descriptor, or where interrupts are sent.
  private static func busAddress(_ obstacle: VTdAnswer, _ iova: IOVA) -> UInt64? {
    switch obstacle {
    case .outside(let place): place.rawValue
    case .interrupt: iova.rawValue
    case .refused, .success: nil
    }
  }

  /// Asks the unit for a translation as a device with ATS does, when there was none to use.
  ///
  /// - Returns: Whether there is one now.
  private func isCured(
    _ obstacle: VTdAnswer, _ iova: IOVA, _ access: DMAAccess, _ requester: DMARequester
  ) -> Bool {
    guard requester.usesATS, case .refused = obstacle else { return false }
    let completion = endpoint.translationRequest(iova, access, requester.pasid)
    guard case .success(let found?) = completion else { return false }
    return found.permissions.isSuperset(of: access.intersection([.read, .write]))
  }

  private func answer(
    _ obstacle: VTdAnswer, _ at: IOVA, isWrite: Bool, _ done: Int
  ) -> DMAAnswer {
    // Legacy reasons of tables, and those of page tables in scalable mode, are a page's; what is
    // wrong before no page can cure.
    if case .refused(let reason) = obstacle,
      [4, 5, 6, 7, 12].contains(reason.rawValue) || (0x70...0x9F).contains(reason.rawValue)
    {
      return .fault(at: at, isWrite: isWrite, doneBytes: done)
    }
    return .refused(at: at, isWrite: isWrite, doneBytes: done)
  }

  private func refused(
    _ at: IOVA, isWrite: Bool, _ done: Int, _ requester: DMARequester
  ) -> DMAAnswer {
    finish(
      .refused(at: at, isWrite: isWrite, doneBytes: done), at, 0, isWrite: isWrite, requester)
  }

  /// Counts, and tells whoever wants to know.
  private func finish(
    _ answer: DMAAnswer, _ address: IOVA, _ byteCount: Int, isWrite: Bool,
    _ requester: DMARequester, target: IOVA? = nil
  ) -> DMAAnswer {
    switch answer {
    case .done:
      counts.add(1, to: isWrite ? .writes : .reads)
      counts.add(UInt64(byteCount), to: isWrite ? .writtenBytes : .readBytes)
      guard target != nil else { break }
      counts.add(1, to: .writes)
      counts.add(UInt64(byteCount), to: .writtenBytes)
    case .fault, .refused: counts.add(1, to: .faults)
    }
    guard trace.wantsAccesses || answer != .done else { return answer }
    note(answer, address, byteCount, isWrite, requester)
    if let target { note(answer, target, byteCount, true, requester) }
    return answer
  }

  private func note(
    _ answer: DMAAnswer, _ address: IOVA, _ byteCount: Int, _ isWrite: Bool,
    _ requester: DMARequester
  ) {
    let fault: String? =
      switch answer {
      case .done: nil
      case .fault(let at, _, _): "no page that allows it at \(at.rawValue.hex)"
      case .refused(let at, _, _): "nothing answers for the requester at \(at.rawValue.hex)"
      }
    trace.note(
      .dma(
        pasid: requester.pasid?.rawValue, address: address.rawValue, byteCount: byteCount,
        isWrite: isWrite, fault: fault), of: name)
  }
}
