import Glibc
import GuestSupport
import HostABI
import HostLab
import HostSystem
import Hardware
import Passthrough
import Serving
import SoftHost
import Synchronization
import Testing
import VFIOUser

/// A kernel that refuses some requests.
private final class RefusingKernel: KernelFilter {
  let kernel: any HostKernel
  private let refused: UInt32
  private let errno: LinuxErrno
  /// How many of these requests are carried out before.
  private let left: Atomic<Int>

  init(
    _ kernel: any HostKernel, _ request: IOMMUFDRequest, _ errno: LinuxErrno, after: Int = 0
  ) {
    self.kernel = kernel
    refused = request.number
    self.errno = errno
    left = Atomic(after)
  }

  func ioctl(
    _ descriptor: Int32, _ request: UInt32, _ argument: UInt64
  ) throws(LinuxErrno) -> Int32 {
    if request == refused, left.subtract(1, ordering: .relaxed).newValue < 0 { throw errno }
    return try kernel.ioctl(descriptor, request, argument)
  }

  func perform<Argument: WireStructure>(
    _ request: UInt32, on descriptor: Int32, _ argument: inout Argument
  ) throws(LinuxErrno) -> Int32 {
    if request == refused, left.subtract(1, ordering: .relaxed).newValue < 0 { throw errno }
    return try kernel.perform(request, on: descriptor, &argument)
  }
}

@Suite("Memory of a client on kernels of all ages")
struct PassedMemoryTests {
  private let host = SoftwareHost.server(isStrict: true)
  private let file: ReceivedFile

  init() throws { file = ReceivedFile(owning: try Calls.makeMemoryFile(1 << 20)) }

  private func open(
    _ kernel: any HostKernel, at place: RequesterID = PassedMachine.place
  ) throws -> PassedDevice {
    let device = try PassedDevice(
      "dsa0", from: .node("/dev/vfio/devices/vfio0"), at: place, behind: nil, on: kernel,
      offersMapping: false)
    try device.write(7, at: 4, ([6, 0] as [UInt8]).span)
    return device
  }

  private var mapping: UserMapping {
    UserMapping(range: 0...0xF_FFFF, isReadable: true, isWritable: true, file: (file, 0))
  }

  private func canWrite(_ address: UInt64) -> Bool {
    let bytes: [UInt8] = [7]
    guard case .done = host.endpoints[0].write(IOVA(address), bytes.span, pasid: nil) else {
      return false
    }
    return true
  }

  private func byte(at offset: UInt64) throws -> UInt8 {
    let memory = try AnonymousMemory(byteCount: 4096)
    _ = try Calls.pread(file.descriptor, memory.address, 1, at: offset)
    return memory.read(at: 0, count: 1)[0]
  }

  @Test(
    "A kernel that does not take files is given a view of them",
    arguments: [LinuxErrno.ENOTTY, .EINVAL])
  func views(errno: LinuxErrno) throws {
    let device = try open(RefusingKernel(OwnProcessKernel(host), .ioasMapFile, errno))
    for round in 0..<3 as Range<UInt64> {
      try device.map(mapping)
      #expect(canWrite(0x2000 + round))
      #expect(try byte(at: 0x2000 + round) == 7)
      device.unmap(mapping.range)
      #expect(!canWrite(0x2000))
    }
    try device.map(mapping)
    device.detached()
    #expect(!canWrite(0x2000))
  }

  @Test("What no kernel could map is refused, and nothing is mapped")
  func refusals() throws {
    let device = try open(OwnProcessKernel(host))
    let event = ReceivedFile(owning: try Calls.makeEventCounter())
    var bad = mapping
    bad.file = (event, 0)
    #expect(throws: UserRefusal.self) { try device.map(bad) }
    bad.file = (file, 1 << 20)
    #expect(throws: UserRefusal.self) { try device.map(bad) }
    bad.file = (file, 7)
    #expect(throws: UserRefusal.self) { try device.map(bad) }
    bad = mapping
    bad.range = 1...0x1000
    #expect(throws: UserRefusal(.EINVAL)) { try device.map(bad) }
    bad.range = 0...(.max)
    #expect(throws: UserRefusal(.EINVAL)) { try device.map(bad) }
    try device.map(mapping)
    #expect(canWrite(0))
    device.unmap(0x10_0000...0x1F_FFFF)
    #expect(canWrite(0), "what was not mapped takes nothing away")
  }

  @Test("A file that is not in memory is refused in words, and pinned in no way")
  func filesOnDisk() throws {
    // This program's own file, which is on a disk or whatever is like one.
    let program = ReceivedFile(owning: try Calls.open("/proc/self/exe", flags: 0))
    try #require(!Calls.isMemory(program.descriptor))
    for isOld in [false, true] {
      let own = OwnProcessKernel(host)
      let device = try open(isOld ? RefusingKernel(own, .ioasMapFile, .ENOTTY) : own)
      let refusal = #expect(throws: UserRefusal.self) {
        try device.map(
          UserMapping(range: 0...0xFFFF, isReadable: true, isWritable: false, file: (program, 0)))
      }
      #expect(refusal?.errno == .EINVAL)
      #expect(refusal?.why?.contains("memfd, tmpfs or huge pages") == true)
      #expect(device.reachableMemory.isEmpty)
      device.detached()
    }
  }

  @Test("A device whose memory the kernel does not take back is given back itself")
  func stubbornKernel() throws {
    let device = try open(RefusingKernel(OwnProcessKernel(host), .ioasUnmap, .EBUSY))
    try device.map(mapping)
    #expect(canWrite(0))
    device.unmap(mapping.range)
    #expect(!canWrite(0))
    #expect(throws: LinuxErrno.ENODEV) { try device.reset() }
  }

  @Test("A file that shrinks while the device writes to it harms nobody", arguments: [false, true])
  func shrinking(isView: Bool) throws {
    let own = OwnProcessKernel(host)
    let device = try open(isView ? RefusingKernel(own, .ioasMapFile, .ENOTTY) : own)
    try device.map(mapping)
    #expect(canWrite(0x8_0000))
    #expect(ftruncate(file.descriptor, 4096) == 0)
    _ = canWrite(0x8_0000)
    #expect(canWrite(0))
    device.unmap(mapping.range)
    #expect(!canWrite(0))
  }

  @Test("Behind a root port the unit finds the device by the number of the port's bus")
  func behindPort() throws {
    let requester = RequesterID(bus: 3, devfn: 0)
    let machine = try PassedMachine(place: requester)
    #expect(try machine.find(0x1B) != nil)
    try machine.device.map(machine.mapping())
    try machine.setConfig(6, 4, 2)
    #expect(machine.driver.boot())
    let directory = machine.driver.context(requester)
    machine.driver.entry(0, directory, root: nil)
    let flush: (UInt64, UInt64) = (1 | 3 << 4 | UInt64(requester.sourceID) << 32, 0)
    #expect(machine.driver.submit([flush]))
    let process = machine.driver.process(77)
    #expect(machine.attach(4, directory, root: process.root))
    #expect(machine.read(0x7000, pasid: 4) == 77)
  }
}
