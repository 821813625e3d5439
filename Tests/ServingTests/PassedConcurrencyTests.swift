import GuestSupport
import HostABI
import HostSystem
import Hardware
import Serving
import SoftHost
import Synchronization
import Testing
import VFIOUser

@Suite("A passed device while several threads use it")
struct PassedConcurrencyTests {
  @Test("Memory vanishes and comes back during DMA: nothing is written once it was taken away")
  func unmappingDuringDMA() throws {
    let machine = try PassedMachine(isBehindUnit: false)
    try machine.setConfig(6, 4, 2)
    let isOver = Atomic(false)
    let done = Atomic(0)
    let endpoint = machine.host.endpoints[0]
    let writer = ServiceThread {
      let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
      if case .done = endpoint.write(IOVA(0x3000), bytes.span, pasid: nil) {
        done.add(1, ordering: .relaxed)
      }
      return !isOver.load(ordering: .relaxed)
    }
    writer.poke()
    for round in 0..<200 {
      try machine.device.map(machine.mapping())
      let before = done.load(ordering: .relaxed)
      while done.load(ordering: .relaxed) == before, round < 20 {}
      machine.device.unmap(0...(PassedMachine.size - 1))
      machine.driver[0x3000] = 0
      #expect(machine.driver[0x3000] == 0)
    }
    isOver.store(true, ordering: .relaxed)
    writer.stop()
    #expect(machine.driver[0x3000] == 0)
  }

  @Test("The unit's commands, config accesses, page requests and resets never wait for each other")
  func noDeadlock() throws {
    let machine = try PassedMachine()
    machine.device.attached(to: SilentPeer())
    try machine.device.map(machine.mapping())
    let device = machine.device
    let directory = try machine.start()
    let process = machine.driver.process(1)
    let pri = try #require(try machine.find(0x13))
    let left = Atomic(60)
    let host = machine.host
    let client = ServiceThread {
      for isOn in [1, 0] as [UInt8] {
        try? device.write(7, at: UInt64(pri + 4), [isOn, 0].span)
        for group in 0..<8 as Range<UInt16> {
          _ = host.send(
            EndpointPageRequest(IOVA(0x9000), pasid: PASID(rawValue: 6), .read, group: group),
            from: host.endpoints[0])
        }
      }
      if left.load(ordering: .relaxed) % 10 == 0 { try? device.reset() }
      try? device.write(7, at: 4, [6, 0].span)
      return left.subtract(1, ordering: .relaxed).newValue > 0
    }
    client.poke()
    var rounds: UInt32 = 0
    while left.load(ordering: .relaxed) > 0 {
      rounds &+= 1
      let number = 5 + rounds % 3
      #expect(machine.attach(number, directory, root: process.root))
      machine.driver.clear(number, directory)
      let flush: (UInt64, UInt64) = (7 | 1 << 4 | 1 << 16 | UInt64(number) << 32, 0)
      #expect(machine.driver.submit([flush]))
    }
    client.stop()
    machine.device.end()
  }
}
