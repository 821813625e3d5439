import HostABI
import HostSystem
import Synchronization
import Testing

@testable import VFIOUser

@Suite("A server answers as the specification says")
struct ServerTests {
  @Test("versions and capabilities are agreed on")
  func version() throws {
    let served = try Served()
    var offered = UserCapabilities()
    offered.canWriteMany = true
    offered.migrationPageSize = 4096
    offered.hasTwinSocket = true
    let client = try UserClient(path: served.path)
    let agreed = try client.negotiate(version: (0, 7), offered)
    #expect(agreed.major == 0 && agreed.minor == 2)
    #expect(agreed.capabilities.maximumDescriptors == 16)
    #expect(agreed.capabilities.maximumTransfer == 1 << 20)
    #expect(agreed.capabilities.maximumMappings == UInt64(UserMapping.limit))
    #expect(agreed.capabilities.pageSizes == 4096)
    #expect(agreed.capabilities.canWriteMany == true)
    // What the device cannot do, or nobody offered, is not agreed on.
    #expect(agreed.capabilities.migrationPageSize == nil)
    #expect(agreed.capabilities.hasTwinSocket == nil)
    #expect(throws: LinuxErrno.EINVAL) { try client.negotiate() }
    #expect(served.device.calls == ["attached"])
  }

  @Test("what the client did not offer is not agreed on")
  func unoffered() throws {
    let served = try Served(SampleDevice(migrating: SampleMigration()))
    let client = try UserClient(path: served.path)
    let agreed = try client.negotiate()
    #expect(agreed.minor == 0)
    #expect(agreed.capabilities.canWriteMany == nil)
    #expect(agreed.capabilities.migrationPageSize == nil)
    client.disconnect()
    var offered = UserCapabilities()
    offered.migrationPageSize = 4096
    let second = try UserClient(path: served.path)
    #expect(try second.negotiate(offered).capabilities.migrationPageSize == 4096)
  }

  @Test("another major version, or another first message, ends the connection")
  func firstMessage() throws {
    let served = try Served()
    let client = try UserClient(path: served.path)
    #expect(throws: LinuxErrno.EOPNOTSUPP) { try client.negotiate(version: (1, 0)) }
    #expect(eventually { client.end != nil })
    let second = try UserClient(path: served.path)
    #expect(throws: LinuxErrno.EIO) { try second.deviceInformation() }
    #expect(eventually { served.events.endings.count == 2 })
    // Neither was a client of the device.
    #expect(served.device.calls.isEmpty)
    _ = try served.client()
  }

  @Test("the device is told as it is")
  func information() throws {
    let file = try memoryFile()
    let served = try Served(SampleDevice(sharing: file))
    let client = try served.client()
    let device = try client.deviceInformation()
    #expect(device.flags == [.reset, .pci])
    #expect(device.regionCount == 9 && device.interruptCount == 5)
    for (index, region) in served.device.information.regions.enumerated() {
      let told = try client.region(index)
      #expect(told.byteCount == region.byteCount)
      #expect(told.flags.contains(.mmap) == (region.file != nil))
      #expect(told.flags.contains(.read) == region.flags.contains(.read))
      #expect(told.flags.contains(.write) == region.flags.contains(.write))
      #expect(told.mappableParts == region.mappableParts)
      #expect((told.file != nil) == (region.file != nil))
    }
    let shared = try #require(try client.region(SampleDevice.sharedRegion).file)
    #expect(shared.offset == 0x2000)
    #expect(
      try Calls.facts(of: shared.file.descriptor).identity
        == Calls.facts(of: file.descriptor).identity)
    for (kind, interrupts) in served.device.information.interrupts.enumerated() {
      let told = try client.interrupts(kind)
      #expect(told.count == interrupts.count && told.flags == interrupts.flags)
    }
  }

  @Test("a region that is mapped in part is told in two tries, the descriptor in the second")
  func sparse() throws {
    let served = try Served(SampleDevice(sharing: try memoryFile()))
    let client = try served.client()
    func ask(_ room: UInt32) throws -> (payload: [UInt8], files: [ReceivedFile]) {
      try client.ask(
        .regionInfo,
        MessageBuilder().adding(room).adding(UInt32(0)).adding(UInt32(2))
          .adding([UInt8](repeating: 0, count: 20)).bytes)
    }
    let short = try ask(32)
    #expect(
      short.payload == hex("50000000 0f000000 02000000 20000000 0000010000000000 0020000000000000"))
    #expect(short.files.isEmpty)
    let whole = try ask(80)
    #expect(
      whole.payload
        == short.payload
        + hex("0100 0100 00000000 02000000 00000000")
        + hex("0010000000000000 0010000000000000 0040000000000000 0040000000000000"))
    #expect(whole.files.count == 1)
  }

  @Test("there are no descriptors that stand for accesses")
  func accessFiles() throws {
    let served = try Served()
    let client = try served.client()
    let reply = try client.ask(.regionIOFiles, hex("00010000 00000000 01000000 00000000"))
    #expect(reply.payload == hex("10000000 00000000 01000000 00000000"))
  }

  @Test("regions are read as they were written", arguments: [1, 2, 4, 8, 3, 4096, 1 << 20])
  func accesses(count: Int) throws {
    let served = try Served()
    let client = try served.client()
    let region = count > 4096 ? SampleDevice.bigRegion : 0
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 5) }
    let offset: UInt64 = count >= 4096 ? 0 : 17
    try client.write(region, at: offset, bytes)
    #expect(try client.read(region, at: offset, count: count) == bytes)
    #expect(served.device.calls.last == "write \(region) \(offset) \(count)")
  }

  @Test("an access of nothing does nothing")
  func emptyAccess() throws {
    let served = try Served()
    let client = try served.client()
    try client.write(0, at: 4096, [])
    #expect(try client.read(0, at: 4096, count: 0) == [])
    #expect(served.device.calls == ["attached"])
  }

  @Test("several writes in one message are done in their order, or none of them")
  func manyWrites() throws {
    let served = try Served()
    let client = try served.client()
    let done = try client.write([
      (0, 0, [1, 2, 3, 4, 5, 6, 7, 8]), (7, 4, [9]), (0, 2, [0xAA, 0xBB]),
    ])
    #expect(done == 3)
    #expect(try client.read(0, at: 0, count: 8) == [1, 2, 0xAA, 0xBB, 5, 6, 7, 8])
    #expect(throws: LinuxErrno.EINVAL) {
      try client.write([(0, 0, [0xFF]), (0, 4095, [1, 2])])
    }
    #expect(try client.read(0, at: 0, count: 1) == [1])
    #expect(try client.write([]) == 0)
  }

  @Test("a message that wants no reply gets none, and is done before the next is answered")
  func noReply() throws {
    let served = try Served()
    let client = try served.client()
    for value in UInt8(0)..<50 {
      client.tell(
        .regionWrite,
        MessageBuilder().adding(UInt64(0)).adding(UInt32(0)).adding(UInt32(1)).adding([value]).bytes
      )
    }
    client.tell(.reset, [1, 2, 3])
    #expect(try client.read(0, at: 0, count: 1) == [49])
    // The refusal was for the log alone.
    #expect(served.events.refusals == ["DEVICE_RESET 22"])
  }

  @Test("what the device refuses is the errno of the reply")
  func deviceRefusals() throws {
    let served = try Served()
    let client = try served.client()
    served.device.refuseNext(.EPERM)
    #expect(throws: LinuxErrno.EPERM) { try client.read(0, at: 0, count: 4) }
    served.device.refuseNext(.EBUSY)
    #expect(throws: LinuxErrno.EBUSY) { try client.write(0, at: 0, [1]) }
    served.device.refuseNext(.ENOMEM)
    let mapping = UserMapping(range: 0...0xFFF, isReadable: true, isWritable: true, file: nil)
    #expect(throws: LinuxErrno.ENOMEM) { try client.map(mapping) }
    // It was not mapped, so it can be.
    try client.map(mapping)
    served.device.refuseNext(.EIO)
    #expect(throws: LinuxErrno.EIO) { try client.reset() }
    try client.reset()
    #expect(
      served.events.refusals
        == ["REGION_READ 1", "REGION_WRITE 16", "DMA_MAP 12", "DEVICE_RESET 5"])
  }

  @Test("why a device refuses memory is told, where it says so")
  func refusedMemory() throws {
    let served = try Served()
    let client = try served.client()
    let mapping = UserMapping(range: 0...0xFFF, isReadable: true, isWritable: true, file: nil)
    for why in [nil, "too much of it"] as [String?] {
      served.device.state.withLock { $0.why = why }
      served.device.refuseNext(.ENOSPC)
      #expect(throws: LinuxErrno.ENOSPC) { try client.map(mapping) }
    }
    let told = served.events.all.compactMap { event in
      if case .refused(_, let why, _) = event { why } else { nil }
    }
    #expect(told == ["the device refuses", "too much of it"])
  }
}
