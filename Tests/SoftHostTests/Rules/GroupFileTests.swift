import HostABI
import Hardware
import IOMMU
import SoftHost
import Testing

@Suite("VFIO groups and containers of a software host")
struct GroupFileTests {
  /// How a program may come to a device's DMA with a container: the node that it opens, and the type
  /// that it sets.
  static let modes: [(String, UInt64)] = [
    ("/dev/vfio/vfio", 1), ("/dev/vfio/vfio", 3), ("/dev/iommu", 1), ("/dev/iommu", 3),
  ]

  /// A program with a group whose container is set.
  struct Program {
    let host: SoftwareHost
    let process: SoftProcess
    let container: Int32
    let group: Int32

    init(
      _ node: String = "/dev/vfio/vfio", type: UInt64 = 3, group number: Int = 10,
      on host: SoftwareHost = .server()
    ) throws {
      self.host = host
      process = host.makeProcess()
      container = try process.open(node)
      group = try process.open("/dev/vfio/\(number)")
      #expect(try GroupFileTests.status(process, group) == 1)
      var argument = GroupContainerArgument { $0.descriptor = container }
      _ = try process.perform(0x3B68, on: group, &argument)
      #expect(try process.ioctl(container, 0x3B64, 0) == 0)
      #expect(try process.ioctl(container, 0x3B65, type) == 1)
      #expect(try process.ioctl(container, 0x3B66, type) == 0)
    }

    /// Opens a device by its name.
    func device(_ name: String) throws -> Int32 {
      try GroupFileTests.device(process, group, name)
    }
  }

  static func status(_ process: SoftProcess, _ group: Int32) throws -> UInt32 {
    var status = GroupStatusArgument()
    _ = try process.perform(0x3B67, on: group, &status)
    return status.flags
  }

  static func device(
    _ process: SoftProcess, _ group: Int32, _ name: String
  ) throws(LinuxErrno) -> Int32 {
    let page = try process.allocate(4096, [.read, .write])
    // The text ends where the page does, so that nothing behind it may be read.
    let text = Array(name.utf8) + [0]
    let place = page + 4096 - UInt64(text.count)
    try process.store(text, place)
    return try process.ioctl(group, 0x3B6A, place)
  }

  /// Lets the device make requests.
  static func enable(_ process: SoftProcess, _ device: Int32) throws {
    let page = try process.allocate(4096, [.read, .write])
    try process.store([6, 0], page)
    _ = try process.pwrite(device, page, 2, at: 7 << 40 + 4)
  }

  private func read(_ host: SoftwareHost, _ address: UInt64) -> UInt8? {
    var byte: [UInt8] = [0]
    var span = byte.mutableSpan
    return host.endpoints[0].read(IOVA(address), into: &span) == .done ? byte[0] : nil
  }

  @Test("a device of a group does DMA through the container's mappings", arguments: modes)
  func dma(_ node: String, _ type: UInt64) throws {
    let program = try Program(node, type: type)
    let process = program.process
    #expect(try Self.status(process, program.group) == 3)
    let device = try program.device("0000:6a:01.0")
    try Self.enable(process, device)
    let page = try process.allocate(8192, [.read, .write])
    try process.store([7], page)
    var map = ContainerMapArgument {
      $0.flags = 3
      $0.userAddress = page
      $0.iova = 0x10000
      $0.byteCount = 8192
    }
    _ = try process.perform(0x3B71, on: program.container, &map)
    #expect(read(program.host, 0x10000) == 7)
    // Only version 1 takes part of a mapping away.
    var unmap = ContainerUnmapArgument {
      $0.iova = 0x10000
      $0.byteCount = 4096
    }
    let part = refusal { _ = try process.perform(0x3B72, on: program.container, &unmap) }
    #expect(part == (type == 1 ? nil : .ENOENT))
    #expect(read(program.host, 0x10000) == (type == 1 ? nil : 7))
    unmap.flags = 2
    unmap.iova = 0
    unmap.byteCount = 0
    _ = try process.perform(0x3B72, on: program.container, &unmap)
    #expect(read(program.host, 0x11000) == nil)
    for descriptor in [device, program.group, program.container] { try process.close(descriptor) }
    #expect(program.host.openContextCount == 0 && program.host.chargedPageCount == 0)
  }

  @Test(
    "whatever is closed first, nothing is left after the last",
    arguments: [
      [0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0],
    ])
  func closeOrder(_ order: [Int]) throws {
    let program = try Program()
    let device = try program.device("0000:6a:01.0")
    let descriptors = [program.container, program.group, device]
    for (index, which) in order.enumerated() {
      #expect(program.host.openContextCount == 1, "after \(index) closes")
      try program.process.close(descriptors[which])
    }
    #expect(program.host.openContextCount == 0)
    // Everything can be had again.
    _ = try Program(on: program.host).device("0000:6a:01.0")
  }

  @Test("a device may be opened twice, and stays bound until the second is closed")
  func twice() throws {
    let program = try Program()
    let first = try program.device("0000:6a:01.0")
    let second = try program.device("0000:6a:01.0")
    #expect(first != second)
    try program.process.close(first)
    var info = DeviceInfoArgument()
    _ = try program.process.perform(VFIODeviceRequest.getInfo.number, on: second, &info)
    try program.process.close(second)
    _ = try program.device("0000:6a:01.0")
  }

  @Test("a group's device takes no bind, attach or detach")
  func noTables() throws {
    let program = try Program()
    let device = try program.device("0000:6a:01.0")
    var bind = BindArgument { $0.iommufd = program.container }
    #expect(
      refusal {
        _ = try program.process.perform(VFIODeviceRequest.bindIOMMUFD.number, on: device, &bind)
      } == .EINVAL)
    var attach = AttachArgument { $0.tableID = 1 }
    #expect(
      refusal {
        _ = try program.process.perform(VFIODeviceRequest.attach.number, on: device, &attach)
      } == .ENOTTY)
    var detach = DetachArgument()
    #expect(
      refusal {
        _ = try program.process.perform(VFIODeviceRequest.detach.number, on: device, &detach)
      } == .ENOTTY)
  }

  @Test("an open group keeps device nodes from binding, and the other way round")
  func exclusion() throws {
    let program = try Program()
    let process = program.process
    #expect(refusal { _ = try process.open("/dev/vfio/10") } == .EBUSY)
    let node = try process.open("/dev/vfio/devices/vfio0")
    var bind = BindArgument { $0.iommufd = program.container }
    func bound() -> LinuxErrno? {
      refusal { _ = try process.perform(VFIODeviceRequest.bindIOMMUFD.number, on: node, &bind) }
    }
    #expect(bound() == .EBUSY)
    let device = try program.device("0000:6a:01.0")
    try process.close(program.group)
    // The group is closed, but its device is not.
    #expect(bound() == .EINVAL)
    let again = try process.open("/dev/vfio/10")
    #expect(try Self.status(process, again) == 0)
    try process.close(again)
    try process.close(device)
    #expect(bound() == nil)
    #expect(refusal { _ = try process.open("/dev/vfio/10") } == .EBUSY)
    try process.close(node)
    _ = try process.open("/dev/vfio/10")
  }

  @Test("containers are set once, and are containers")
  func setContainer() throws {
    let program = try Program()
    let process = program.process
    func set(_ descriptor: Int32, _ group: Int32) -> LinuxErrno? {
      var argument = GroupContainerArgument { $0.descriptor = descriptor }
      return refusal { _ = try process.perform(0x3B68, on: group, &argument) }
    }
    #expect(set(program.container, program.group) == .EINVAL)
    let other = try process.open("/dev/vfio/11")
    #expect(set(-1, other) == .EBADF)
    #expect(set(program.group, other) == .EBADFD)
    #expect(refusal { _ = try process.ioctl(other, 0x3B69, 0) } == .EINVAL)
    #expect(refusal { _ = try Self.device(process, other, "0000:03:00.0") } == .EINVAL)
    #expect(refusal { _ = try process.ioctl(other, 0x3B68, 1) } == .EFAULT)
    #expect(refusal { _ = try process.ioctl(other, 0x3B65, 1) } == .ENOTTY)
    #expect(set(program.container, other) == nil)
    // Both groups use the one address space.
    var space = VFIOIOASArgument()
    _ = try process.perform(IOMMUFDRequest.vfioIOAS.number, on: program.container, &space)
    #expect(space.ioasID == 1)
    #expect(try process.ioctl(other, 0x3B69, 0) == 0)
    #expect(try Self.status(process, other) == 1)
  }

  @Test("without the container's address space a device is refused and nothing is left")
  func noSpace() throws {
    let program = try Program()
    var space = VFIOIOASArgument { $0.operation = 2 }
    _ = try program.process.perform(IOMMUFDRequest.vfioIOAS.number, on: program.container, &space)
    #expect(refusal { _ = try program.device("0000:6a:01.0") } == .ENODEV)
    try program.process.close(program.group)
    try program.process.close(program.container)
    #expect(program.host.openContextCount == 0)
  }

  static let token = "00112233-4455-6677-8899-aabbccddeeff"

  @Test(
    "names are whole, options are known",
    arguments: [
      ("0000:6a:01.0", nil), ("0000:6a:01.0  ", nil), ("0000:6a:01.1", .ENODEV), ("", .ENODEV),
      ("0000:6a:01", .ENODEV), ("0000:6a:01.0x", .ENODEV), ("0000:03:00.0", .ENODEV),
      ("0000:6a:01.0 what", .EINVAL), ("0000:6a:01.0 vf_token=1", .EINVAL),
      ("0000:6a:01.0 vf_token=\(token)", .EINVAL),
      ("0000:6a:01.0 vf_token=\(token) vf_token=\(token)", .EINVAL),
      ("0000:6a:01.0 vf_token=00112233-4455-6677-8899-aabbccddeefg", .EINVAL),
    ] as [(String, LinuxErrno?)])
  func names(_ name: String, _ errno: LinuxErrno?) throws {
    let program = try Program()
    #expect(refusal { _ = try program.device(name) } == errno)
  }

  @Test("a physical function's token opens its virtual function")
  func tokens() throws {
    let host = SoftwareHost.server()
    let physical = try Program(group: 13, on: host)
    _ = try physical.device("0000:6b:00.0 vf_token=\(Self.token)")
    let virtual = try Program(group: 14, on: host)
    #expect(refusal { _ = try virtual.device("0000:6b:00.1") } == .EACCES)
    let wrong = Self.token.replacing("ff", with: "fe")
    #expect(refusal { _ = try virtual.device("0000:6b:00.1 vf_token=\(wrong)") } == .EACCES)
    _ = try virtual.device("0000:6b:00.1 vf_token=\(Self.token)")
  }

  @Test("a bus is reset by who has the groups of all its functions")
  func hotReset() throws {
    let program = try Program(group: 12)
    let process = program.process
    let device = try program.device("0000:04:00.0")
    // Room for two dependents behind the fixed part.
    let page = try process.allocate(4096, [.read, .write])
    func fill(_ words: UInt32...) throws {
      try process.store(
        words.flatMap { word in (0..<4).map { UInt8(word >> (8 * $0) & 0xFF) } }, page)
    }
    try fill(28, 0, 0)
    _ = try process.ioctl(device, VFIODeviceRequest.getHotResetInfo.number, page)
    let info = try process.load(page, 28)
    // No flags, two functions, each with its group.
    #expect(Array(info[4..<12]) == [0, 0, 0, 0, 2, 0, 0, 0])
    #expect(info[12] == 12 && info[20] == 12)
    func reset(_ count: UInt32, _ descriptors: UInt32...) throws -> LinuxErrno? {
      try fill(12 + 4 * count, 0, count, descriptors.first ?? 0, descriptors.last ?? 0)
      return refusal {
        _ = try process.ioctl(device, VFIODeviceRequest.hotReset.number, page)
      }
    }
    #expect(try reset(0) == .EINVAL)
    #expect(try reset(3, UInt32(program.group)) == .EINVAL)
    #expect(try reset(1, 999) == .EBADF)
    #expect(try reset(1, UInt32(device)) == .EINVAL)
    let other = try process.open("/dev/vfio/11")
    #expect(try reset(1, UInt32(other)) == .EINVAL)
    #expect(try reset(1, UInt32(program.group)) == nil)
    #expect(try reset(2, UInt32(other), UInt32(program.group)) == nil)
  }

  @Test("a name without an end, or in no memory, is refused")
  func hostileNames() throws {
    let program = try Program()
    let page = try program.process.allocate(3 * 4096, [.read, .write])
    try program.process.store(Array(repeating: UInt8(ascii: "a"), count: 8192), page)
    #expect(refusal { _ = try program.process.ioctl(program.group, 0x3B6A, page) } == .EINVAL)
    #expect(refusal { _ = try program.process.ioctl(program.group, 0x3B6A, 1) } == .EFAULT)
    #expect(refusal { _ = try program.process.ioctl(program.group, 0x3B6A, .max) } == .EFAULT)
  }
}
