import Hardware
import Synchronization
import VirtualIOMMU

/// A backend that does as it is told and remembers it.
final class RecordingBackend: DeviceBackend {
  enum Call: Hashable {
    case set(GuestTranslation, PASID?)
    case remove(PASID?)
    case invalidate([FirstStageInvalidation], PASID?)
    case respond(PageGroupResponse)
  }

  private struct State {
    var calls: [Call] = []
    var inPlace: [PASID?: GuestTranslation] = [:]
    var refusals = 0
    var invalidationRefusals = 0
    var hook: (@Sendable (Call) -> Void)?
  }

  private let state = Mutex(State())

  /// The calls since the last time that somebody asked.
  func takeCalls() -> [Call] {
    state.withLock { state in
      defer { state.calls = [] }
      return state.calls
    }
  }

  /// Runs something at each call, before it takes effect.
  func atEachCall(_ hook: @escaping @Sendable (Call) -> Void) {
    state.withLock { $0.hook = hook }
  }

  private func note(_ call: Call) {
    let hook = state.withLock { state in
      state.calls.append(call)
      return state.hook
    }
    hook?(call)
  }

  /// What is in place.
  var inPlace: [PASID?: GuestTranslation] { state.withLock { $0.inPlace } }

  /// Refuses the next tables, or invalidations.
  func refuse(_ count: Int, invalidations: Int = 0) {
    state.withLock {
      $0.refusals = count
      $0.invalidationRefusals = invalidations
    }
  }

  func setTranslation(
    _ translation: GuestTranslation, for pasid: PASID?
  ) throws(BackendRefusal) {
    note(.set(translation, pasid))
    try state.withLock { (state) throws(BackendRefusal) in
      if state.refusals > 0 {
        state.refusals -= 1
        throw BackendRefusal("no", errno: 22)
      }
      state.inPlace[pasid] = translation
    }
  }

  func removeTranslation(of pasid: PASID?) {
    note(.remove(pasid))
    state.withLock { $0.inPlace[pasid] = nil }
  }

  func invalidate(
    _ ranges: Span<FirstStageInvalidation>, of pasid: PASID?
  ) throws(BackendRefusal) {
    let all = ranges.indices.map { ranges[$0] }
    note(.invalidate(all, pasid))
    try state.withLock { (state) throws(BackendRefusal) in
      if state.invalidationRefusals > 0 {
        state.invalidationRefusals -= 1
        throw BackendRefusal("no", errno: 5)
      }
    }
  }

  func respond(_ response: PageGroupResponse) {
    note(.respond(response))
  }
}

/// Messages that a unit has sent.
final class RecordingInterrupts: MessageInterrupts {
  struct Message: Hashable {
    let data: UInt32
    let address: UInt64
  }

  private let messages = Mutex<[Message]>([])

  func send(_ data: UInt32, to address: UInt64) {
    messages.withLock { $0.append(Message(data: data, address: address)) }
  }

  /// The messages since the last time that somebody asked.
  func take() -> [Message] {
    messages.withLock { messages in
      defer { messages = [] }
      return messages
    }
  }
}

/// A cache that remembers what it was told, and when.
final class RecordingListener: VTdCacheListener {
  enum Call: Hashable {
    case changed(VTdTranslationState)
    case invalidate(VTdCacheInvalidation)
    case drain
  }

  private let calls = Mutex<[Call]>([])

  func changed(to state: VTdTranslationState) { calls.withLock { $0.append(.changed(state)) } }
  func invalidate(_ invalidation: VTdCacheInvalidation) {
    calls.withLock { $0.append(.invalidate(invalidation)) }
  }
  func drain() { calls.withLock { $0.append(.drain) } }

  func take() -> [Call] {
    calls.withLock { calls in
      defer { calls = [] }
      return calls
    }
  }
}

/// The device TLB of an emulated device that answers as it was told.
final class RecordingDeviceTLB: VTdDeviceTLB {
  struct Call: Hashable {
    let range: FirstStageInvalidation
    let pasid: PASID?
    let isGlobal: Bool
  }

  private let state = Mutex<(calls: [Call], responses: [PageGroupResponse], VTdDeviceAnswer)>(
    ([], [], .done))

  func answer(_ answer: VTdDeviceAnswer) { state.withLock { $0.2 = answer } }

  func invalidate(
    _ range: FirstStageInvalidation, of pasid: PASID?, isGlobal: Bool
  ) -> VTdDeviceAnswer {
    state.withLock {
      $0.calls.append(Call(range: range, pasid: pasid, isGlobal: isGlobal))
      return $0.2
    }
  }

  func respond(_ response: PageGroupResponse) { state.withLock { $0.responses.append(response) } }

  func take() -> (calls: [Call], responses: [PageGroupResponse]) {
    state.withLock { state in
      defer { (state.calls, state.responses) = ([], []) }
      return (state.calls, state.responses)
    }
  }
}
