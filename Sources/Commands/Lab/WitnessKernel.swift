import HostABI
import Synchronization

/// A kernel that notes which calls pass the seam, and hands them on.
///
/// What the lab says it called is what this has seen, not what somebody meant to call.
final class WitnessKernel: HostKernel {
  private let kernel: any HostKernel
  private let seen = Mutex<[LabCall]>([])

  init(_ kernel: any HostKernel) { self.kernel = kernel }

  /// Takes the calls that have been seen since the last time, each name where it came first.
  func takeCalls() -> [LabCall] {
    seen.withLock { calls in
      defer { calls = [] }
      return calls
    }
  }

  private func note(_ name: String) {
    seen.withLock { calls in
      if let known = calls.firstIndex(where: { $0.name == name }) {
        calls[known].count += 1
      } else {
        calls.append(LabCall(name: name, count: 1))
      }
    }
  }

  private static func name(of request: UInt32) -> String {
    if let device = VFIODeviceRequest(rawValue: request) { return device.name }
    if let context = IOMMUFDRequest.allCases.first(where: { $0.number == request }) {
      return context.name
    }
    return "ioctl"
  }

  func open(_ path: String) throws(LinuxErrno) -> Int32 {
    note("open")
    return try kernel.open(path)
  }

  func close(_ descriptor: Int32) throws(LinuxErrno) {
    note("close")
    try kernel.close(descriptor)
  }

  func duplicate(_ descriptor: Int32) throws(LinuxErrno) -> Int32 {
    note("dup")
    return try kernel.duplicate(descriptor)
  }

  func ioctl(
    _ descriptor: Int32, _ request: UInt32, _ argument: UInt64
  ) throws(LinuxErrno) -> Int32 {
    note(Self.name(of: request))
    return try kernel.ioctl(descriptor, request, argument)
  }

  func perform<Argument: WireStructure>(
    _ request: UInt32, on descriptor: Int32, _ argument: inout Argument
  ) throws(LinuxErrno) -> Int32 {
    note(Self.name(of: request))
    return try kernel.perform(request, on: descriptor, &argument)
  }

  func read(_ descriptor: Int32, _ address: UInt64, _ count: Int) throws(LinuxErrno) -> Int {
    note("read")
    return try kernel.read(descriptor, address, count)
  }

  func write(_ descriptor: Int32, _ address: UInt64, _ count: Int) throws(LinuxErrno) -> Int {
    note("write")
    return try kernel.write(descriptor, address, count)
  }

  func pread(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    note("pread")
    return try kernel.pread(descriptor, address, count, at: offset)
  }

  func pwrite(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    note("pwrite")
    return try kernel.pwrite(descriptor, address, count, at: offset)
  }

  func poll(_ descriptor: Int32) throws(LinuxErrno) -> Readiness {
    note("poll")
    return try kernel.poll(descriptor)
  }

  func map(
    _ descriptor: Int32, offset: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 {
    note("mmap")
    return try kernel.map(descriptor, offset: offset, byteCount, protection)
  }

  func makeEventCounter() throws(LinuxErrno) -> Int32 {
    note("eventfd")
    return try kernel.makeEventCounter()
  }

  func makeMemoryFile(_ byteCount: Int) throws(LinuxErrno) -> Int32 {
    note("memfd_create")
    return try kernel.makeMemoryFile(byteCount)
  }

  // The caller's own memory: no request of the devices under test.

  func allocate(
    _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 { try kernel.allocate(byteCount, protection) }

  func protect(
    _ address: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) { try kernel.protect(address, byteCount, protection) }

  func release(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) {
    try kernel.release(address, byteCount)
  }

  func load(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) -> [UInt8] {
    try kernel.load(address, byteCount)
  }

  func store(_ bytes: [UInt8], _ address: UInt64) throws(LinuxErrno) {
    try kernel.store(bytes, address)
  }
}
