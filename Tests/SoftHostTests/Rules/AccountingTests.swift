import HostABI
import Hardware
import IOMMU
import IOMMUClient
import SoftHost
import Testing

@Suite("Who is charged for memory that devices hold")
struct AccountingTests {
  /// A user who may lock 16 pages.
  static let user = Credentials(lockedMemoryLimit: 16 << 12)

  /// A program with a device attached to a space; the table is what makes memory be held.
  struct Program: ~Copyable {
    let process: SoftProcess
    let context: IOMMUClient.IOMMUContext
    let device: BoundDevice
    let space: IOAddressSpace
    let memory: UInt64

    init(
      _ host: SoftwareHost, device number: Int, _ credentials: Credentials,
      mode: MemoryAccounting? = nil
    ) throws {
      let process = host.makeProcess(credentials)
      let context = try IOMMUClient.IOMMUContext(on: process)
      if let mode { try context.setMemoryAccounting(mode) }
      let device = try VFIODevice(path: "/dev/vfio/devices/vfio\(number)", on: process)
        .bind(to: context)
      let space = try IOAddressSpace(in: context)
      _ = try device.attach(to: space)
      memory = try process.allocate(32 << 12, [.read, .write])
      self.process = process
      self.context = context
      self.device = device
      self.space = space
    }

    /// Maps pages, each at its own place.
    func map(_ first: UInt64, _ count: UInt64) throws {
      _ = try space.map(
        memory + first << 12, byteCount: count << 12, at: IOVA(0x10_0000 + first << 12))
    }

    func unmap(_ first: UInt64, _ count: UInt64) throws {
      let start = 0x10_0000 + first << 12
      _ = try space.unmap(IOVA(start)...IOVA(start + count << 12 - 1))
    }
  }

  @Test("42: a user's programs share one limit, and what fails leaves nothing")
  func perUser() throws {
    let host = SoftwareHost.server()
    let first = try Program(host, device: 0, Self.user)
    do {
      let second = try Program(host, device: 1, Self.user)
      try first.map(0, 10)
      #expect(refusal { try second.map(0, 7) } == .ENOMEM)
      #expect(host.chargedPageCount == 10)
      try second.map(0, 6)
      #expect(host.chargedPageCount == 16)
      #expect(refusal { try first.map(10, 1) } == .ENOMEM)
      // Another user has a limit of its own, and who may lock all memory has none.
      let other = try Program(
        host, device: 4, Credentials(lockedMemoryLimit: 16 << 12, user: 7))
      try other.map(0, 16)
      #expect(host.chargedPageCount == 32)
      let root = try Program(host, device: 6, .root)
      try root.map(0, 32)
      #expect(host.chargedPageCount == 32)
    }
    #expect(host.chargedPageCount == 10)
    try first.unmap(0, 10)
    try first.map(0, 16)
    #expect(host.chargedPageCount == 16)
  }

  @Test("pages are charged once, for as long as anything holds them")
  func copies() throws {
    let host = SoftwareHost.server()
    let program = try Program(host, device: 0, Self.user)
    try program.map(0, 8)
    // A copy holds the same pages.
    let copy = try program.space.copy(
      IOVA(0x10_0000)...IOVA(0x10_3FFF), from: program.space, at: IOVA(0x20_0000))
    #expect(copy == IOVA(0x20_0000) && host.chargedPageCount == 8)
    try program.unmap(0, 8)
    #expect(host.chargedPageCount > 0)
    _ = try program.space.unmapAll()
    #expect(host.chargedPageCount == 0)
    // The same memory mapped twice is held twice.
    try program.map(0, 4)
    _ = try program.space.map(program.memory, byteCount: 4 << 12, at: IOVA(0x30_0000))
    #expect(host.chargedPageCount == 8)
  }

  @Test("per process, each program has a limit of its own")
  func perProcess() throws {
    let host = SoftwareHost.server()
    let credentials = Credentials(
      canManageResources: true, lockedMemoryLimit: 16 << 12)
    let first = try Program(host, device: 0, credentials, mode: .perProcess)
    let second = try Program(host, device: 1, credentials, mode: .perProcess)
    try first.map(0, 16)
    try second.map(0, 16)
    #expect(refusal { try first.map(16, 1) } == .ENOMEM)
    #expect(refusal { try first.context.setMemoryAccounting(.perUser) } == .EBUSY)
  }

  @Test("58: charges move to another program only while all that is mapped is files")
  func changeProcess() throws {
    let host = SoftwareHost.server()
    let program = try Program(host, device: 0, Self.user)
    try program.context.changeProcess()
    let file = try program.process.makeMemoryFile(8 << 12)
    _ = try program.space.mapFile(file, offset: 0, byteCount: 8 << 12, at: IOVA(0))
    #expect(host.chargedPageCount == 8)
    try program.context.changeProcess()
    #expect(host.chargedPageCount == 8)
    try program.map(0, 1)
    #expect(refusal { try program.context.changeProcess() } == .EINVAL)
    try program.unmap(0, 1)
    try program.context.changeProcess()
  }

  @Test("59: the mode is set by who may, before there is anything")
  func mode() throws {
    let context = try IOMMUClient.IOMMUContext(on: SoftwareHost.server().makeProcess(Self.user))
    #expect(refusal { try context.setMemoryAccounting(.perProcess) } == .EPERM)
  }

  @Test("60, 61: without large pages every mapping is of whole pages")
  func largePages() throws {
    let host = SoftwareHost.server()
    let process = host.makeProcess()
    let context = try IOMMUClient.IOMMUContext(on: process)
    let space = try IOAddressSpace(in: context)
    #expect(try space.usesLargePages() && space.usableAddresses().alignment == 1)
    try space.setLargePages(false)
    #expect(try !space.usesLargePages() && space.usableAddresses().alignment == 4096)
    let memory = try process.allocate(4 << 20, [.read, .write])
    #expect(refusal { _ = try space.map(memory, byteCount: 512) } == .EINVAL)
    _ = try space.map(memory, byteCount: 4 << 20, at: IOVA(0))
    let device = try VFIODevice(path: "/dev/vfio/devices/vfio0", on: process).bind(to: context)
    try GuestMachine.enable(device, of: process)
    _ = try device.attach(to: space)
    // Saying it again is no change; once large pages are back, they stay while it is mapped.
    try space.setLargePages(false)
    try space.setLargePages(true)
    #expect(refusal { try space.setLargePages(false) } == .EINVAL)
    var byte: [UInt8] = [1]
    var span = byte.mutableSpan
    #expect(host.endpoints[0].read(IOVA(0x3F_FFFF), into: &span) == .done && byte == [0])
  }
}
