import HostABI
import HostSystem
import Synchronization
import Testing

@testable import VFIOUser

@Suite("Interrupts go where the client says")
struct InterruptTests {
  private func eventFiles(_ count: Int) throws -> [ReceivedFile] {
    try (0..<count).map { _ in ReceivedFile(owning: try Calls.makeEventCounter()) }
  }

  @Test("an eventfd that was sent is signalled")
  func trigger() throws {
    let served = try Served()
    let client = try served.client()
    let events = try eventFiles(8)
    try client.setInterrupts(2, [.dataEventFD, .trigger], count: 8, files: events)
    let change = try #require(served.device.state.withLock { $0.changes.last })
    #expect(change.kind == 2 && change.start == 0 && change.actions.count == 8)
    guard case .trigger(let received?) = change.actions[5] else {
      Issue.record("\(change.actions[5])")
      return
    }
    Calls.signal(received.descriptor)
    for (index, event) in events.enumerated() {
      #expect((try Calls.poll(event.descriptor) & 1 != 0) == (index == 5))
    }
  }

  @Test("each action is told for each interrupt")
  func actions() throws {
    let served = try Served()
    let client = try served.client()
    try client.setInterrupts(0, [.dataNone, .mask], count: 1)
    try client.setInterrupts(0, [.dataNone, .unmask], count: 1)
    try client.setInterrupts(0, [.dataEventFD, .unmask], count: 1, files: eventFiles(1))
    try client.setInterrupts(2, [.dataBool, .trigger], start: 2, count: 3, bytes: [1, 0, 9])
    try client.setInterrupts(1, [.dataEventFD, .trigger], start: 1, count: 2)
    try client.setInterrupts(2, [.dataNone, .trigger], count: 0)
    #expect(
      served.device.calls.dropFirst() == [
        "interrupts 0 0 [\"mask\"]", "interrupts 0 0 [\"unmask\"]",
        "interrupts 0 0 [\"unmask by eventfd\"]",
        "interrupts 2 2 [\"fire\", \"none\", \"fire\"]",
        "interrupts 1 1 [\"nobody\", \"nobody\"]", "interrupts 2 0 []",
      ])
  }

  /// Kind, flags, start, count, descriptors, bytes.
  @Test(
    "what does not fit the device is refused",
    arguments: [
      (5, 0x24, 0, 1, 1, 0), (2, 0x24, 0, 9, 9, 0), (2, 0x24, 8, 1, 1, 0), (3, 0x24, 0, 1, 1, 0),
      (2, 0x24, 0, 2, 1, 0), (2, 0x24, 0, 1, 2, 0), (2, 0x21, 0, 1, 1, 0), (2, 0x22, 0, 4, 0, 3),
      (2, 0x23, 0, 1, 0, 1), (2, 0x20, 0, 1, 0, 0), (2, 0x01, 0, 1, 0, 0), (2, 0x31, 0, 1, 0, 0),
      (2, 0x09, 0, 1, 0, 0), (1, 0x14, 0, 1, 1, 0), (2, 0x61, 0, 1, 0, 0), (2, 0x24, 0, 0, 0, 0),
      (2, 0x21, 1, 0, 0, 0), (2, 0x09, 0, 0, 0, 0), (2, 0x21, 0xFFFF_FFFF, 2, 0, 0),
      (2, 0x21, 0, 0xFFFF_FFFF, 0, 0),
    ] as [(Int, UInt32, Int, Int, Int, Int)])
  func refused(
    kind: Int, flags: UInt32, start: Int, count: Int, files: Int, bytes: Int
  ) throws {
    let served = try Served()
    let client = try served.client()
    #expect(throws: LinuxErrno.EINVAL) {
      try client.setInterrupts(
        kind, VFIOSetIRQsFlags(rawValue: flags), start: start, count: count,
        bytes: [UInt8](repeating: 1, count: bytes), files: eventFiles(files))
    }
    #expect(served.device.calls == ["attached"])
  }

  @Test("an eventfd does not mask")
  func maskByEvent() throws {
    let served = try Served()
    let client = try served.client()
    #expect(throws: LinuxErrno.EOPNOTSUPP) {
      try client.setInterrupts(0, [.dataEventFD, .mask], count: 1, files: eventFiles(1))
    }
  }
}
