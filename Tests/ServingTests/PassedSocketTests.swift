import Foundation
import GuestSupport
import HostABI
import HostSystem
import Hardware
import Passthrough
import Serving
import SoftHost
import Testing

@testable import VFIOUser

@Suite("A VFIO device of the host, as a client finds it at a socket")
struct PassedSocketTests {
  @Test("From its information to DMA with a PASID, an interrupt, and a client that dies")
  func life() throws {
    let machine = try PassedMachine()
    let path = "/tmp/passed-\(UUID().uuidString.prefix(8)).sock"
    // What only ends a test that hangs, however slow the machine is.
    let server = UserServer(
      path: path, device: machine.device, observer: nil, replyMilliseconds: 60_000,
      patience: (60_000, 60_000, 60_000))
    try server.start()
    defer { server.stop() }
    var directory: UInt64?
    for round in 1...2 as ClosedRange<UInt64> {
      let client = try UserClient(path: path)
      _ = try client.negotiate()
      try client.map(machine.mapping())
      let device = try client.deviceInformation()
      #expect(device.regionCount == 9 && device.interruptCount == 5)
      #expect(try client.region(0).byteCount == 65536)
      #expect(try client.interrupts(2).count == 9)
      #expect(try client.read(7, at: 0, count: 4) == [0x86, 0x80, 0x25, 0x0B])
      let pasid = UInt64(try #require(machine.device.synthesis.offset))
      #expect(try client.read(7, at: pasid, count: 2) == [0x1B, 0])
      try client.write(7, at: pasid + 6, [1, 0])
      try client.write(7, at: 4, [6, 0])
      #expect(try client.read(7, at: pasid + 6, count: 2) == [1, 0])

      let counter = ReceivedFile(owning: try Calls.makeEventCounter())
      try client.setInterrupts(2, [.dataEventFD, .trigger], count: 1, files: [counter])
      #expect(machine.host.interrupt(0, of: 0))
      #expect(try Calls.poll(counter.descriptor) & 1 != 0)

      let tables = try directory ?? machine.start()
      directory = tables
      let process = machine.driver.process(round)
      #expect(machine.attach(9, tables, root: process.root))
      #expect(machine.read(0x7000, pasid: 9) == round)
      #expect(machine.device.attachedPASIDs.map(\.rawValue) == [9])
      try client.write(0, at: 0x200, [1, 2, 3, 4, 5, 6, 7, 8])
      #expect(try client.read(0, at: 0x200, count: 8) == [1, 2, 3, 4, 5, 6, 7, 8])
      if round == 1 {
        try client.reset()
        try client.write(7, at: 4, [6, 0])
        #expect(machine.read(0x7000, pasid: 9) == round, "the unit puts back what its tables say")
      }
      try client.unmap(machine.mapping().range)
      #expect(machine.read(0x7000, pasid: 9) == nil)
      try client.map(machine.mapping())
      client.disconnect()
      // The server hears of it on its own thread, and then takes everything away.
      while machine.device.peer != nil || !machine.device.reachableMemory.isEmpty { usleep(1000) }
      try machine.setConfig(6, 4, 2)
      #expect(machine.read(0x1000) == nil)
      #expect(machine.read(0x7000, pasid: 9) == nil)
    }
  }
}
