import HostABI
import Hardware
import IOMMU
import IOMMUClient
import SoftHost
import Testing

@Suite("Opening, closing and resetting devices of a software host")
struct DeviceRuleTests {
  @Test("11, 137: the context lives until the last device is closed, whatever goes first")
  func closeOrder() throws {
    for contextFirst in [false, true] {
      let host = SoftwareHost.server()
      let process = host.makeProcess(Credentials())
      let context = try process.open("/dev/iommu")
      let device = try process.open("/dev/vfio/devices/vfio0")
      var bind = BindArgument { $0.iommufd = context }
      _ = try process.perform(VFIODeviceRequest.bindIOMMUFD.number, on: device, &bind)
      var ioas = IOASAllocArgument()
      _ = try process.perform(IOMMUFDRequest.ioasAlloc.number, on: context, &ioas)
      let page = try process.allocate(8192, [.read, .write])
      try process.store([7], page)
      var map = IOASMapArgument {
        $0.flags = 7
        $0.ioasID = ioas.outID
        $0.userAddress = page
        $0.length = 4096
        $0.iova = 0x1000
      }
      _ = try process.perform(IOMMUFDRequest.ioasMap.number, on: context, &map)
      var attach = AttachArgument { $0.tableID = ioas.outID }
      _ = try process.perform(VFIODeviceRequest.attach.number, on: device, &attach)
      try process.store([6, 0], page + 4096)
      _ = try process.pwrite(device, page + 4096, 2, at: 7 << 40 + 4)
      #expect(host.chargedPageCount == 1)
      var byte: [UInt8] = [0]
      var span = byte.mutableSpan
      if contextFirst {
        try process.close(context)
        #expect(host.openContextCount == 1)
        #expect(host.endpoints[0].read(IOVA(0x1000), into: &span) == .done)
        #expect(byte == [7])
        // What was mapped stays the program's, even if it lets go of it.
        try process.release(page, 8192)
        var again = byte.mutableSpan
        #expect(host.endpoints[0].read(IOVA(0x1000), into: &again) == .done)
        try process.close(device)
      } else {
        try process.close(device)
        #expect(host.endpoints[0].read(IOVA(0x1000), into: &span) == .blocked)
        #expect(host.openContextCount == 1)
        try process.close(context)
      }
      #expect(host.openContextCount == 0 && host.chargedPageCount == 0)
    }
  }

  @Test("a second descriptor of a file keeps it open")
  func duplicates() throws {
    let host = SoftwareHost.server()
    let process = host.makeProcess()
    let context = try process.open("/dev/iommu")
    let device = try process.open("/dev/vfio/devices/vfio0")
    var bind = BindArgument { $0.iommufd = context }
    _ = try process.perform(VFIODeviceRequest.bindIOMMUFD.number, on: device, &bind)
    let other = try process.duplicate(device)
    try process.close(device)
    try process.close(context)
    #expect(host.openContextCount == 1)
    var info = DeviceInfoArgument { $0.argumentSize = 24 }
    _ = try process.perform(VFIODeviceRequest.getInfo.number, on: other, &info)
    try process.close(other)
    #expect(host.openContextCount == 0)
  }

  @Test("120: a reset stops the device and leaves what is attached")
  func reset() throws {
    let machine = try GuestMachine()
    let table = try machine.space.makePageTable(for: machine.device, options: .pasid)
    try machine.device.attach(to: table)
    try machine.device.attach(try #require(PASID(rawValue: 4)), to: table)
    try machine.poke(9, at: 0x2000)
    #expect(machine.read(0x2000) == .value(9))
    try machine.device.reset()
    try GuestMachine.enable(machine.device, of: machine.process)
    #expect(machine.read(0x2000) == .value(9) && machine.read(0x2000, pasid: 4) == .value(9))
    #expect(machine.endpoint.attachedPASIDCount == 1)
  }

  @Test("bus mastering is what lets a function make requests")
  func busMaster() throws {
    let machine = try GuestMachine()
    let table = try machine.space.makePageTable(for: machine.device)
    try machine.device.attach(to: table)
    #expect(machine.read(0x2000) == .value(0))
    let page = try machine.process.allocate(4096, [.read, .write])
    try machine.process.store([2, 0], page)
    _ = try machine.process.pwrite(machine.device.descriptor, page, 2, at: 7 << 40 + 4)
    #expect(machine.read(0x2000).isBlocked)
  }

  @Test("a VF has its physical function's PASIDs, and no fault queue where that one has requests")
  func virtualFunction() throws {
    var description = try HostDescription.server()
    // A physical function without a token, as when its own driver keeps it.
    description.devices[4].function = try .dataStreamingAccelerator()
    let machine = try GuestMachine(device: 5, on: try SoftwareHost(description))
    let physical = try VFIODevice(path: "/dev/vfio/devices/vfio4", on: machine.process)
      .bind(to: machine.context)
    let information = try machine.device.hardwareInformation()
    #expect(try physical.hardwareInformation().pasidWidth == information.pasidWidth)
    #expect(information.pasidWidth > 0)
    let queue = try IOMMUClient.FaultQueue(in: machine.context)
    let faulting = try machine.space.makePageTable(
      for: machine.device, options: .pasid, faults: queue)
    let one = try #require(PASID(rawValue: 1))
    #expect(refusal { try machine.device.attach(to: faulting) } == .EINVAL)
    #expect(refusal { try machine.device.attach(one, to: faulting) } == .EINVAL)
    try physical.attach(one, to: faulting)
    let table = try machine.space.makePageTable(for: machine.device, options: .pasid)
    try machine.device.attach(one, to: table)
    try machine.poke(3, at: 0x2000)
    #expect(machine.read(0x2000, pasid: 1) == .value(3))
  }

  @Test("a VF of a physical function with a token opens with that token alone")
  func token() throws {
    let process = SoftwareHost.server().makeProcess()
    let context = try process.open("/dev/iommu")
    let device = try process.open("/dev/vfio/devices/vfio5")
    let token = try process.allocate(4096, [.read, .write])
    func bind(_ flags: UInt32) -> LinuxErrno? {
      refusal {
        var argument = BindArgument {
          $0.flags = flags
          $0.iommufd = context
          $0.tokenAddress = token
        }
        _ = try process.perform(VFIODeviceRequest.bindIOMMUFD.number, on: device, &argument)
      }
    }
    #expect(bind(0) == .EACCES)
    try process.store([1], token)
    #expect(bind(1) == .EACCES)
    try process.store([0], token)
    #expect(bind(1) == nil)
  }
}
