import Synchronization

/// Who is inside a transaction: one slot each, so that entering and leaving share nothing.
///
/// A slot holds 0, or the epoch in which its transaction began. Waiting for all transactions that
/// began before a moment is: count the epoch on, then wait until each slot was seen empty or with a
/// later epoch.
struct TransactionSlots: ~Copyable, Sendable {
  // Two lines of 64 bytes each, since processors fetch lines in pairs. The first word is the epoch,
  // the next ones are counters of the same thread.
  private static var stride: Int { 16 }
  private static var count: Int { 64 }

  private let words = AtomicWords(count: Self.count * Self.stride)
  private let epoch = Atomic<UInt64>(1)

  enum Counter: Int {
    case hits = 1
    case misses = 2
    case faults = 3
  }

  /// Takes a slot.
  ///
  /// - Returns: Its number, for ``leave(_:)``.
  @inline(__always)
  func enter() -> Int {
    var index = Int(bitPattern: HostMemory.threadHint()) & (Self.count - 1)
    var attempts = 0
    while true {
      let at = index &* Self.stride
      if words.load(at) == 0,
        words.compareExchange(at, 0, epoch.load(ordering: .sequentiallyConsistent))
      {
        #if !arch(x86_64)
          // Elsewhere, later loads could pass the exchange's store.
          atomicMemoryFence(ordering: .sequentiallyConsistent)
        #endif
        return at
      }
      index = (index &+ 1) & (Self.count - 1)
      attempts &+= 1
      // More threads than slots: transactions are short and do not wait for anything.
      if attempts & (Self.count - 1) == 0 { HostMemory.yield() }
    }
  }

  @inline(__always)
  func leave(_ slot: Int) { words.storeReleasing(0, at: slot) }

  /// Counts on a counter of a slot that the caller is in.
  @inline(__always)
  func count(_ counter: Counter, in slot: Int) {
    let at = slot &+ counter.rawValue
    words.store(words.load(at) &+ 1, at: at)
  }

  func sum(_ counter: Counter) -> UInt64 {
    (0..<Self.count).reduce(0) { $0 &+ words.load($1 * Self.stride + counter.rawValue) }
  }

  /// Waits until every transaction that began before has ended.
  func drain() {
    let now = epoch.wrappingAdd(1, ordering: .sequentiallyConsistent).oldValue
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    for slot in 0..<Self.count {
      var attempts = 0
      while true {
        let began = words.loadInOrder(slot * Self.stride)
        if began == 0 || began > now { break }
        attempts += 1
        if attempts > 256 { HostMemory.yield() }
      }
    }
  }
}
