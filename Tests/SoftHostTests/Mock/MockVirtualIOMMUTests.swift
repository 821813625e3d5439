import HostABI
import HostSystem
import Testing

@testable import SoftHost

@Suite("vIOMMUs of the mock")
struct MockVirtualIOMMUTests {
  let machine: MockMachine
  let ioas: UInt32
  let device: MockMachine.Device
  let parent: UInt32

  init() throws {
    machine = try MockMachine()
    (ioas, device) = try machine.machineWithDevice()
    parent = try machine.table(device, on: ioas, .nestParent)
  }

  @Test("Only the mock's type, and only on a nesting parent")
  func allocation() throws {
    #expect(errno { _ = try machine.viommu(device, on: 99, type: 1) } == .EOPNOTSUPP)
    #expect(errno { _ = try machine.viommu(device, on: 99) } == .ENOENT)
    #expect(errno { _ = try machine.viommu(device, on: device.table) } == .EINVAL)
    let viommu = try machine.viommu(device, on: parent)
    let nested = try machine.nested(device, on: viommu)
    #expect(errno { try machine.destroy(viommu) } == .EBUSY)
    try machine.destroy(nested)
    try machine.destroy(viommu)
  }

  @Test("Its data comes back, and its pages can be mapped and hold it")
  func data() throws {
    let data = try machine.place(MockVIOMMUData { $0.input = 0xABCD })
    for length: UInt32 in [1, 7, 25] {
      #expect(
        errno { _ = try machine.viommu(device, on: parent, data: data, length: length) }
          == .EINVAL)
    }
    #expect(
      errno { _ = try machine.viommu(device, on: parent, data: 0x10, length: 24) } == .EFAULT)
    let viommu = try machine.viommu(device, on: parent, data: data, length: 24)
    let answer = try machine.program.load(data, 24)
    #expect(answer[4..<8] == [0xCD, 0xAB, 0, 0])
    #expect(answer[8..<16] == [0, 0x10, 0, 0, 0, 0, 0, 0])
    #expect(answer[16..<24] == [0, 0x20, 0, 0, 0, 0, 0, 0])
    let second = try machine.viommu(device, on: parent, data: data, length: 16)
    #expect(try machine.program.load(data, 24)[8..<16] == [0, 0x30, 0, 0, 0, 0, 0, 0])

    let (program, context) = (machine.program, machine.context)
    for (offset, count): (UInt64, Int) in [(0, 8192), (4096, 4096), (8192, 8192), (4096, 12288)] {
      #expect(
        errno { _ = try program.map(context, offset: offset, count, .read) } == .ENXIO)
    }
    #expect(errno { _ = try program.map(context, offset: 4097, 8192, .read) } == .EINVAL)
    let address = try program.map(context, offset: 4096, 8192, [.read, .write])
    #expect(try program.load(address, 4) == [0xCD, 0xAB, 0, 0])
    #expect(errno { try machine.destroy(viommu) } == .EBUSY)
    try program.release(address, 4096)
    #expect(errno { try machine.destroy(viommu) } == .EBUSY)
    try program.release(address + 4096, 4096)
    try machine.destroy(viommu)
    _ = try machine.viommu(device, on: parent, data: data, length: 24)
    #expect(try machine.program.load(data, 24)[8..<16] == [0, 0x10, 0, 0, 0, 0, 0, 0])
    try machine.destroy(second)
  }

  @Test("Its invalidations clear the caches of devices by their numbers")
  func invalidation() throws {
    let viommu = try machine.viommu(device, on: parent)
    _ = try machine.vdevice(device, in: viommu, as: 0x99)
    let unset = MockIOMMU.cacheEntry
    for entry: UInt32 in 0..<4 { try machine.checkCache(device, entry, unset) }
    #expect(errno { try machine.checkCache(device, 4, unset) } == .EINVAL)
    func entry(_ number: UInt32, _ entry: UInt32, _ flags: UInt32 = 0) -> MockVIOMMUInvalidation {
      MockVIOMMUInvalidation {
        $0.flags = flags
        $0.virtualID = number
        $0.entry = entry
      }
    }
    let answer = try machine.invalidate(
      viommu, [entry(0x99, 2), entry(0x98, 0), entry(0x99, 0)])
    #expect((answer.errno, answer.done) == (.EINVAL, 1))
    #expect(try machine.invalidate(viommu, [entry(0x99, 0, 2)]).errno == .EOPNOTSUPP)
    #expect(try machine.invalidate(viommu, [entry(0x99, 4, 1)]).errno == .EINVAL)
    #expect(try machine.invalidate(viommu, type: 1, [entry(0x99, 0)]).errno == .EINVAL)
    let none: [MockVIOMMUInvalidation] = []
    #expect(try machine.invalidate(viommu, none).errno == nil)
    #expect(try machine.invalidate(viommu, type: 1, none).errno == .EINVAL)
    for (number, value): (UInt32, UInt32) in [(0, unset), (1, unset), (2, 0), (3, unset)] {
      try machine.checkCache(device, number, value)
    }
    // Short entries are filled with zeros; long ones must end with zeros.
    #expect(try machine.invalidate(viommu, entryLength: 8, [entry(0x99, 1)]).errno == nil)
    try machine.checkCache(device, 0, 0)
    #expect(try machine.invalidate(viommu, entryLength: 16, [entry(0x99, 1)]).errno == nil)
    try machine.checkCache(device, 1, 0)
    let long = [entry(0x99, 1), entry(0x99, 1, 1)]
    #expect(try machine.invalidate(viommu, entryLength: 13, long).errno == .E2BIG)
    try machine.checkCache(device, 2, 0)
    #expect(try machine.invalidate(viommu, [entry(0x99, 0, 1)]).errno == nil)
    for number: UInt32 in 0..<4 { try machine.checkCache(device, number, 0) }
  }

  @Test("A RID needs a vDEVICE for a table through the vIOMMU, a PASID does not")
  func vdevice() throws {
    let viommu = try machine.viommu(device, on: parent)
    let nested = try machine.nested(device, on: viommu, .pasid)
    #expect(errno { _ = try machine.move(device, to: nested) } == .ENOENT)
    try machine.pasid(.detachPASID, device, 0)
    try machine.pasid(.attachPASID, device, 4, nested)
    let other = try machine.viommu(device, on: parent)
    let wrong = try machine.vdevice(device, in: other, as: 1)
    #expect(errno { _ = try machine.pasid(.attachPASID, device, 0, nested) } == .ENOENT)
    try machine.destroy(wrong)
    _ = try machine.vdevice(device, in: viommu, as: 1)
    try machine.pasid(.attachPASID, device, 0, nested)
  }

  @Test("Events carry the number that the device had when its RID came")
  func events() throws {
    let viommu = try machine.viommu(device, on: parent)
    let vdevice = try machine.vdevice(device, in: viommu, as: 0x1_0000_0042)
    let nested = try machine.nested(device, on: viommu)
    func trigger() throws {
      try machine.mock(MockTriggerEventArgument.self) { $0.deviceID = device.id }
    }
    #expect(errno { try trigger() } == .ENOENT)
    _ = try machine.move(device, to: nested)
    #expect(errno { try trigger() } == .EOPNOTSUPP)
    let queue = try machine.send(.veventqAlloc, VEventQueueAllocArgument.self) {
      $0.viommuID = viommu
      $0.type = MockType.eventQueue
      $0.depth = 2
    }
    try trigger()
    try machine.destroy(vdevice)
    _ = try machine.vdevice(device, in: viommu, as: 5)
    let direct = try machine.nested(device, on: viommu)
    _ = try machine.move(device, to: direct)
    try trigger()
    try trigger()
    let buffer = try machine.pages()
    #expect(try machine.program.read(queue.outDescriptor, buffer, 4096) == 12 + 12 + 8)
    #expect(
      try machine.program.load(buffer, 32)
        == [0, 0, 0, 0, 0, 0, 0, 0, 0x42, 0, 0, 0] + [0, 0, 0, 0, 1, 0, 0, 0, 0x42, 0, 0, 0]
        + [1, 0, 0, 0, 2, 0, 0, 0])
    // Leaving the vIOMMU and coming back looks the number up again.
    _ = try machine.move(device, to: ioas)
    #expect(errno { try trigger() } == .ENOENT)
    _ = try machine.move(device, to: nested)
    try trigger()
    #expect(try machine.program.read(queue.outDescriptor, buffer, 4096) == 12)
    #expect(try machine.program.load(buffer + 8, 4) == [5, 0, 0, 0])
  }

  @Test("A hardware queue holds its memory, and queue 1 holds queue 0")
  func hardwareQueues() throws {
    let viommu = try machine.viommu(device, on: parent)
    let memory = try machine.pages(2)
    let iova = try machine.map(ioas, memory, 0x2000)
    func queue(_ index: UInt32, _ at: UInt64? = nil, _ length: UInt64 = 0x1000) throws -> UInt32 {
      try machine.hardwareQueue(viommu, index, at ?? iova, length)
    }
    #expect(
      errno { _ = try machine.hardwareQueue(viommu, 9, 0, 0x1000, type: 1) } == .EOPNOTSUPP)
    #expect(errno { _ = try queue(9, iova + 0x2000) } == .ENOENT)
    #expect(errno { _ = try queue(2) } == .EINVAL)
    #expect(errno { _ = try queue(1) } == .EIO)
    #expect(try machine.alignment(ioas) == 2048)
    let next = try machine.ioas()
    try machine.destroy(next)
    let first = try queue(0, iova + 0x800, 0x1800)
    #expect(first == next)
    #expect(errno { try machine.destroy(first + 1) } == .EBUSY)
    #expect(try machine.alignment(ioas) == 4096)
    #expect(errno { _ = try queue(0) } == .EEXIST)
    #expect(errno { try machine.unmap(ioas, iova, 0x2000) } == .EBUSY)
    #expect(errno { try machine.unmap(ioas, iova, 0x1000) } == .EBUSY)
    #expect(errno { try machine.destroy(viommu) } == .EBUSY)
    let second = try queue(1)
    #expect(errno { try machine.destroy(first) } == .EBUSY)
    try machine.destroy(second)
    try machine.destroy(first)
    #expect(try machine.alignment(ioas) == 2048)
    try machine.unmap(ioas, iova, 0x2000)
    try machine.map(ioas, memory, 0x1000, at: 0x200_0000, .writeable)
    #expect(errno { _ = try queue(0, 0x200_0000) } == .EPERM)
    try machine.map(ioas, memory + 0x800, 0x800, at: 0x300_0800)
    #expect(errno { _ = try queue(0, 0x300_0800) } == .EADDRINUSE)
  }
}
