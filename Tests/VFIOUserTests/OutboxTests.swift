import HostABI
import HostSystem
import Synchronization
import Testing

@testable import VFIOUser

/// A way out that takes as many bytes as it is given room for.
private final class NarrowChannel: Channel {
  private struct State {
    var room = 0
    var isBlocked = false
    var waits = 0
    var patientCalls = 0
    /// The runs of equal bytes that went.
    var runs: [(byte: UInt8, count: Int)] = []
  }

  private let state = Mutex(State())

  var waits: Int { state.withLock { $0.waits } }
  var patientCalls: Int { state.withLock { $0.patientCalls } }
  var runs: [(byte: UInt8, count: Int)] { state.withLock { $0.runs } }

  func addRoom(_ byteCount: Int) { state.withLock { $0.room += byteCount } }
  func block(_ isBlocked: Bool) { state.withLock { $0.isBlocked = isBlocked } }

  func receive(
    into buffer: inout [UInt8], at offset: Int, files: inout [ReceivedFile]
  ) throws(LinuxErrno) -> (byteCount: Int, isCut: Bool) { (0, false) }

  func send(
    _ bytes: Span<UInt8>, _ tail: Span<UInt8>, _ files: [ReceivedFile]
  ) throws(LinuxErrno) -> Int {
    let first = bytes[0]
    let count = state.withLock { state in
      let count = min(state.room, bytes.count + tail.count)
      state.room -= count
      if count > 0, state.runs.last?.byte == first {
        state.runs[state.runs.count - 1].count += count
      } else if count > 0 {
        state.runs.append((first, count))
      }
      return count
    }
    guard count > 0 else { throw .EAGAIN }
    return count
  }

  func sendPatiently(
    _ bytes: Span<UInt8>, _ tail: Span<UInt8>, _ files: [ReceivedFile]
  ) throws(LinuxErrno) -> Int {
    state.withLock { $0.patientCalls += 1 }
    while state.withLock({ $0.isBlocked }) { Calls.pause(microseconds: 1000) }
    return try send(bytes, tail, files)
  }

  func waitForRoom(milliseconds: Int64) -> Bool {
    let hasRoom = state.withLock { state in
      state.waits += 1
      return state.room > 0
    }
    if !hasRoom { Calls.pause(microseconds: 100) }
    return hasRoom
  }

  private let shutDowns = Atomic(0)
  /// Whether both directions were ended.
  var isShutDown: Bool { shutDowns.load(ordering: .relaxed) > 0 }

  func shutDown() { shutDowns.wrappingAdd(1, ordering: .relaxed) }
}

@Suite("What waits to be sent")
struct OutboxTests {
  @Test("what went is not held, though the box is never empty", arguments: [4 << 10, 1 << 20])
  func held(size: Int) {
    let channel = NarrowChannel()
    let outbox = Outbox(channel)
    let depth = (Outbox.limit / 2) / size
    let count = depth + 200
    for index in 0..<count {
      let message = [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: size)
      let isSent = outbox.send(message.span)
      #expect(isSent)
      guard index >= depth else { continue }
      channel.addRoom(size)
      outbox.waitUntilLow()
      let held = outbox.held
      #expect(held.byteCount <= (depth + 1) * size && held.byteCount > 0)
      #expect(held.places <= 2 * (depth + 1) + 66)
    }
    // Whole and in order.
    channel.addRoom(count * size)
    #expect(eventually { outbox.held.places == 0 })
    #expect(
      channel.runs.map(\.byte) == (0..<count).map { UInt8(truncatingIfNeeded: $0) })
    #expect(channel.runs.allSatisfy { $0.count == size })
    outbox.close()
  }

  @Test("nobody tries to send while a patient thread does")
  func patient() {
    let channel = NarrowChannel()
    let outbox = Outbox(channel)
    channel.block(true)
    channel.addRoom(.max)
    let sender = ServiceThread {
      let message = [UInt8](repeating: 1, count: 1 << 20)
      _ = outbox.send(message.span, Span(), [], .patient)
      return false
    }
    sender.poke()
    #expect(eventually { channel.patientCalls == 1 })
    let pokes = 3
    for index in 0..<pokes {
      let message = [UInt8](repeating: UInt8(2 + index), count: 1 << 20)
      let isSent = outbox.send(message.span)
      #expect(isSent)
    }
    let isLow = Mutex(false)
    let waiter = ServiceThread {
      outbox.waitUntilLow()
      isLow.withLock { $0 = true }
      return false
    }
    waiter.poke()
    Calls.pause(microseconds: 50_000)
    // There is room all the time; only the thread that was told of each message looks.
    #expect(channel.waits <= pokes)
    #expect(!isLow.withLock { $0 })
    channel.block(false)
    #expect(eventually { isLow.withLock { $0 } })
    #expect(eventually { outbox.held.places == 0 })
    #expect(channel.runs.map(\.byte) == [1, 2, 3, 4])
    sender.stop()
    waiter.stop()
    outbox.close()
  }

  @Test("a message that is not to go any more does not, and the next does")
  func shut() {
    let channel = NarrowChannel()
    channel.addRoom(100)
    let outbox = Outbox(channel)
    let message: [UInt8] = [7]
    let outcome = outbox.send(message.span, Span(), [], .posted, while: { false })
    #expect(outcome == .shut)
    #expect(channel.runs.isEmpty)
    let isSent = outbox.send(message.span)
    #expect(isSent && channel.runs.count == 1)
    outbox.close()
  }

  @Test("a system without another thread ends the connection, and nothing else")
  func withoutThread() {
    let channel = NarrowChannel()
    channel.addRoom(1)
    let outbox = Outbox(channel) { _ in nil }
    let message: [UInt8] = [7]
    // What goes at once needs no thread.
    let first = outbox.send(message.span)
    #expect(first && !channel.isShutDown)
    let second = outbox.send(message.span)
    #expect(!second && channel.isShutDown)
    channel.addRoom(100)
    let third = outbox.send(message.span)
    #expect(!third && outbox.held.places == 0)
    outbox.close()
  }
}
