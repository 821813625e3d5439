import DeviceModels
import HostSystem
import Hardware
import IOMMU
import SoftHost
import Synchronization

/// What a device model reaches of SoftHost: its endpoint for DMA, its function for interrupts, and a
/// thread that does its work.
final class EndpointPort: DevicePort {
  private let endpoint: Endpoint
  /// The host outlives its endpoints' work, or there is nobody to tell.
  private weak let host: SoftwareHost?
  private let trace: DeviceTrace?
  private let thread = Mutex<ServiceThread?>(nil)
  private let model = Mutex<(any DeviceModel)?>(nil)
  /// Whether the thread is at work.
  private let isServing = Atomic(false)

  /// Work that a writer wants to do itself.
  private struct Held: Sendable {
    var writers = 0
    var wasWoken = false
  }

  private let held = Mutex(Held())

  init(_ endpoint: Endpoint, of host: SoftwareHost, trace: DeviceTrace? = nil) {
    self.endpoint = endpoint
    self.host = host
    self.trace = trace
  }

  /// Starts the thread that serves a model.
  func start(_ model: any DeviceModel) {
    self.model.withLock { $0 = model }
    let new = ServiceThread { [self] in
      isServing.store(true, ordering: .relaxed)
      defer { isServing.store(false, ordering: .relaxed) }
      return model.serve()
    }
    thread.withLock { $0 = new }
    // It may have been woken before there was a thread.
    new.poke()
  }

  /// Ends the thread; returns when nothing of the model is at work.
  func stop() {
    model.withLock { $0 = nil }
    thread.withLock { $0.take() }?.stop()
    endpoint.setResponseHandler(nil)
  }

  var epoch: UInt64 { endpoint.epoch }

  func read(
    _ address: IOVA, into buffer: inout MutableSpan<UInt8>, as requester: DMARequester
  ) -> DMAAnswer {
    let result = endpoint.read(address, into: &buffer, as: Self.requester(requester))
    trace?.note(
      result, buffer.count, at: address, requester.pasid, isWrite: false, by: endpoint)
    return answer(result, address, isWrite: false)
  }

  func write(_ address: IOVA, _ buffer: Span<UInt8>, as requester: DMARequester) -> DMAAnswer {
    let result = endpoint.write(address, buffer, as: Self.requester(requester))
    trace?.note(
      result, buffer.count, at: address, requester.pasid, isWrite: true, by: endpoint)
    return answer(result, address, isWrite: true)
  }

  func copy(
    _ byteCount: Int, from source: IOVA, to target: IOVA, as requester: DMARequester
  ) -> DMAAnswer {
    let result = endpoint.copy(byteCount, from: source, to: target, as: Self.requester(requester))
    // The source's side is looked at first, so the same address on both is its.
    if case .fault(let fault, let done) = result,
      fault.address.rawValue != source.rawValue &+ UInt64(done)
    {
      trace?.note(result, byteCount, at: target, requester.pasid, isWrite: true, by: endpoint)
      return answer(result, target, isWrite: true)
    }
    trace?.note(result, byteCount, at: source, requester.pasid, isWrite: false, by: endpoint)
    if result == .done {
      trace?.note(result, byteCount, at: target, requester.pasid, isWrite: true, by: endpoint)
    }
    return answer(result, source, isWrite: false)
  }

  private static func requester(_ requester: DMARequester) -> EndpointRequester {
    EndpointRequester(
      requester.pasid, requester.isPrivileged ? .privileged : [], epoch: requester.epoch,
      reportsFaults: !requester.usesATS)
  }

  private func answer(_ result: DMAResult, _ start: IOVA, isWrite: Bool) -> DMAAnswer {
    switch result {
    case .done: return .done
    case .fault(let fault, let done):
      // What no page can cure is not a fault of a page: nobody answers for the requester.
      if fault.stage == .configuration {
        return .refused(at: fault.address, isWrite: isWrite, doneBytes: done)
      }
      return .fault(at: fault.address, isWrite: isWrite, doneBytes: done)
    case .blocked: return .refused(at: start, isWrite: isWrite, doneBytes: 0)
    case .unreachable(let done):
      return .refused(
        at: IOVA(start.rawValue &+ UInt64(done)), isWrite: isWrite, doneBytes: done)
    }
  }

  func request(_ request: PageRequest) -> Bool {
    let sent = EndpointPageRequest(
      request.address, pasid: request.pasid, request.access, group: request.group)
    let wasTaken = host?.send(sent, from: endpoint) ?? false
    trace?.note(sent, from: endpoint, wasTaken: wasTaken)
    return wasTaken
  }

  func interrupt(_ vector: Int) {
    if host?.interrupt(vector, of: endpoint.deviceIndex) == true {
      trace?.noteInterrupt(vector, of: endpoint)
    }
  }

  func wake() {
    let isHeld = held.withLock { held in
      if held.writers > 0 { held.wasWoken = true }
      return held.writers > 0
    }
    if !isHeld { poke() }
  }

  private func poke() { thread.withLock { $0 }?.poke() }

  // MARK: Work by the thread that writes

  /// A write to the device follows, and then ``finishWrite()``.
  func beginWrite() { held.withLock { $0.writers += 1 } }

  /// The write is over: does a little of the work that it gave the device.
  ///
  /// A short descriptor takes less time than waking a thread. What is left, and all when the thread
  /// is at work, goes to the thread. No lock of the host's may be held.
  func finishWrite() {
    let isDue = held.withLock { held in
      held.writers -= 1
      guard held.writers == 0 else { return false }
      defer { held.wasWoken = false }
      return held.wasWoken
    }
    guard isDue else { return }
    if !isServing.load(ordering: .relaxed), let model = model.withLock({ $0 }) {
      for _ in 0..<2 where !model.serve() { return }
    }
    poke()
  }
}

extension PageResponse {
  /// The host's answer as the model takes it.
  init(_ response: EndpointPageResponse) {
    let code: Code =
      switch response.code {
      case .success: .success
      case .invalid: .invalid
      }
    self.init(group: response.group, code)
  }
}
