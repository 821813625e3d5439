import HostABI
import HostSystem
import Hardware
import PCIe
import SoftHost
import Synchronization
import Testing
import VFIOUser
import VirtualIOMMU

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@testable import Serving

@Suite("A machine's devices behind the unit")
struct MachineTests {
  private let data = ServedGuest.data

  @Test("each PASID copies through its own first stage")
  func pasids() throws {
    let guest = try ServedGuest()
    try guest.turnOn()
    for pasid in [5, 9] as [UInt64] {
      guest.enter(pasid)
      let place = data + pasid * 0x1_0000
      for page in 0..<3 as Range<UInt64> {
        guest.map(0x1_0000 + page << 12, to: place + page << 12, of: pasid)
      }
      guest[place] = 0x1111_1111 * pasid
    }
    try guest.enable(pasids: [5, 9])
    for (queue, pasid) in [(0, 5), (1, 9)] as [(UInt64, UInt64)] {
      let place = data + pasid * 0x1_0000
      try guest.move(0x1_0000, 0x1_1000, 4096, record: 0x1_2000, queue: queue)
      try guest.wait { guest[place + 0x2000] & 0xFF != 0 }
      #expect(guest[place + 0x2000] & 0xFF == 1)
      #expect(guest[place + 0x1000] == 0x1111_1111 * pasid)
    }
    #expect(guest.device.counts[.writtenBytes] >= 8192)
  }

  @Test("what is wrong with a device is said with the file that it was made of")
  func files() {
    let error = ServeError.device("dump1", "no")
    #expect(
      "\(error.inFile(of: ServedDeviceChoice(.dump(path: "a.txt", sizes: [:]))))"
        == "dump1 (a.txt): no")
    #expect("\(error.inFile(of: ServedDeviceChoice(.network)))" == "dump1: no")
  }

  @Test("a virtual function's dump is served under the identity that its user says")
  func virtualFunction() throws {
    let folder = try SocketDirectory(nil)
    defer { folder.remove() }
    let path = folder.path + "/config"
    var dump = ConfigSpaceBuilder(SampleDevice.network)
    // As SR-IOV has it: neither identity nor base addresses.
    dump.put32(.max, at: 0)
    for register in 0..<6 { dump.put32(0, at: 0x10 + 4 * register) }
    try Calls.makeFile(path, dump.config.bytes, mode: 0o600)
    defer { try? Calls.removeFile(path) }
    func machine(_ settings: String) throws -> ServedMachine {
      try ServedMachine(
        ServeOptions(
          devices: [try ServedDeviceChoice(parsing: "dump=" + path + settings)],
          socketDirectory: "/nowhere"),
        kernel: SoftwareHost(HostDescription(units: [], devices: [])).makeProcess(),
        trace: SampleTrace())
    }
    let unnamed = #expect(throws: ServeError.self) { try machine(",bar0=128K,bar3=16K") }
    #expect(unnamed?.description.contains("id=") == true)
    // Its message table lies in a region that it does not show.
    #expect(throws: ServeError.self) { try machine(",id=8086:154c,bar0=128K") }
    let served = try machine(",id=8086:154c,bar0=128K,bar3=16K")
    defer { served.stop() }
    let device = try #require(served.devices[0].model)
    #expect(
      device.information.regions.prefix(6).map(\.byteCount) == [0x2_0000, 0, 0, 0x4000, 0, 0])
    var bytes = [UInt8](repeating: 0, count: 4)
    var span = bytes.mutableSpan
    try device.read(7, at: 0, into: &span)
    #expect(bytes == [0x86, 0x80, 0x4C, 0x15])
  }

  @Test("a PASID that nothing is attached to is a fault of the guest's unit, with a message")
  func fault() throws {
    let guest = try ServedGuest()
    try guest.turnOn()
    try guest.enable(pasids: [77])
    try guest.move(0x1_0000, 0x1_1000, 64, record: 0x1_2000)
    try guest.wait { try guest.load(4, 0xC0, 0, guest.device) & 1 == 1 }
    let words = try #require(guest.device.counts.lastFault).words(nil).text
    #expect(words.contains("PASID 77") && words.contains("fault, no way to memory for this PASID"))
    // Primary pending fault, and a record that names reason, requester, PASID and address.
    #expect(try guest.load(4, UInt64(VTdRegister.faultStatus), 0, guest.function) & 2 == 2)
    let high = try guest.load(8, UInt64(VTdRegister.faultRecords) + 8, 0, guest.function)
    #expect(high >> 63 == 1)
    #expect(high & 0xFFFF == 0x40)
    #expect(high >> 40 & 0xF_FFFF == 77)
    #expect(guest.peer.posted.contains { $0.0 == 0xFEE0_2000 && $0.1 == [0x66, 0, 0, 0] })
  }

  /// PASID 5 has the source of a copy and its record, and no page for the copy.
  private func guestThatAsks() throws -> ServedGuest {
    let guest = try ServedGuest()
    try guest.turnOn()
    guest.enter(5)
    guest.map(0x1_0000, to: data, of: 5)
    guest.map(0x1_2000, to: data + 0x2000, of: 5)
    return guest
  }

  @Test("a page request goes to the guest, and its answer lets the copy go on")
  func pageRequest() throws {
    let guest = try guestThatAsks()
    guest[data] = 0xABCD
    try guest.enable(pasids: [5])
    try guest.move(0x1_0000, 0x1_1000, 64, record: 0x1_2000, blocks: true)
    try guest.wait {
      try guest.load(8, UInt64(VTdRegister.requestTail), 0, guest.function) == 32
    }
    let low = guest[ServedGuest.requests]
    let high = guest[ServedGuest.requests + 8]
    #expect(low >> 16 & 0xFFFF == 0x40 && low >> 32 & 0xF_FFFF == 5)
    #expect(high & ~0xFFF == 0x1_1000 && high & 2 == 2)
    #expect(guest.peer.posted.contains { $0.0 == 0xFEE0_1000 && $0.1 == [0x55, 0, 0, 0] })
    guest.map(0x1_1000, to: data + 0x1000, of: 5)
    try guest.put(9 | 1 << 4 | 0x40 << 16 | 5 << 32, high & 0xFF8)
    try guest.wait { guest[data + 0x2000] & 0xFF != 0 }
    #expect(guest[data + 0x2000] & 0xFF == 1)
    #expect(guest[data + 0x1000] == 0xABCD)
  }

  @Test("a page request waits until it is answered, or nobody is left who could")
  func waitingRequests() throws {
    let guest = try guestThatAsks()
    func counts() -> [UInt64] {
      let device = guest.machine.status().devices[0]
      return [device.pageRequestCount, device.waitingPageRequestCount]
    }
    /// Has the device ask for a page, the how manieth of all; answers what the group's answer says.
    func ask(_ number: UInt64, at target: UInt64) throws -> UInt64 {
      try guest.enable(pasids: [5])
      try guest.move(0x1_0000, target, 64, record: 0x1_2000, blocks: true)
      try guest.wait {
        try guest.load(8, UInt64(VTdRegister.requestTail), 0, guest.function) == 32 * number
      }
      #expect(counts() == [number, 1])
      return guest[ServedGuest.requests + 32 * (number - 1) + 8] & 0xFF8
    }
    func answer(_ group: UInt64) throws {
      try guest.put(9 | 1 << 4 | 0x40 << 16 | 5 << 32, group)
    }
    #expect(counts() == [0, 0])
    var group = try ask(1, at: 0x1_1000)
    // Answers that nobody waits for are none.
    for other in 1...3 as ClosedRange<UInt64> { try answer((group + other << 3) & 0xFF8) }
    #expect(counts() == [1, 1])
    guest.map(0x1_1000, to: data + 0x1000, of: 5)
    try answer(group)
    #expect(counts() == [1, 0])
    try guest.wait { guest[data + 0x2000] & 0xFF == 1 }

    try guest.device.reset()
    group = try ask(2, at: 0x1_3000)
    try guest.device.reset()
    #expect(counts() == [2, 0])
    // One that comes late finds nobody.
    try answer(group)
    #expect(counts() == [2, 0])

    _ = try ask(3, at: 0x1_3000)
    guest.device.detached()
    #expect(counts() == [3, 0])
  }

  @Test("memory that the unit's client takes away is reached no more")
  func unmap() throws {
    let guest = try ServedGuest()
    try guest.turnOn()
    guest.enter(5)
    for page in 0..<3 as Range<UInt64> {
      guest.map(0x1_0000 + page << 12, to: data + page << 12, of: 5)
    }
    try guest.enable(pasids: [5])
    try guest.move(0x1_0000, 0x1_1000, 64, record: 0x1_2000)
    try guest.wait { guest[data + 0x2000] & 0xFF == 1 }
    guest.function.unmap(guest.mapping().range)
    guest[data + 0x2000] = 0
    try guest.move(0x1_0000, 0x1_1000, 64, record: 0x1_2000)
    try guest.wait { try guest.load(4, 0xC0, 0, guest.device) & 1 == 1 }
    #expect(guest[data + 0x2000] == 0)
  }

  @Test(
    "a queue that the unit cannot read, and a tail outside it, are told", arguments: [true, false])
  func queueProblems(isShared: Bool) throws {
    let guest = try ServedGuest()
    let base: UInt64 = isShared ? ServedGuest.queue : 0x4000_0000
    try guest.write(base | 1 << 11, 8, VTdRegister.queueAddress)
    try guest.write(1 << 26, 4, VTdRegister.command)
    let tail: UInt64 = isShared ? 0x2000 : 32
    try guest.write(tail, 8, VTdRegister.queueTail)
    let told = guest.trace.all.compactMap { event -> VTdEvent? in
      if case .unit(let event) = event.1 { event } else { nil }
    }
    #expect(told == [.queueUnusable(base: base, tail: tail, isShared ? 1 : 2)])
    let words = try #require(told.first).description
    #expect(words.contains(isShared ? "0x2000" : "shared") && words.contains(base.hex))
  }

  @Test("main memory without a descriptor is told once a client; other memory is not")
  func privateMemory() throws {
    let guest = try ServedGuest()
    let function = guest.function
    function.detached()
    func complaints() -> Int {
      guest.trace.all.count { event in
        if case .note(let text) = event.1 { text.contains("share=on") } else { false }
      }
    }
    func map(_ range: ClosedRange<UInt64>, isWritable: Bool = true) throws {
      try function.map(
        UserMapping(range: range, isReadable: true, isWritable: isWritable, file: nil))
    }
    // Video memory, and what firmware cannot write.
    try map(0xF000_0000...0xF0FF_FFFF)
    try map(0xC0000...0xFFFFF, isWritable: false)
    #expect(complaints() == 0)
    try map(0x10_0000...0x1FFF_FFFF)
    #expect(complaints() == 1)
    function.unmap(0x10_0000...0x1FFF_FFFF)
    try map(0...0x1FFF_FFFF)
    #expect(complaints() == 1)
    function.detached()
    try map(0...0x1FFF_FFFF)
    #expect(complaints() == 2)
  }

  @Test("main memory that is refused is told in words, once a client")
  func refusedMemory() throws {
    let guest = try ServedGuest()
    let function = guest.function
    function.detached()
    func notes() -> [String] {
      guest.trace.all.compactMap { event in
        if case .note(let text) = event.1 { text } else { nil }
      }
    }
    // Any file that is not in memory is one that somebody may serve late.
    let file = ReceivedFile(owning: try Calls.makeEventCounter())
    func refusal(_ range: ClosedRange<UInt64>) throws -> UserRefusal? {
      #expect(throws: UserRefusal.self) {
        try function.map(
          UserMapping(range: range, isReadable: true, isWritable: true, file: (file, 0)))
      }
    }
    let before = notes().count
    let why = try #require(try refusal(0...0x9_FFFF)?.why)
    #expect(why.contains("memfd, tmpfs or huge pages"))
    #expect(notes().count == before)
    for _ in 0..<2 { #expect(try refusal(0x10_0000...0x1FFF_FFFF)?.errno == .EINVAL) }
    #expect(notes().dropFirst(before).count { $0.contains(why) } == 1)
    #expect(function.memory.all.isEmpty)
    let short = mappingBeyond(guest.file)
    #expect(
      #expect(throws: UserRefusal.self) { try function.map(short) }?.why == "its file is too short")
  }

  private func mappingBeyond(_ file: ReceivedFile) -> UserMapping {
    UserMapping(
      range: 0x4000_0000...0x4000_1FFF, isReadable: true, isWritable: true,
      file: (file, UInt64(ServedGuest.byteCount) - 4096))
  }

  @Test("without a unit the device reaches what its own client has, and nothing with a PASID")
  func plain() throws {
    let guest = try ServedGuest(hasUnit: false)
    try guest.enable(pasids: [nil])
    guest[data] = 0x77
    try guest.move(data, data + 0x1000, 4096, record: data + 0x2000)
    try guest.wait { guest[data + 0x2000] & 0xFF != 0 }
    #expect(guest[data + 0x2000] & 0xFF == 1)
    #expect(guest[data + 0x1000] == 0x77)
    // What no descriptor came for goes by messages.
    guest.peer.state.withLock { state in
      for index in 0..<8192 as Range<UInt64> {
        state.memory[0x4000_0000 + index] = UInt8(index & 0x7F)
      }
    }
    try guest.move(0x4000_0F00, data + 0x3000, 512, record: data + 0x2040)
    try guest.wait { guest[data + 0x2040] & 0xFF != 0 }
    #expect(guest[data + 0x3000] & 0xFF == 0 && guest[data + 0x3000] >> 8 & 0xFF == 1)
    #expect(guest[data + 0x3100] >> 8 & 0xFF == 1)
    try guest.move(data + 0x3001, 0x4000_1000, 256, record: data + 0x2080)
    try guest.wait { guest[data + 0x2080] & 0xFF != 0 }
    #expect(guest.peer.state.withLock { $0.memory[0x4000_1000] } == 1)
  }

  @Test("when its client is gone, a device is as it was at first, and makes no request")
  func detached() throws {
    let guest = try ServedGuest()
    try guest.turnOn()
    try guest.enable(pasids: [5])
    guest.device.detached()
    guest.function.detached()
    #expect(guest.device.controls.isEmpty)
    #expect(guest.function.memory.all.isEmpty)
    #expect(try guest.load(4, UInt64(VTdRegister.status), 0, guest.function) == 0)
    #expect(try guest.load(4, 0x90, 0, guest.device) & 3 == 0)
  }

  @Test("a machine that is stopped goes with all it has")
  func end() throws {
    weak var device: ModelDevice?
    weak var unit: VTdUnit?
    do {
      let guest = try ServedGuest()
      try guest.turnOn()
      try guest.enable(pasids: [5])
      (device, unit) = (guest.device, guest.function.unit)
      #expect(device != nil && unit != nil)
    }
    #expect(device == nil && unit == nil)
  }

  @Test("the unit's function hides once its registers were read, until it is reset")
  func hiding() throws {
    let guest = try ServedGuest()
    #expect(try guest.load(4, 0, 7, guest.function) == 0x00FE_1B36)
    _ = try guest.load(8, UInt64(VTdRegister.capability), 0, guest.function)
    #expect(try guest.load(4, 0, 7, guest.function) == 0xFFFF_FFFF)
    #expect(try guest.load(2, 0x10, 7, guest.function) == 0xFFFF)
    try guest.function.reset()
    #expect(try guest.load(4, 0, 7, guest.function) == 0x00FE_1B36)
  }

  @Test("the firmware's question for a ROM mends the table that it has put into memory")
  func table() throws {
    let guest = try ServedGuest()
    guest.function.look(for: .seconds(60))
    let configuration = guest.function.unit.configuration
    let slots = guest.machine.devices.map(\.slot)
    let table = try ServedMachine.dmarTable(of: configuration, for: slots)
    for place in [0x7F_0063, 0x7E_FFFE] { guest.bytes.write(table, at: place) }
    // A table of somebody else's stays as it is.
    var other = table
    other[10] = 0x42
    other[9] &-= 0x42 &- table[10]
    guest.bytes.write(other, at: 0x7D_0000)
    try guest.store(0xFEBF_1000, 4, 0x10, 7, guest.function)
    try guest.store(0xFFFF_F800, 4, 0x30, 7, guest.function)
    #expect(guest.bytes.read(at: 0x7F_0063, count: table.count) == table)
    try guest.store(0xFFFF_FFFE, 4, 0x30, 7, guest.function)
    let expected = try ServedMachine.dmarTable(of: configuration, for: slots, base: 0xFEBF_1000)
    for place in [0x7F_0063, 0x7E_FFFE] {
      #expect(guest.bytes.read(at: place, count: table.count) == expected)
    }
    #expect(expected.reduce(0, &+) == 0)
    #expect(guest.bytes.read(at: 0x7D_0000, count: table.count) == other)
  }

  @Test("firmware that asks for no ROM has its table mended while it looks at config space")
  func tableWithoutROM() throws {
    let guest = try ServedGuest()
    guest.function.look(for: .seconds(60))
    let configuration = guest.function.unit.configuration
    let slots = guest.machine.devices.map(\.slot)
    let place = 0x60_0003
    guest.bytes.write(try ServedMachine.dmarTable(of: configuration, for: slots), at: place)
    try guest.store(0x8000_1000, 4, 0x10, 7, guest.function)
    let before = guest.bytes.read(at: place, count: 72)
    _ = try guest.load(4, 0, 7, guest.function)
    #expect(guest.bytes.read(at: place, count: 72) == before)
    // Memory decoding says that the registers have their place.
    try guest.store(6, 2, 4, 7, guest.function)
    let expected = try ServedMachine.dmarTable(of: configuration, for: slots, base: 0x8000_1000)
    #expect(guest.bytes.read(at: place, count: 72) == expected)
    // Written anew, as after a reset of the machine.
    guest.bytes.write(before, at: place)
    try guest.wait {
      _ = try guest.load(4, 0, 7, guest.function)
      return guest.bytes.read(at: place, count: 72) == expected
    }
  }

  @Test("a client's file that shrinks is zeros from then on, and nobody ends")
  func shrinking() throws {
    let guest = try ServedGuest()
    try guest.turnOn()
    guest.enter(5)
    for page in 0..<3 as Range<UInt64> {
      guest.map(0x1_0000 + page << 12, to: data + page << 12, of: 5)
    }
    try guest.enable(pasids: [5])
    #expect(ftruncate(guest.file.descriptor, 0x10_0000) == 0)
    // The first stage's tables are gone: what is read there is zeros, so the device asks for a page.
    try guest.move(0x1_0000, 0x1_1000, 64, record: 0x1_2000)
    try guest.wait {
      try guest.load(8, UInt64(VTdRegister.requestTail), 0, guest.function) == 32
    }
  }
}
