import Hardware
import IOMMU
import Synchronization
import TestSupport
import Testing
import VirtualIOMMU

/// Memory that answers each read with something else, as a guest does that writes all the time.
private final class RestlessMemory: ForeignMemory {
  private let random: Mutex<RandomTables>
  private let isLegacy: Bool
  private let isReachable: Bool
  let loads = Atomic(0)

  init(seed: UInt64, isLegacy: Bool = false, isReachable: Bool = true) {
    random = Mutex(RandomTables(pages: 64, seed: seed))
    self.isLegacy = isLegacy
    self.isReachable = isReachable
  }

  private func word(_ address: HostAddress) -> UInt64 {
    loads.add(1, ordering: .relaxed)
    return random.withLock { random in
      if random.chance(12) { return random.random.next() }
      return random.chance(8) ? random.entry() : sound(address.address, &random)
    }
  }

  /// What would be right at a place, or one of many things that would.
  private func sound(_ address: UInt64, _ random: inout RandomTables) -> UInt64 {
    let index = address >> 3 & 7
    switch (address >> 12 & 0x3F, isLegacy) {
    case (3, true): return index & 1 == 0 ? 0x5001 : 0
    case (5, true): return index & 1 == 0 ? random.page() | 1 : 0x902
    case (3, false): return 0x5001
    case (5, false): return index & 3 == 0 ? 0x6E1D : 0
    case (6, false): return 0x7001
    case (7, false):
      let type = UInt64.random(in: 1...4, using: &random.random)
      return [random.page() | type << 6 | 0x209, 9, random.page()][Int(min(index, 2))]
    default: return random.entry()
    }
  }

  func load(at address: HostAddress) -> UInt64? { isReachable ? word(address) : nil }

  func compareExchange(
    at address: HostAddress, _ expected: UInt64, _ desired: UInt64
  ) -> Bool? {
    guard isReachable else { return nil }
    return word(address) & 1 == 0
  }

  func read(from address: HostAddress, into bytes: inout MutableSpan<UInt8>) -> Bool {
    guard isReachable else { return false }
    for offset in stride(from: 0, to: bytes.count - 7, by: 8) {
      bytes.storeLittle(
        word(HostAddress(rawValue: address.rawValue + UInt64(offset))), at: offset)
    }
    return true
  }

  func write(to address: HostAddress, from bytes: Span<UInt8>) -> Bool { isReachable }
}

/// A flag that two threads see.
private final class Flag: Sendable {
  private let value = Atomic(false)
  var isSet: Bool { value.load(ordering: .acquiring) }
  func set() { value.store(true, ordering: .releasing) }
}

@Suite("A guest that changes its memory between two reads")
struct HostileMemoryTests {
  private static func translator(
    _ memory: RestlessMemory, _ mode: VTdRootTableAddress.Mode
  ) throws -> VTdTranslator {
    let table = PagingTable(foreign: memory)
    try table.map(
      IOVA(0), byteCount: 64 << 12, to: HostAddress(0x100_0000, space: 1),
      allowing: [.read, .write])
    let translator = VTdTranslator(memory: GuestMemory(table), features: .everything)
    var state = VTdTranslationState.reset
    state.isTranslating = true
    state.root = VTdRootTableAddress(rawValue: 0x3000 | UInt64(mode.rawValue) << 10)
    state.remapsInterrupts = true
    state.interruptTable = 0x400F
    translator.changed(to: state)
    return translator
  }

  @Test(
    "every request ends, inside its memory, after a bounded number of reads",
    arguments: [VTdRootTableAddress.Mode.scalable, .legacy], 0..<6)
  func bounded(mode: VTdRootTableAddress.Mode, seed: Int) throws {
    let memory = RestlessMemory(seed: UInt64(seed), isLegacy: mode == .legacy)
    let translator = try Self.translator(memory, mode)
    let events = WalkEvents()
    let endpoint = VTdEndpoint(WalkGuest.device, translator: translator, events: events)
    var random = RandomTables(pages: 64, seed: UInt64(seed) + 77)
    var reached = 0
    for _ in 0..<1000 {
      let pasid = random.chance(2) ? nil : PASID(rawValue: UInt32(random.random.next() & 0x3F))
      let (iova, access) = (random.address(levels: 4), random.access())
      memory.loads.store(0, ordering: .relaxed)
      switch endpoint.withRequests(pasid, { $0.translate(IOVA(iova), access) }) {
      case .success(let found):
        reached += 1
        #expect(found.address.space == 1)
        #expect(found.address.address >> 12 >= 0x1000 && found.address.address >> 12 < 0x1040)
      case .interrupt: #expect(pasid == nil && access.contains(.write))
      case .outside, .refused: break
      }
      // Five levels of five each, and each entry 65 times.
      #expect(memory.loads.load(ordering: .relaxed) < 5000)
      if random.chance(8) { translator.invalidate(.allContexts) }
      if random.chance(8) { translator.invalidate(.allTranslations) }
      _ = endpoint.translationRequest(IOVA(iova), access, pasid)
      _ = events.take()
    }
    #expect(reached > 5)
  }

  @Test("tables that cannot be reached any more are faults")
  func unreachable() throws {
    let memory = RestlessMemory(seed: 1, isReachable: false)
    for (mode, reason) in [(.scalable, 0x38), (.legacy, 8)]
      as [(VTdRootTableAddress.Mode, UInt8)]
    {
      let translator = try Self.translator(memory, mode)
      let events = WalkEvents()
      let endpoint = VTdEndpoint(WalkGuest.device, translator: translator, events: events)
      let answer = endpoint.withRequests { $0.translate(IOVA(0), .read) }
      #expect(answer == .refused(.code(reason)))
    }
  }

  @Test("interrupt entries that change are judged by one reading")
  func interrupts() throws {
    let memory = RestlessMemory(seed: 3)
    let translator = try Self.translator(memory, .scalable)
    let remapper = VTdInterruptRemapper(memory: translator.memory)
    var state = VTdTranslationState.reset
    state.remapsInterrupts = true
    state.interruptTable = 0x400F
    remapper.changed(to: state)
    let events = WalkEvents()
    for handle in 0..<2000 as Range<UInt64> {
      memory.loads.store(0, ordering: .relaxed)
      _ = remapper.remap(
        0xFEE0_0010 | handle % 512 << 5, 0, from: WalkGuest.device, reportingTo: events)
      #expect(memory.loads.load(ordering: .relaxed) <= 2)
    }
  }

  @Test("translations go on while another thread invalidates, and end with the last drain")
  func threads() async throws {
    let guest = try WalkGuest()
    guest.writeScalable()
    let top = guest.fresh()
    let pages = [guest.fresh(), guest.fresh()]
    let leaf = guest.link(0x1000, to: pages[0] | 0x67, from: top).last ?? 0
    guest.write(5, 0x41, top)
    let endpoint = guest.endpoint
    let translator = guest.translator
    let places = pages.map { guest.host(Int($0 >> 12)).rawValue }
    let place = HostAddress(guest.host(Int(leaf >> 12)).rawValue | leaf & 0xFF8)
    let isDone = Flag()
    await withTaskGroup(of: Bool.self) { group in
      group.addTask {
        var isRight = true
        while !isDone.isSet {
          let answer = endpoint.withRequests(PASID(rawValue: 5)) {
            $0.translate(IOVA(0x1000), .read)
          }
          guard case .success(let found) = answer else { return false }
          isRight = isRight && places.contains(found.address.rawValue)
          await Task.yield()
        }
        return isRight
      }
      var isRight = true
      for round in 1...300 {
        HostMemory.store(pages[round % 2] | 0x67, at: place)
        translator.invalidate(round % 3 == 0 ? .allPASIDs : .allContexts)
        translator.invalidate(.allTranslations)
        translator.drain()
        let answer = endpoint.withRequests(PASID(rawValue: 5)) {
          $0.translate(IOVA(0x1000), .read)
        }
        guard case .success(let found) = answer else {
          isRight = false
          break
        }
        isRight = isRight && found.address.rawValue == places[round % 2]
        if round % 16 == 0 { await Task.yield() }
      }
      isDone.set()
      for await other in group { isRight = isRight && other }
      #expect(isRight)
    }
  }
}
