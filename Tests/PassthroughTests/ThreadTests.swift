import GuestSupport
import HostABI
import Hardware
import IOMMU
import IOMMUClient
import PCIe
import Passthrough
import SoftHost
import Synchronization
import TestSupport
import Testing
import VirtualIOMMU

@Suite("Threads of a VMM that all do something at once")
struct ThreadTests {
  /// How much is left to do, and whether somebody should stop.
  private final class Signal: Sendable {
    let isOver = Atomic(false)
  }

  @Test(
    "registers, DMA, page requests, own walks, migration and hot-unplug end together",
    arguments: 0..<2 as Range<UInt64>)
  func everything(seed: UInt64) async throws {
    let machine = try UnitTests.UnitMachine()
    let driver = machine.driver
    let requester = RequesterID(bus: 1, devfn: 0)
    #expect(driver.boot())
    let directory = driver.context(requester)
    driver.entry(0, directory, root: nil)
    let processes = (1...4).map { driver.process(UInt64($0)).root }
    for number in 1..<16 as Range<UInt32> {
      driver.entry(number, directory, root: processes[Int(number) % 4])
    }
    driver.submit([(0x11, 0), (0x37, 0), (0x12, 0)])
    let (unit, host, passthrough) = (driver.unit, machine.host, machine.passthrough)
    let translator = unit.makeTranslator()
    let signal = Signal()
    let process = machine.process
    let extra = try process.allocate(0x4000, [.read, .write])

    await withTaskGroup(of: Void.self) { group in
      // The guest's processors: doorbells over what the queue holds, and any registers.
      for lane in 0..<2 as Range<UInt64> {
        group.addTask {
          var random = SplitMix64(seed: seed &* 16 &+ lane)
          while !signal.isOver.load(ordering: .relaxed) {
            switch random.next() % 8 {
            case 0: unit.write(random.next() % 128 * 32, at: 0x88, size: 8)
            case 1: unit.write(0x73, at: 0x34, size: 4)
            case 2: unit.write(random.next() % 2 << 31 | 1 << 26, at: 0x18, size: 4)
            case 3: unit.write(1 << 63 | 1 << 60, at: 0xF8, size: 8)
            case 4: unit.write(1 << 63 | 1 << 61, at: 0x28, size: 8)
            case 5: unit.write(unit.read(0xC8, size: 8), at: 0xC0, size: 8)
            case 6: unit.write(3, at: 0xDC, size: 4)
            default: _ = unit.read(Int(random.next() % 0x100) & ~7, size: 8)
            }
            await Task.yield()
          }
        }
      }
      group.addTask {
        var random = SplitMix64(seed: seed &+ 100)
        let endpoint = host.endpoints[0]
        while !signal.isOver.load(ordering: .relaxed) {
          var bytes = [UInt8](repeating: 0, count: 8)
          var span = bytes.mutableSpan
          let pasid = PASID(rawValue: UInt32(random.next() % 16))
          _ = endpoint.read(IOVA(0x7000), into: &span, pasid: pasid)
          _ = host.send(
            EndpointPageRequest(
              IOVA(0x9000), pasid: pasid, .write, group: UInt16(random.next() % 4)),
            from: endpoint)
          _ = endpoint.takeResponses()
          await Task.yield()
        }
      }
      group.addTask {
        var random = SplitMix64(seed: seed &+ 200)
        let own = unit.endpoint(at: requester, translatedBy: translator)
        while !signal.isOver.load(ordering: .relaxed) {
          var bytes = [UInt8](repeating: 0, count: 8)
          var span = bytes.mutableSpan
          let pasid = PASID(rawValue: UInt32(random.next() % 16))
          _ = own.read(from: IOVA(0x7000), into: &span, pasid)
          _ = own.translationRequest(IOVA(0x7000), [.read, .write], pasid)
          _ = own.requestPage(
            GuestPageRequest(
              pasid: pasid, address: IOVA(0x9000), access: .read, group: 1, isLast: true))
          await Task.yield()
        }
      }
      group.addTask {
        while !signal.isOver.load(ordering: .relaxed) {
          try? unit.restore(unit.save())
          _ = unit.takeEvents()
          if let region = try? GuestMemoryRegion(
            at: GuestPhysicalAddress(0x1000_0000), byteCount: 0x4000, .memory(address: extra))
          {
            try? passthrough.map(region)
            unit.memory.invalidateAll()
            try? passthrough.unmap(region.range)
          }
          await Task.yield()
        }
      }
      #expect(throws: Never.self) { try Self.plug(machine, rounds: 60) }
      signal.isOver.store(true, ordering: .relaxed)
    }
    #expect(host.endpoints[0].attachedPASIDCount == 0)
    #expect(passthrough.context.abandonedObjects.isEmpty)
    unit.reset()
    #expect(host.units.allSatisfy { $0.staleHitCount == 0 })
  }

  /// Plugs the device in and out, with its page requests on and off.
  private static func plug(_ machine: UnitTests.UnitMachine, rounds: Int) throws {
    for round in 0..<rounds {
      var device = try machine.realise()
      let pri = device.synthesis.pageRequests.offset ?? 0
      for turn in 0..<8 as Range<UInt32> {
        device.writeConfig(turn & 1, .word, at: pri + 4)
        try device.deliverPageRequests()
      }
      if round % 3 == 0 { try device.reset() }
      device.unrealise()
    }
  }
}
