import Foundation
import HostSystem
import Hardware
import IOMMU
import Synchronization
import TestSupport
import Testing
import VirtualIOMMU

@testable import VirtualIOMMU

@Suite("A unit and a guest that means no good")
struct VTdHostileTests {
  private static let features = VTdRegisterTests.everything.union([
    .secondStage, .nesting, .supervisorRequests, .executeRequests, .fiveLevels,
  ])

  @Test("any register writes end, and leave a unit that works", arguments: 0..<24)
  func registers(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let guest = try UnitGuest(pages: 64, VTdConfiguration(features: Self.features))
    let device = RecordingDeviceTLB()
    try guest.unit.addEmulated(at: RequesterID(bus: 0, devfn: 8), name: "a", deviceTLB: device)
    let backend = try guest.addDevice()
    // Anything in memory, with small numbers so that tables and queues are met.
    for word in 0..<UInt64(64 * 512) where random.next() % 4 == 0 {
      guest[word * 8] = random.next() & (random.next() % 2 == 0 ? 0x3_FFFF : .max)
    }
    for _ in 0..<2000 {
      let offset = Int(random.next() % (random.next() % 4 == 0 ? 0x1010 : 0x100)) & ~3
      let value = random.next() & (random.next() % 2 == 0 ? 0x3_FFFF : .max)
      guest.unit.write(value, at: offset, size: random.next() % 2 == 0 ? 4 : 8)
      _ = guest.unit.read(offset, size: 8)
      switch random.next() % 64 {
      case 0: device.answer([.done, .silence, .invalid][Int(random.next() % 3)])
      case 1: backend.refuse(Int(random.next() % 3), invalidations: Int(random.next() % 3))
      case 2:
        _ = guest.unit.report(
          GuestPageRequest(
            pasid: PASID.number(UInt32(random.next() % (1 << 20))), address: IOVA(random.next()),
            access: DMAAccess(rawValue: UInt8(random.next() % 16)),
            group: UInt16(random.next() % 65536), isLast: random.next() % 2 == 0),
          from: UnitGuest.requester)
      case 3:
        guest.unit.record(
          VTdFault(
            VTdFaultReason(rawValue: UInt8(random.next() % 256)),
            source: UInt16(random.next() % 65536)))
      default: break
      }
    }
    _ = backend.takeCalls()
    device.answer(.done)
    backend.refuse(0)
    guest.unit.reset()
    #expect(backend.inPlace[nil] == .passThrough && backend.inPlace.count == 1)
    guest.enableQueue()
    #expect(guest.submit([.iotlbGlobal]))
  }

  @Test("a queue full of anything runs to its end or to the first wrong one", arguments: 0..<24)
  func descriptors(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let guest = try UnitGuest(
      pages: 128, VTdConfiguration(features: Self.features), queueOrder: 2)
    guest.writeContext()
    let backend = try guest.addDevice()
    guest.start()
    for _ in 0..<50 {
      var all: [VTdDescriptor] = []
      for _ in 0..<random.next() % 400 {
        let type = 1 + random.next() % 9
        // Mostly without reserved bits.
        let reserved =
          VTdDescriptor.Kind(rawValue: UInt8(type)).map(VTdDescriptor.reserved) ?? (0, 0)
        let keep: UInt64 = random.next() % 512 == 0 ? .max : 0
        var descriptor = VTdDescriptor(
          random.next() & ~0xE0F & (~reserved.0 | keep) | type,
          random.next() & (~reserved.1 | keep))
        if type == 5 { descriptor.word1 = guest.status + 64 }
        all.append(descriptor)
      }
      guest.put(all)
      guest.ring()
      if guest.faultStatus.queueError {
        #expect(guest.head < guest.queueBytes)
        guest.command { $0.queuedInvalidation = false }
        guest.enableQueue()
        guest.write(0x70, VTdRegister.faultStatus)
      } else {
        #expect(guest.head == guest.tail)
      }
    }
    _ = backend.takeCalls()
    #expect(guest.submit([]))
  }

  /// Writes to the guest's tables from another thread until it is told to stop.
  private final class Scribbler: Sendable {
    let isStopped = Atomic(false)
  }

  @Test("tables and queues that change while they are read", arguments: 0..<4)
  func changing(seed: UInt64) async throws {
    let guest = try UnitGuest(pages: 1024, queueOrder: 1)
    let directory = guest.writeContext(pdts: 0)
    for number in 0..<512 as Range<UInt32> {
      guest.writeEntry(number, directory, root: UInt64(number) << 12)
    }
    let backend = try guest.addDevice()
    guest.start()
    let scribbler = Scribbler()
    let base = guest.bytes.address
    let (queue, root) = (guest.queue, guest.root)
    let places = [
      guest.contextPlace(UnitGuest.requester), directory, guest.entryPlace(1, directory),
      guest.entryPlace(100, directory), root + 16, queue, queue + 32,
    ]
    let writer = Task.detached {
      var random = SplitMix64(seed: seed)
      while !scribbler.isStopped.load(ordering: .relaxed) {
        let place = places[Int(random.next() % 7)] + (random.next() % 8) * 8
        let address = HostAddress(base + place)
        let old = HostMemory.load(at: address)
        HostMemory.store(old ^ 1 << (random.next() % 64), at: address)
        HostMemory.store(old, at: address)
        await Task.yield()
      }
    }
    for round in 0..<200 {
      guest.put([.pasidGlobal, .contextGlobal, .pasidCache(1), .pasidCache(domain: 1)])
      guest.put([.pasidPages(UInt32(round % 512), at: 0), .iotlbGlobal])
      guest.ring()
      if guest.faultStatus.queueError {
        guest.command { $0.queuedInvalidation = false }
        guest.enableQueue()
      }
      guest.write(0x71, VTdRegister.faultStatus)
      _ = guest.unit.takeEvents()
      _ = backend.takeCalls()
    }
    scribbler.isStopped.store(true, ordering: .relaxed)
    await writer.value
    // Quiet again: everything told of anew is as the tables say.
    guest.unit.reset()
    guest.start()
    #expect(backend.inPlace.count == 512)
  }

  @Test("a directory whose entries all lead to one table costs its length and no more")
  func loops() throws {
    let guest = try UnitGuest(pages: 128)
    let directory = guest.writeContext(pdts: 7)
    let table = guest.page()
    for entry in 0..<16384 as Range<UInt64> { guest[directory + entry * 8] = table | 1 }
    guest[table + 64] = 1 | 1 << 6
    let backend = try guest.addDevice()
    guest.start()
    // PASID 0 is the RID's, and not present.
    #expect(backend.inPlace.count == 16384)
    guest[table + 64] = 0
    guest.submit([.pasidGlobal])
    #expect(backend.inPlace.isEmpty)
    // A table that holds itself.
    guest[directory] = directory | 1
    guest.submit([.pasidGlobal])
    #expect(guest.faultStatus.queueError == false)
  }

  @Test("two threads that write registers do not disturb each other")
  func threads() async throws {
    let guest = try UnitGuest(pages: 64)
    let unit = guest.unit
    await withTaskGroup(of: Void.self) { group in
      for seed in 0..<4 as Range<UInt64> {
        group.addTask {
          var random = SplitMix64(seed: seed)
          for _ in 0..<2000 {
            let offset = Int(random.next() % 0x100) & ~7
            unit.write(random.next() & 0x7FFFF, at: offset, size: 8)
            _ = unit.read(offset, size: 8)
            unit.record(VTdFault(.firstStageNotPresent, source: UInt16(random.next() % 4)))
          }
        }
      }
    }
    unit.reset()
    guest.enableQueue()
    #expect(guest.submit([.iotlbGlobal]))
  }
}

@Suite("A unit moves to another host")
struct VTdMigrationTests {
  @Test("another unit goes on where the first stopped")
  func move() throws {
    let source = try UnitGuest(pages: 256)
    let directory = source.writeContext()
    source.writeEntry(0, directory, root: 0x9000)
    source.writeEntry(5, directory, root: 0xA000)
    let first = try source.addDevice()
    source.start()
    source.unit.record(VTdFault(.firstStageNotPresent, source: 1))
    let state = source.unit.save()

    let target = VTdUnit(
      source.unit.configuration, memory: source.memory, interrupts: source.interrupts)
    let second = RecordingBackend()
    try target.add(.sample(second), at: UnitGuest.requester)
    _ = second.takeCalls()
    // Written while the state was on its way.
    source.put([.wait(42, at: source.status + 8)])
    var late = state
    late.registers[VTdRegister.queueTail / 4] = UInt32(source.tail)
    try target.restore(late)
    #expect(second.inPlace == first.inPlace)
    #expect(source[source.status + 8] == 42)
    #expect(target.read(VTdRegister.status, size: 4) == 0xC400_0000)
    #expect(target.read(0x228, size: 8) == source.unit.read(0x228, size: 8))
    let again = target.save()
    #expect(again.translation == state.translation && again.nextRecord == state.nextRecord)
  }

  @Test("a state travels as text, and a configuration that cannot be is refused on the way")
  func text() throws {
    let guest = try UnitGuest(pages: 64)
    guest.start()
    let state = guest.unit.save()
    let text = try JSONEncoder().encode(state)
    let read = try JSONDecoder().decode(VTdUnitState.self, from: text)
    #expect(read == state)
    try guest.unit.restore(read)
    #expect(guest.unit.save() == state)
    let wrong = String(decoding: text, as: UTF8.self)
      .replacingOccurrences(of: "\"addressWidth\":48", with: "\"addressWidth\":-1")
    #expect(throws: VTdConfigurationError.addressWidth(-1)) {
      _ = try JSONDecoder().decode(VTdUnitState.self, from: Data(wrong.utf8))
    }
  }

  @Test("a state that no unit of this configuration can have is refused")
  func refused() throws {
    let guest = try UnitGuest(pages: 64)
    guest.start()
    let state = guest.unit.save()
    func expect(_ error: VTdRestoreError, _ change: (inout VTdUnitState) throws -> Void) rethrows {
      var changed = state
      try change(&changed)
      #expect(throws: error) { try guest.unit.restore(changed) }
      #expect(guest.unit.save() == state)
    }
    try expect(.otherConfiguration) { $0.configuration = try VTdConfiguration(pasidBits: 16) }
    expect(.register(offset: 8)) { $0.registers[2] ^= 1 }
    expect(.register(offset: 0x88)) { $0.registers[0x88 / 4] |= 1 }
    expect(.register(offset: 0x58)) { $0.registers[0x58 / 4] = 1 }
    expect(.register(offset: 4)) { $0.registers = [0] }
    expect(.latched) { $0.nextRecord = 8 }
    expect(.latched) { $0.nextRecord = -1 }
    expect(.latched) { $0.queueAddress = nil }
    expect(.latched) { $0.translation.isTranslating = false }
    expect(.latched) { $0.translation.passesCompatibilityInterrupts = true }
  }

  @Test("what faults are pending is taken from the records, not from their summary")
  func pendingFaults() throws {
    let guest = try UnitGuest(pages: 64)
    guest.unit.record(VTdFault(.firstStageNotPresent, source: 1))
    var state = guest.unit.save()
    state.registers[VTdRegister.faultStatus / 4] = 0xFF00
    try guest.unit.restore(state)
    #expect(guest.faultStatus.pending && guest.faultStatus.recordIndex == 0)
    state.registers[(VTdRegister.faultRecords + 12) / 4] = 0
    state.registers[VTdRegister.faultStatus / 4] = 2
    try guest.unit.restore(state)
    #expect(!guest.faultStatus.pending)
  }

  @Test("random states are refused or leave a unit that works", arguments: 0..<40)
  func random(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let guest = try UnitGuest(pages: 64)
    let backend = try guest.addDevice()
    guest.start()
    for _ in 0..<100 {
      var state = guest.unit.save()
      for _ in 0...random.next() % 3 {
        let index = Int(random.next() % (0x100 / 4))
        state.registers[index] ^= 1 << UInt32(random.next() % 32)
      }
      if random.next() % 4 == 0 { state.queueAddress = random.next() }
      try? guest.unit.restore(state)
      _ = guest.unit.read(VTdRegister.queueHead, size: 8)
    }
    _ = backend.takeCalls()
    guest.unit.reset()
    guest.enableQueue()
    #expect(guest.submit([.iotlbGlobal]))
  }
}
