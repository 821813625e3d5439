import Synchronization

/// What a served function has done, counted without a lock.
package final class ServedCounts: Sendable {
  /// What is counted.
  package enum Count: Int, CaseIterable {
    case reads, writes, readBytes, writtenBytes, faults, pageRequests
    case interrupts, registerReads, registerWrites, events
  }

  private let reads = Atomic<UInt64>(0)
  private let writes = Atomic<UInt64>(0)
  private let readBytes = Atomic<UInt64>(0)
  private let writtenBytes = Atomic<UInt64>(0)
  private let faults = Atomic<UInt64>(0)
  private let pageRequests = Atomic<UInt64>(0)
  private let interrupts = Atomic<UInt64>(0)
  private let registerReads = Atomic<UInt64>(0)
  private let registerWrites = Atomic<UInt64>(0)
  private let events = Atomic<UInt64>(0)
  private let fault = Mutex<ServeEvent?>(nil)

  package init() {}

  /// Adds to a count.
  func add(_ number: UInt64, to count: Count) {
    switch count {
    case .reads: reads.wrappingAdd(number, ordering: .relaxed)
    case .writes: writes.wrappingAdd(number, ordering: .relaxed)
    case .readBytes: readBytes.wrappingAdd(number, ordering: .relaxed)
    case .writtenBytes: writtenBytes.wrappingAdd(number, ordering: .relaxed)
    case .faults: faults.wrappingAdd(number, ordering: .relaxed)
    case .pageRequests: pageRequests.wrappingAdd(number, ordering: .relaxed)
    case .interrupts: interrupts.wrappingAdd(number, ordering: .relaxed)
    case .registerReads: registerReads.wrappingAdd(number, ordering: .relaxed)
    case .registerWrites: registerWrites.wrappingAdd(number, ordering: .relaxed)
    case .events: events.wrappingAdd(number, ordering: .relaxed)
    }
  }

  /// The last DMA that was refused; `nil` when none was.
  var lastFault: ServeEvent? { fault.withLock { $0 } }

  /// Keeps the last DMA that was refused; words are made of it when somebody asks.
  func keep(_ refused: ServeEvent) { fault.withLock { $0 = refused } }

  /// A count as it is now.
  package subscript(count: Count) -> UInt64 {
    switch count {
    case .reads: reads.load(ordering: .relaxed)
    case .writes: writes.load(ordering: .relaxed)
    case .readBytes: readBytes.load(ordering: .relaxed)
    case .writtenBytes: writtenBytes.load(ordering: .relaxed)
    case .faults: faults.load(ordering: .relaxed)
    case .pageRequests: pageRequests.load(ordering: .relaxed)
    case .interrupts: interrupts.load(ordering: .relaxed)
    case .registerReads: registerReads.load(ordering: .relaxed)
    case .registerWrites: registerWrites.load(ordering: .relaxed)
    case .events: events.load(ordering: .relaxed)
    }
  }
}
