import HostABI
import HostSystem
import Serving
import Testing
import VFIOUser

/// An eventfd as a client sends it, and how often it was signalled.
private struct Counter {
  let file: ReceivedFile

  init() throws { file = ReceivedFile(owning: try Calls.makeEventCounter()) }

  func take() throws -> UInt64 {
    guard try Calls.poll(file.descriptor) & 1 != 0 else { return 0 }
    let memory = try AnonymousMemory(byteCount: 4096)
    _ = try Calls.read(file.descriptor, memory.address, 8)
    return try Calls.load(memory.address, 8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}

@Suite("Interrupts of a served function")
struct FunctionInterruptTests {
  private let interrupts = ServedInterrupts(
    UserDeviceInformation(
      name: "device", regions: [],
      interrupts: [.init(count: 1), .init(count: 0), .init(count: 4), .init(), .init(count: 1)]))

  private func change(_ kind: Int, _ start: Int, _ actions: UserInterruptChange.Action...)
    -> UserInterruptChange
  {
    UserInterruptChange(kind: kind, start: start, actions: actions)
  }

  @Test("A vector signals its eventfd, and none after the client is gone")
  func vectors() throws {
    let (a, b) = (try Counter(), try Counter())
    #expect(!interrupts.trigger(.message, 1))
    #expect(try interrupts.apply(change(2, 1, .trigger(a.file), .trigger(b.file))) == 2)
    #expect(interrupts.trigger(.message, 1) && interrupts.trigger(.message, 2))
    #expect(!interrupts.trigger(.message, 0) && !interrupts.trigger(.message, 4))
    #expect(try a.take() == 1)
    #expect(try b.take() == 1)
    #expect(try interrupts.apply(change(2, 1, .trigger(nil))) == 1)
    #expect(!interrupts.trigger(.message, 1))
    _ = try interrupts.apply(change(2, 2, .fire))
    #expect(try b.take() == 1)
    interrupts.detached()
    #expect(!interrupts.trigger(.message, 2))
    #expect(try b.take() == 0)
  }

  @Test("A masked vector waits, once")
  func masking() throws {
    let counter = try Counter()
    _ = try interrupts.apply(change(2, 0, .trigger(counter.file)))
    _ = try interrupts.apply(change(2, 0, .mask))
    #expect(!interrupts.trigger(.message, 0) && !interrupts.trigger(.message, 0))
    _ = try interrupts.apply(change(2, 0, .unmask))
    #expect(try counter.take() == 1)
    _ = try interrupts.apply(change(2, 0))
    #expect(!interrupts.trigger(.message, 0))
  }

  @Test("The line masks itself when it is signalled, and comes again once it is unmasked")
  func line() throws {
    let counter = try Counter()
    _ = try interrupts.apply(change(0, 0, .trigger(counter.file)))
    #expect(interrupts.trigger(.line) && !interrupts.trigger(.line))
    #expect(try counter.take() == 1)
    _ = try interrupts.apply(change(0, 0, .unmask))
    #expect(try counter.take() == 1, "it came while it was masked")
    _ = try interrupts.apply(change(0, 0, .unmask))
    #expect(try counter.take() == 0)
  }

  @Test("What is no eventfd, and interrupts that are not there, are refused and change nothing")
  func refusals() throws {
    let counter = try Counter()
    let other = ReceivedFile(owning: try Calls.makeMemoryFile(4096))
    #expect(throws: LinuxErrno.EINVAL) {
      try interrupts.apply(change(2, 0, .trigger(counter.file), .trigger(other)))
    }
    #expect(!interrupts.trigger(.message, 0))
    for bad in [
      change(5, 0, .fire), change(-1, 0, .fire), change(2, 4, .fire), change(2, .max, .fire),
      change(1, 0, .fire), change(0, 0, .unmaskBy(counter.file)),
    ] {
      #expect(throws: LinuxErrno.EINVAL) { try interrupts.apply(bad) }
    }
  }
}
