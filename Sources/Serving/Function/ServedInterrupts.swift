public import HostABI
import HostSystem
import Synchronization
public import VFIOUser

/// Where a served function's interrupts go: eventfds of its client.
///
/// From any thread. Signalling never waits and never allocates, and holds the lock for two system
/// calls, so that no eventfd is used any more once ``detached()`` or a change has returned.
///
/// A masked interrupt is remembered and signalled when it is unmasked. INTx is a level: it masks
/// itself when it is signalled, until the client unmasks it.
public final class ServedInterrupts: Sendable {
  private struct Slot {
    var file: ReceivedFile?
    var isMasked = false
    var isPending = false
  }

  private struct State: ~Copyable {
    var slots: [Slot]
  }

  /// The first slot of each kind, and behind the last.
  private let starts: [Int]
  private let state: Mutex<State>

  /// Makes room for a device's interrupts; none has anywhere to go.
  ///
  /// - Parameter information: The device.
  public init(_ information: UserDeviceInformation) {
    Calls.prepareSignals()
    var starts = [0]
    for kind in information.interrupts { starts.append((starts.last ?? 0) + Int(kind.count)) }
    self.starts = starts
    state = Mutex(State(slots: Array(repeating: Slot(), count: starts.last ?? 0)))
  }

  /// The kinds of interrupts, by VFIO number.
  public enum Kind: Int, Hashable, Sendable, CaseIterable {
    /// The interrupt line.
    case line
    /// MSI.
    case narrowMessage
    /// MSI-X.
    case message
    /// An error of the device (`VFIO_PCI_ERR_IRQ_INDEX`).
    case error
    /// The device asks the client to let it go (`VFIO_PCI_REQ_IRQ_INDEX`).
    case request
  }

  /// Carries out what the client wants.
  ///
  /// - Parameter change: What is to change.
  /// - Returns: How many interrupts of the kind now have somewhere to go.
  /// - Throws: `EINVAL` for interrupts that there are none of, for a file that is no eventfd, and for
  ///   an eventfd that is to unmask; then nothing has changed.
  @discardableResult
  public func apply(_ change: UserInterruptChange) throws(LinuxErrno) -> Int {
    guard change.kind >= 0, change.kind < starts.count - 1 else { throw .EINVAL }
    let slots = starts[change.kind]..<starts[change.kind + 1]
    guard change.start >= 0, change.start <= slots.count,
      change.actions.count <= slots.count - change.start
    else { throw .EINVAL }
    for action in change.actions { try Self.check(action) }
    let first = slots.lowerBound + change.start
    // Files that are replaced close outside the lock, as in `detached()`.
    let (count, old) = state.withLock { state in
      let old = Array(state.slots[slots])
      if change.actions.isEmpty {
        for slot in slots { state.slots[slot] = Slot() }
      }
      for (index, action) in change.actions.enumerated() {
        Self.act(action, on: first + index, isLine: change.kind == Kind.line.rawValue, &state)
      }
      return (state.slots[slots].count { $0.file != nil }, old)
    }
    _ = consume old
    return count
  }

  private static func check(_ action: UserInterruptChange.Action) throws(LinuxErrno) {
    switch action {
    case .trigger(let file?):
      // Anything else could hold the thread that signals, or end the process (a closed pipe).
      let target = try? Calls.target(of: "/proc/self/fd/\(file.descriptor)")
      guard target == "anon_inode:[eventfd]",
        (try? Calls.neverWait(file.descriptor)) != nil
      else { throw .EINVAL }
    case .unmaskBy(.some): throw .EINVAL
    default: return
    }
  }

  private static func act(
    _ action: UserInterruptChange.Action, on slot: Int, isLine: Bool, _ state: inout State
  ) {
    switch action {
    case .trigger(let file): state.slots[slot] = Slot(file: file)
    case .fire: signal(slot, masking: isLine, &state)
    case .mask: state.slots[slot].isMasked = true
    case .unmask:
      guard state.slots[slot].isMasked else { return }
      state.slots[slot].isMasked = false
      if state.slots[slot].isPending { signal(slot, masking: isLine, &state) }
    case .unmaskBy, .none: return
    }
  }

  /// Signals an interrupt, or remembers it.
  ///
  /// - Returns: Whether somebody was told.
  @discardableResult
  private static func signal(_ slot: Int, masking: Bool, _ state: inout State) -> Bool {
    guard let file = state.slots[slot].file else { return false }
    guard !state.slots[slot].isMasked else {
      state.slots[slot].isPending = true
      return false
    }
    state.slots[slot].isPending = false
    if masking { state.slots[slot].isMasked = true }
    Calls.signal(file.descriptor)
    return true
  }

  /// The function signals an interrupt.
  ///
  /// - Parameters:
  ///   - kind: The kind.
  ///   - index: Which; one that is not there is without effect.
  /// - Returns: Whether the client was told: `false` without an eventfd, or while it is masked.
  @discardableResult
  public func trigger(_ kind: Kind, _ index: Int = 0) -> Bool {
    guard kind.rawValue < starts.count - 1, index >= 0,
      index < starts[kind.rawValue + 1] - starts[kind.rawValue]
    else { return false }
    let slot = starts[kind.rawValue] + index
    return state.withLock { Self.signal(slot, masking: kind == .line, &$0) }
  }

  /// The client is gone: no eventfd of its is used from now on.
  public func detached() {
    // The files close outside the lock, where it does not matter how long that takes.
    let old = state.withLock { state in
      let old = state.slots
      state.slots = Array(repeating: Slot(), count: old.count)
      return old
    }
    _ = old
  }
}
