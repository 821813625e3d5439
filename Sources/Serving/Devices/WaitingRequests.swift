import Synchronization

/// The page requests of a function that wait for the guest's answer, by the group that names each.
///
/// Kept apart from what is counted over a server's life: a reset and a client that leaves answer
/// nothing, and a guest can answer what nobody asked.
final class WaitingRequests: Sendable {
  private let groups = Mutex<Set<UInt16>>([])

  /// How many wait.
  var count: Int { groups.withLock { $0.count } }

  /// A request is about to be sent.
  ///
  /// - Parameters:
  ///   - group: Its group, which is its own.
  ///   - isAllowed: Whether the function may ask for pages; asked where ``removeAll()`` is waited for.
  /// - Returns: Whether it may be sent.
  func insert(_ group: UInt16, while isAllowed: () -> Bool) -> Bool {
    groups.withLock { groups in
      guard isAllowed() else { return false }
      groups.insert(group)
      return true
    }
  }

  /// An answer came; one that nobody waits for changes nothing.
  ///
  /// - Parameter group: The group of the request.
  /// - Returns: Whether it was waited for.
  @discardableResult
  func remove(_ group: UInt16) -> Bool { groups.withLock { $0.remove(group) != nil } }

  /// No answer will come; whatever is put in afterwards was allowed afterwards.
  func removeAll() { groups.withLock { $0.removeAll(keepingCapacity: true) } }
}
