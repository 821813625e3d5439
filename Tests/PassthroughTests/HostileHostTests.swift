import Foundation
import HostABI
import Hardware
import IOMMUClient
import PCIe
import Passthrough
import SoftHost
import TestSupport
import Testing
import VirtualIOMMU

@Suite("A host that fails more than once, and a peer that sends anything")
struct HostileHostTests {
  @Test(
    "page requests that cannot be turned on leave PASIDs that are invalidated where they are",
    arguments: [1, 3, 5])
  func pageRequests(times: Int) throws {
    var failures = 0
    for number in 20...70 {
      let machine = try Machine(failing: number, times: times, with: .EBUSY)
      guard var device = try? machine.realise(0) else { continue }
      device.enable()
      let backend = try device.wishes()
      let stage = try machine.firstStage(0x10_0000, to: 0x20_0000)
      for pasid in try (1...3).map({ try pasid($0) }) {
        try? backend.setTranslation(stage, for: pasid)
      }
      guard backend.attachedPASIDs.count == 3 else { continue }
      let pri = try #require(device.synthesis.pageRequests.offset)
      if device.writeConfig(1, .word, at: pri + 4).problem != nil { failures += 1 }
      for _ in 0..<times + 8 { try? machine.passthrough.trackDirtyPages(false) }
      // From here on the host does what it is asked.
      guard machine.callCount >= number + times - 1 else { continue }
      try machine.poke(7, at: 0x20_0000)
      for pasid in 1...3 as ClosedRange<UInt32> {
        #expect(machine.read(0, 0x7000, pasid: pasid) == 7)
      }
      try machine.map(0x7000, to: 0x20_1000, root: 0x10_0000)
      try machine.poke(8, at: 0x20_1000)
      for number in 1...3 as ClosedRange<UInt32> {
        try backend.invalidate([.everything].span, of: pasid(number))
      }
      for pasid in 1...3 as ClosedRange<UInt32> {
        #expect(machine.read(0, 0x7000, pasid: pasid) == 8, "call \(number), \(times) times")
      }
      device.unrealise()
      #expect(machine.host.endpoints[0].attachedPASIDCount == 0)
      #expect(times > 1 || machine.hasNothingAbandoned, "call \(number)")
    }
    #expect(failures > 0)
  }

  @Test("a request that cannot be answered keeps no other from the guest")
  func requests() throws {
    for number in 1...60 {
      let machine = try? Machine(failing: number, times: 1, with: .ENOSPC)
      guard let machine, var device = try? machine.realise(0) else { continue }
      device.enable()
      let backend = try device.wishes()
      let stage = try machine.firstStage(0x10_0000, to: 0x20_0000)
      try? backend.setTranslation(stage, for: pasid(1))
      let pri = try #require(device.synthesis.pageRequests.offset)
      guard device.writeConfig(1, .word, at: pri + 4).problem == nil,
        backend.attachedPASIDs.count == 1
      else { continue }
      let endpoint = machine.host.endpoints[0]
      // The device names two groups alike, which it must not: the first is over.
      for _ in 0..<2 {
        _ = machine.host.send(
          EndpointPageRequest(IOVA(0x9000), pasid: try pasid(1), .read, group: 1), from: endpoint)
        _ = try? device.deliverPageRequests()
      }
      _ = try? device.deliverPageRequests()
      backend.respond(PageGroupResponse(pasid: try pasid(1), group: 1, code: .success))
      #expect(backend.waitingGroupCount == 0)
      // The one answer that the host refuses is lost, and no other.
      let answers = endpoint.takeResponses().count
      #expect(answers == 2 || answers == 1 && machine.callCount >= number, "call \(number)")
    }
  }

  @Test("a host that never lets go is not told of without end")
  func problems() throws {
    func attach(_ machine: Machine) throws -> RealisedDevice {
      let device = try machine.realise(0)
      try device.wishes().setTranslation(.passThrough, for: pasid(1))
      return device
    }
    let counting = try Machine(failing: .max)
    let first = try attach(counting)
    let count = counting.callCount
    first.unrealise()
    let machine = try Machine(failing: count + 1, times: 800, with: .EBUSY)
    let device = try attach(machine)
    let backend = try device.wishes()
    for _ in 0..<400 { backend.removeTranslation(of: try pasid(1)) }
    #expect(!backend.problems.isEmpty && backend.problems.count <= 64)
  }

  @Test("a reset takes away what it can, whatever the host refuses")
  func reset() throws {
    for number in 20...60 {
      let machine = try Machine(failing: number, times: 2, with: .EBUSY)
      guard var device = try? machine.realise(0) else { continue }
      device.enable()
      let backend = try device.wishes()
      let stage = try machine.firstStage(0x10_0000, to: 0x20_0000)
      for pasid in try (1...3).map({ try pasid($0) }) {
        try? backend.setTranslation(stage, for: pasid)
      }
      try? backend.setTranslation(stage, for: nil)
      let before = backend.attachedPASIDs.count
      guard before == 3, backend.translation(of: nil) == stage else { continue }
      do { try device.reset() } catch {}
      #expect(backend.attachedPASIDs.count <= 1, "call \(number)")
    }
  }

  /// Numbers that no layout has.
  static let numbers = [Int.min, -1, 0, 1, 4, 5, 4095, 4096, Int.max - 3, Int.max]

  @Test("a layout of any numbers is refused, in words", arguments: numbers)
  func layouts(offset: Int) throws {
    for byteCount in Self.numbers {
      let text = """
        {"version":1,"registers":[{"offset":\(offset),"bytes":\(byteCount),"value":4294967295}],
        "layout":{"fields":[{"offset":\(offset),"byteCount":\(byteCount),"value":7,"name":"a"}]}}
        """
      guard let state = try? JSONDecoder().decode(DeviceState.self, from: Data(text.utf8)) else {
        continue
      }
      let machine = try Machine()
      var device = try machine.realise(0)
      let before = device.state()
      let error = #expect(throws: RestoreError.self) { try device.restore(state) }
      #expect(error?.description.isEmpty == false)
      #expect(device.state() == before)
    }
  }

  @Test("devices with any bytes for a config space", arguments: 0..<24 as Range<UInt64>)
  func config(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<40 {
      var bytes = SampleDevice.sapphireRapidsDSA.bytes
      for _ in 0..<random.next() % 40 {
        // Heads of capabilities more often than not.
        let place = Int(random.next() % (random.next() % 2 == 0 ? 4096 : 0x260))
        bytes[place] = UInt8(truncatingIfNeeded: random.next())
      }
      let ids: [UInt8] = [0x1B, 0x0F, 0x13, 0x0D]
      if random.next() % 3 == 0 {
        // A capability whose registers would lie behind the end.
        bytes.replaceSubrange(0x100..<0x104, with: [1, 0, 0xC1, 0xFF])
        bytes.replaceSubrange(0xFFC..<0x1000, with: [ids[Int(random.next() % 4)], 0, 1, 0])
      }
      let machine = try Machine()
      var device: RealisedDevice
      do {
        device = try machine.passthrough.realise(
          DeviceRequest("any", from: .foreign(try ConfigSpace(bytes)), at: machine.place()),
          in: machine.topology)
      } catch {
        continue
      }
      for _ in 0..<200 {
        let widths: [AccessWidth] = [.byte, .word, .dword]
        let width = widths[Int(random.next() % 3)]
        let offset = Int(truncatingIfNeeded: random.next() % 4200) - 50
        device.writeConfig(UInt32(truncatingIfNeeded: random.next()), width, at: offset)
        _ = device.readConfig(width, at: offset)
      }
      for offset in [Int.min, Int.max, -4, 4093, 4096] {
        device.writeConfig(.max, .dword, at: offset)
        _ = device.readConfig(.dword, at: offset)
      }
      let state = device.state()
      _ = try? device.restore(state)
      #expect("\(device.synthesis)\(device.attachment)".isEmpty == false)
      try device.reset()
    }
  }
}
