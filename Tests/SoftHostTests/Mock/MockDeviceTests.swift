import HostABI
import HostSystem
import Testing

@testable import SoftHost

@Suite("Mock devices")
struct MockDeviceTests {
  @Test("The holder comes first, then the device, then the table")
  func numbers() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    #expect(ioas == 1)
    #expect((device.holder, device.id, device.table) == (2, 3, 4))
    #expect(errno { try machine.destroy(device.id) } == .EBUSY)
    #expect(errno { try machine.destroy(ioas) } == .EBUSY)
    try machine.destroy(device.holder)
    for id in [device.holder, device.id, device.table] {
      #expect(errno { try machine.destroy(id) } == .ENOENT)
    }
    try machine.destroy(ioas)
  }

  @Test("Without mock requests the number is unknown; with them it ends the known ones")
  func requestNumbers() throws {
    let machine = try MockMachine()
    let unreadable: UInt64 = 8
    for number: UInt32 in 0x95...0x9F {
      #expect(
        errno { _ = try machine.program.ioctl(machine.context, 0x3B00 | number, unreadable) }
          == .EFAULT)
      var argument = DestroyArgument()
      #expect(
        errno {
          _ = try machine.program.perform(0x3B00 | number, on: machine.context, &argument)
        } == .ENOTTY)
    }
    #expect(
      errno { _ = try machine.program.ioctl(machine.context, 0x3BA1, unreadable) } == .ENOTTY)
    let plain = try SoftwareHost(HostDescription(units: [], devices: [])).makeProcess()
    let context = try plain.open("/dev/iommu")
    #expect(errno { _ = try plain.ioctl(context, MockRequest.number, unreadable) } == .ENOTTY)
  }

  @Test("Sizes follow the general rule, and an unknown operation is not supported")
  func sizes() throws {
    let machine = try MockMachine()
    for (size, expected): (UInt32, LinuxErrno?) in [
      (67, .EINVAL), (68, nil), (72, nil), (4096, nil), (4097, .E2BIG),
    ] {
      let address = try machine.pages(2)
      let argument = MockLimitArgument {
        $0.size = size
        $0.limit = 12
      }
      try machine.program.store(StructureBytes.bytes(of: argument), address)
      try machine.program.store([1], address + 4096)
      #expect(
        errno { _ = try machine.program.ioctl(machine.context, MockRequest.number, address) }
          == expected)
    }
    for operation: UInt32 in [0, 24, .max] {
      #expect(
        errno { try machine.mock(MockLimitArgument.self) { $0.operation = operation } }
          == .EOPNOTSUPP)
    }
    #expect(errno { try machine.mock(MockLimitArgument.self) { $0.limit = 11 } } == .EINVAL)
  }

  @Test("An unknown flag, a missing table and a wrong table leave nothing behind")
  func failures() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    #expect(errno { _ = try machine.device(on: ioas, .init(rawValue: 2)) } == .EINVAL)
    #expect(errno { _ = try machine.device(on: 99) } == .ENOENT)
    #expect(errno { _ = try machine.device(on: device.id) } == .EINVAL)
    let dirty = try machine.table(device, on: ioas, .dirtyTracking)
    #expect(errno { _ = try machine.device(on: dirty, .noDirtyTracking) } == .EINVAL)
    let next = try machine.device(on: ioas)
    #expect((next.holder, next.id, next.table) == (6, 7, device.table))
  }

  @Test("What a device tells of itself", arguments: [MockDeviceFlags(), .pasid, .noDirtyTracking])
  func information(_ flags: MockDeviceFlags) throws {
    let machine = try MockMachine()
    let (_, device) = try machine.machineWithDevice(flags)
    let data = try machine.pages()
    let answer = try machine.send(.getHardwareInfo, HardwareInfoArgument.self) {
      $0.flags = 1
      $0.dataType = MockType.hardwareInfo
      $0.deviceID = device.id
      $0.dataLength = 8
      $0.dataAddress = data
    }
    #expect(answer.dataType == MockType.hardwareInfo)
    #expect(try machine.program.load(data, 8) == [0, 0, 0, 0, 0xEF, 0xBE, 0xAD, 0xDE])
    #expect(answer.outMaxPASIDLog2 == (flags.contains(.pasid) ? 20 : 0))
    #expect(answer.outCapabilities == (flags.contains(.noDirtyTracking) ? 8 : 9))
    #expect(
      errno {
        try machine.send(.getHardwareInfo, HardwareInfoArgument.self) {
          $0.flags = 1
          $0.dataType = 1
          $0.deviceID = device.id
        }
      } == .EOPNOTSUPP)
  }

  @Test("A device moves between tables, and the automatic one ends")
  func moving() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let table = try machine.table(device, on: ioas)
    #expect(try machine.move(device, to: table) == table)
    #expect(errno { try machine.destroy(device.table) } == .ENOENT)
    #expect(try machine.move(device, to: table) == table)
    let other = try machine.ioas()
    let automatic = try machine.move(device, to: other)
    #expect(automatic != other)
    try machine.destroy(table)
    try machine.pasid(.detachPASID, device, 0)
    #expect(errno { _ = try machine.move(device, to: other) } == .EINVAL)
    try machine.pasid(.checkPASID, device, 0, 0)
    #expect(errno { try machine.destroy(automatic) } == .ENOENT)
    #expect(try machine.pasid(.attachPASID, device, 0, other) == table)
    #expect(errno { _ = try machine.pasid(.attachPASID, device, 0, other) } == .EBUSY)
  }

  @Test("Devices of one context, or of many, go with it")
  func closing() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let table = try machine.table(device, on: ioas, .pasid)
    _ = try machine.move(device, to: table)
    try machine.pasid(.attachPASID, device, 5, table)
    let second = try machine.program.open("/dev/iommu")
    try machine.program.close(machine.context)
    #expect(machine.host.openContextCount == 1)
    try machine.program.close(second)
    #expect(machine.host.openContextCount == 0)
  }

  @Test("A vDEVICE of an unplugged device goes, and its number is never given again")
  func tombstone() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let parent = try machine.table(device, on: ioas, .nestParent)
    let viommu = try machine.viommu(device, on: parent)
    let vdevice = try machine.vdevice(device, in: viommu, as: 3)
    try machine.destroy(device.holder)
    #expect(errno { try machine.destroy(vdevice) } == .ENOENT)
    try machine.destroy(viommu)
    var ids: [UInt32] = []
    for _ in 0..<8 { ids.append(try machine.ioas()) }
    #expect(!ids.contains(vdevice))
  }

  @Test("Reserved addresses stay as long as the address space")
  func reserved() throws {
    let machine = try MockMachine()
    let ioas = try machine.ioas()
    func reserve(_ id: UInt32, _ start: UInt64, _ length: UInt64) throws {
      try machine.mock(MockReserveArgument.self) {
        $0.id = id
        $0.start = start
        $0.length = length
      }
    }
    #expect(errno { try reserve(99, 0, 0) } == .EINVAL)
    #expect(errno { try reserve(99, 2, .max) } == .EOVERFLOW)
    #expect(errno { try reserve(99, 0, 1) } == .ENOENT)
    try reserve(ioas, 0x1000, 0x1000)
    try reserve(ioas, 0x1800, 0x1000)
    try machine.map(ioas, try machine.pages(), 0x1000, at: 0x10000)
    #expect(errno { try reserve(ioas, 0x10FFF, 1) } == .EADDRINUSE)
    // A refusal takes nothing back that was reserved before.
    #expect(
      errno { try machine.map(ioas, try machine.pages(), 0x1000, at: 0x1000) } == .EINVAL)
  }
}
