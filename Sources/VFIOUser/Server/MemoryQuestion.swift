import HostABI
import Hardware
import Synchronization

/// What is known of the form in which a client reads messages about its memory.
///
/// From any thread.
final class MemoryQuestion: Sendable {
  private struct State {
    /// `nil` while it is not known.
    var form: MemoryForm? = .specified
    /// Whether a question that nobody waits for is under way.
    var isAsked = false
    /// Posted writes that go when the answer is there.
    var held: [(address: UInt64, bytes: [UInt8])] = []
    /// Hears that the answer is there.
    var hearer: (@Sendable () -> Void)?
  }

  /// Posted writes that wait at a time.
  private static let limit = 64

  private let state = Mutex(State())
  /// Whether it was ever not known: most clients' is, and costs a look at this.
  private let isDoubted = Atomic(false)

  /// The form is not known from now on.
  func doubt() {
    state.withLock { $0.form = nil }
    isDoubted.store(true, ordering: .releasing)
  }

  /// The form, if it is known.
  var answer: MemoryForm? {
    isDoubted.load(ordering: .acquiring) ? state.withLock { $0.form } : .specified
  }

  /// The form; waits for the client's answer when it is not known.
  ///
  /// - Parameters:
  ///   - requester: The way to the client.
  ///   - isOpen: As for all that is asked.
  /// - Returns: The form.
  /// - Throws: As `Requester.ask`.
  func wait(
    _ requester: Requester, while isOpen: () -> Bool
  ) throws(LinuxErrno) -> MemoryForm {
    if let answer { return answer }
    let form: MemoryForm
    do throws(LinuxErrno) {
      _ = try requester.ask(
        .writeDMA, at: 0, byteCount: MemoryForm.question, while: isOpen)
      form = MemoryForm(refusesQuestion: false)
    } catch {
      // These say that there was no answer.
      if [.EDEADLOCK, .EPERM, .EIO].contains(error) { throw error }
      form = MemoryForm(refusesQuestion: true)
    }
    learn(form, requester)
    return form
  }

  /// Somebody wants to know when there is an answer to what is not known yet.
  func whenLearnt(_ body: @escaping @Sendable () -> Void) {
    state.withLock { $0.hearer = body }
  }

  /// Asks, and waits for nothing.
  func ask(_ requester: Requester) {
    let isNew = state.withLock { state in
      defer { state.isAsked = true }
      return state.form == nil && !state.isAsked
    }
    guard isNew else { return }
    let isSent = requester.askForm { [weak self, weak requester] form in
      if let self, let requester { self.learn(form, requester) }
    }
    guard !isSent else { return }
    state.withLock { state in
      state.isAsked = false
      state.held = []
    }
  }

  /// Keeps a posted write until the form is known.
  ///
  /// - Returns: Whether it will be sent.
  func hold(_ address: UInt64, _ bytes: Span<UInt8>, _ requester: Requester) -> Bool {
    let copy = [UInt8](copying: bytes)
    let form = state.withLock { state -> MemoryForm?? in
      if let form = state.form { return form }
      guard state.held.count < Self.limit else { return .none }
      state.held.append((address, copy))
      return .some(nil)
    }
    guard let form else { return false }
    if let form { return requester.post(address, bytes, form, while: { true }) }
    ask(requester)
    return state.withLock { $0.form != nil || $0.isAsked }
  }

  private func learn(_ form: MemoryForm, _ requester: Requester) {
    // Within the lock, so that nothing overtakes what waited.
    let hearer = state.withLock { state -> (@Sendable () -> Void)? in
      guard state.form == nil else { return nil }
      for post in state.held {
        _ = requester.post(post.address, post.bytes.span, form, while: { true })
      }
      state.held = []
      state.form = form
      return state.hearer.take()
    }
    hearer?()
  }
}
