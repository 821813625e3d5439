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
  let endpoint: VTdEndpoint
  let memory: GuestMemory
  private let interrupts: ServedInterrupts
  let name: String
  let trace: any ServeTrace
  let counts: ServedCounts
  /// The page requests that the guest has not answered.
  let waiting = WaitingRequests()

  let peer = Mutex<(any UserPeer)?>(nil)
  private let thread = Mutex<ServiceThread?>(nil)
  /// ``FunctionControls``, and the epoch above them, so that a request sees both of one moment.
  let gate = Atomic<UInt64>(0)

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
    let new = ServiceThread { model.serve() }
    thread.withLock { $0 = new }
    // It may have been woken before there was a thread.
    new.poke()
  }

  /// Ends the thread; returns when nothing of the model is at work.
  func stop() { thread.withLock { $0.take() }?.stop() }

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
    let allowed = UInt64(FunctionControls.pageRequests.rawValue)
    guard
      waiting.insert(
        request.group, while: { gate.load(ordering: .sequentiallyConsistent) & allowed != 0 })
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
    // The unit has answered what the guest will not; without a unit nobody does.
    return wasTaken || !waiting.remove(request.group)
  }

  /// The work is never done by who writes a register: it may need an answer of the client, which waits
  /// for that very write.
  func wake() { thread.withLock { $0 }?.poke() }

  /// Writes a message of somebody else's interrupt over this function's client.
  ///
  /// - Returns: Whether it is on its way: only while the function is a bus master, and has a client.
  func post(_ data: UInt32, to address: UInt64) -> Bool {
    guard isBusMaster, let peer = peer.withLock({ $0 }) else { return false }
    var bytes = InlineArray<4, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    span.storeLittle(data, at: 0)
    return peer.post(address, bytes.span, while: { isBusMaster })
  }

  /// Whether the function may send anything, as of now.
  private var isBusMaster: Bool {
    let value = gate.load(ordering: .sequentiallyConsistent)
    return FunctionControls(rawValue: UInt8(truncatingIfNeeded: value)).contains(.busMaster)
  }
}
