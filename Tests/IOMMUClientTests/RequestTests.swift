import HostABI
import Hardware
import IOMMUClient
import Testing

@Suite("Each call sends what was meant")
struct RequestTests {
  let kernel = ScriptedKernel()
  let context: IOMMUContext

  init() throws { context = try IOMMUContext(on: kernel) }

  func device() throws -> BoundDevice {
    try VFIODevice(path: "/dev/vfio/devices/vfio0", on: kernel).bind(to: context)
  }

  @Test("mapping: FIXED stands for an address, and nothing else sets it")
  func map() throws {
    let space = try IOAddressSpace(in: context)
    let chosen = try space.map(0x5000, byteCount: 0x2000, access: [.readable, .fixedIOVA])
    try space.map(0x5000, byteCount: 0x2000, at: IOVA(0))
    try space.mapFile(9, offset: 0x1000, byteCount: 0x3000, at: IOVA(0x8000), access: .writeable)
    let maps = kernel.arguments(IOASMapArgument.self)
    #expect(maps.map(\.flags) == [4, 7])
    #expect(maps.allSatisfy { $0.ioasID == space.id && $0.userAddress == 0x5000 })
    #expect(chosen == IOVA(0x1000))
    let file = kernel.arguments(IOASMapFileArgument.self)[0]
    #expect(file.flags == 3 && file.descriptor == 9 && file.start == 0x1000)
    #expect(file.length == 0x3000 && file.iova == 0x8000 && file.ioasID == space.id)
  }

  @Test("copying and unmapping: ranges include both ends")
  func copyAndUnmap() throws {
    let source = try IOAddressSpace(in: context)
    let target = try IOAddressSpace(in: context)
    try target.copy(IOVA(0x1000)...IOVA(0x2FFF), from: source, at: IOVA(0x9000))
    let copy = kernel.arguments(IOASCopyArgument.self)[0]
    #expect(copy.sourceID == source.id && copy.destinationID == target.id)
    #expect(copy.length == 0x2000 && copy.sourceIOVA == 0x1000 && copy.destinationIOVA == 0x9000)
    #expect(try target.unmap(IOVA(0x9000)...IOVA(0xAFFF)) == 0x3000)
    try target.unmapAll()
    let unmaps = kernel.arguments(IOASUnmapArgument.self)
    #expect(unmaps.map(\.iova) == [0x9000, 0] && unmaps.map(\.length) == [0x2000, .max])
  }

  @Test("a range that would mean everything is refused before the kernel sees it")
  func wholeRange() throws {
    let space = try IOAddressSpace(in: context)
    for last in [UInt64.max, UInt64.max - 1] {
      let error = #expect(throws: IOMMUError.self) { try space.unmap(IOVA(0)...IOVA(last)) }
      #expect(error?.cause == .refused(.range))
    }
    #expect(kernel.arguments(IOASUnmapArgument.self).isEmpty)
  }

  @Test("allowed ranges lie in memory as the kernel reads them")
  func allow() throws {
    let space = try IOAddressSpace(in: context)
    try space.allow([IOVA(0x1000)...IOVA(0x1FFF), IOVA(0x10_0000)...IOVA(0x20_0000)])
    try space.allow([])
    let calls = kernel.calls.filter { $0.argument is AllowIOVAsArgument }
    #expect(calls[0].data == ScriptedKernel.State.bytes(0x1000, 0x1FFF, 0x10_0000, 0x20_0000))
    #expect(kernel.arguments(AllowIOVAsArgument.self).map(\.count) == [2, 0])
  }

  @Test("usable addresses come whole, however many", arguments: [0, 1, 4096, 4097, 20_000])
  func ranges(count: Int) throws {
    let space = try IOAddressSpace(in: context)
    let all = (0..<UInt64(count)).map { ($0 << 20, $0 << 20 | 0xFFFF) }
    kernel.change { $0.ranges = all }
    let usable = try space.usableAddresses()
    #expect(usable.ranges == all.map { IOVA($0.0)...IOVA($0.1) })
    #expect(usable.alignment == 4096)
    #expect(usable.contains(IOVA(0x10)...IOVA(0xFFFF)) == (count > 0))
    #expect(!usable.contains(IOVA(0xFFFF)...IOVA(0x1_0000)))
  }

  @Test("options name the address space")
  func options() throws {
    let space = try IOAddressSpace(in: context)
    #expect(try space.usesLargePages())
    try space.setLargePages(false)
    #expect(try context.memoryAccounting() == .perProcess)
    try context.setMemoryAccounting(.perUser)
    let sent = kernel.arguments(OptionArgument.self)
    #expect(sent.map(\.optionID) == [1, 1, 0, 0] && sent.map(\.operation) == [1, 0, 1, 0])
    #expect(sent.map(\.objectID) == [space.id, space.id, 0, 0])
    #expect(sent.map(\.value) == [0, 0, 0, 0])
  }

  @Test("a nested table's data are the guest's values, its page address without low bits")
  func nested() throws {
    let device = try device()
    let space = try IOAddressSpace(in: context)
    let parent = try space.makePageTable(for: device, options: [.nestParent, .faultIDValid])
    let faults = try FaultQueue(in: context)
    let stage1 = VTdFirstStage(
      tableAddress: GuestPhysicalAddress(0x1234_5FFF), addressWidth: 57,
      options: [.supervisorRequests, .writeProtection])
    let nested = try parent.makeNestedTable(
      for: device, .vtd(stage1), options: .pasid, faults: faults)
    let sent = kernel.arguments(HWPTAllocArgument.self)
    #expect(sent.map(\.flags) == [1, 12] && sent.map(\.parentID) == [space.id, parent.id])
    #expect(sent[1].faultID == faults.id && sent[1].dataType == 1 && sent[1].dataLength == 24)
    #expect(sent.allSatisfy { $0.deviceID == device.id })
    let call = kernel.calls.last { $0.argument is HWPTAllocArgument }
    #expect(call?.data == ScriptedKernel.State.bytes(5, 0x1234_5000, 57))
    #expect(nested.isNested && !parent.isNested)
  }

  @Test("attaching: the PASID stands in the request only when there is one")
  func attach() throws {
    let device = try device()
    let space = try IOAddressSpace(in: context)
    let table = try space.makePageTable(for: device, options: .pasid)
    try device.attach(to: table)
    try device.attach(Assembly.pasid(0xFFFFF), to: table)
    try device.detach(Assembly.pasid(0xFFFFF))
    try device.detach()
    let attach = kernel.arguments(AttachArgument.self)
    #expect(attach.map(\.flags) == [0, 1] && attach.map(\.pasid) == [0, 0xFFFFF])
    #expect(attach.allSatisfy { $0.tableID == table.id && $0.argumentSize == 16 })
    let detach = kernel.arguments(DetachArgument.self)
    #expect(detach.map(\.flags) == [1, 0] && detach.map(\.pasid) == [0xFFFFF, 0])
  }

  @Test("what Linux would take for something else is refused")
  func refusals() throws {
    let device = try device()
    let space = try IOAddressSpace(in: context)
    let table = try space.makePageTable(for: device, options: .pasid)
    let other = try IOMMUContext(on: kernel)
    let foreign = try IOAddressSpace(in: other)
    func cause(_ body: () throws -> Void) -> IOMMUError.Cause? {
      #expect(throws: IOMMUError.self) { try body() }?.cause
    }
    #expect(cause { try device.attach(Assembly.pasid(0), to: table) } == .refused(.pasidZero))
    #expect(cause { try device.detach(Assembly.pasid(0)) } == .refused(.pasidZero))
    #expect(cause { try device.replace(with: table) } == .refused(.notAttached))
    #expect(cause { try device.attach(to: foreign) } == .refused(.otherContext))
    #expect(
      cause { _ = try foreign.makePageTable(for: device) } == .refused(.otherContext))
    #expect(kernel.arguments(AttachArgument.self).isEmpty)
    try device.attach(to: table)
    #expect(cause { try device.attach(to: space) } == .refused(.alreadyAttached))
  }

  @Test("binding hands over the context and, when given, the token")
  func bind() throws {
    _ = try device()
    let token = (0..<16).map { UInt8($0 * 3) }
    _ = try VFIODevice(path: "/dev/vfio/devices/vfio1", on: kernel).bind(to: context, token: token)
    let sent = kernel.arguments(BindArgument.self)
    #expect(sent.allSatisfy { $0.iommufd == context.descriptor })
    #expect(sent.map(\.flags) == [0, 1])
    #expect(kernel.calls.last { $0.argument is BindArgument }?.data == token)
    let error = #expect(throws: IOMMUError.self) {
      _ = try VFIODevice(path: "/dev/vfio/devices/vfio1", on: kernel).bind(to: context, token: [1])
    }
    #expect(error?.cause == .refused(.token(1)))
  }
}
