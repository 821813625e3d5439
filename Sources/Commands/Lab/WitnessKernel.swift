import HostABI
import Synchronization

/// A kernel that notes which calls pass the seam, and hands them on.
///
/// What the lab says it called is what this has seen, not what somebody meant to call.
final class WitnessKernel: KernelFilter {
  let kernel: any HostKernel
  private let seams: SeamLog
  private let attached = Mutex<[UInt32: UInt32]>([:])

  init(_ kernel: any HostKernel, _ seams: SeamLog) {
    self.kernel = kernel
    self.seams = seams
  }

  /// The page table that a PASID was attached to last, or 0 for the RID.
  func table(of pasid: UInt32) -> UInt32? { attached.withLock { $0[pasid] } }

  /// Makes a call and notes how it ended.
  private func pass<Answer>(
    _ name: String, _ call: () throws(LinuxErrno) -> Answer
  ) throws(LinuxErrno) -> Answer {
    do {
      let answer = try call()
      seams.note(.host, name)
      return answer
    } catch {
      seams.note(.host, name, error: "\(error)")
      throw error
    }
  }

  /// Notes which table is attached where, as the kernel has answered.
  private func follow(_ argument: some WireStructure) {
    if let attach = argument as? AttachArgument {
      attached.withLock { $0[attach.flags & 1 == 0 ? 0 : attach.pasid] = attach.tableID }
    } else if let detach = argument as? DetachArgument {
      attached.withLock { $0[detach.flags & 1 == 0 ? 0 : detach.pasid] = nil }
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
    try pass("open") { () throws(LinuxErrno) in try kernel.open(path) }
  }

  func close(_ descriptor: Int32) throws(LinuxErrno) {
    try pass("close") { () throws(LinuxErrno) in try kernel.close(descriptor) }
  }

  func duplicate(_ descriptor: Int32) throws(LinuxErrno) -> Int32 {
    try pass("dup") { () throws(LinuxErrno) in try kernel.duplicate(descriptor) }
  }

  func ioctl(
    _ descriptor: Int32, _ request: UInt32, _ argument: UInt64
  ) throws(LinuxErrno) -> Int32 {
    try pass(Self.name(of: request)) { () throws(LinuxErrno) in
      try kernel.ioctl(descriptor, request, argument)
    }
  }

  func perform<Argument: WireStructure>(
    _ request: UInt32, on descriptor: Int32, _ argument: inout Argument
  ) throws(LinuxErrno) -> Int32 {
    let answer = try pass(Self.name(of: request)) { () throws(LinuxErrno) in
      try kernel.perform(request, on: descriptor, &argument)
    }
    follow(argument)
    return answer
  }

  func read(_ descriptor: Int32, _ address: UInt64, _ count: Int) throws(LinuxErrno) -> Int {
    try pass("read") { () throws(LinuxErrno) in try kernel.read(descriptor, address, count) }
  }

  func write(_ descriptor: Int32, _ address: UInt64, _ count: Int) throws(LinuxErrno) -> Int {
    try pass("write") { () throws(LinuxErrno) in try kernel.write(descriptor, address, count) }
  }

  func pread(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    try pass("pread") { () throws(LinuxErrno) in
      try kernel.pread(descriptor, address, count, at: offset)
    }
  }

  func pwrite(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    try pass("pwrite") { () throws(LinuxErrno) in
      try kernel.pwrite(descriptor, address, count, at: offset)
    }
  }

  func poll(_ descriptor: Int32) throws(LinuxErrno) -> Readiness {
    try pass("poll") { () throws(LinuxErrno) in try kernel.poll(descriptor) }
  }

  func map(
    _ descriptor: Int32, offset: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 {
    try pass("mmap") { () throws(LinuxErrno) in
      try kernel.map(descriptor, offset: offset, byteCount, protection)
    }
  }

  func makeEventCounter() throws(LinuxErrno) -> Int32 {
    try pass("eventfd") { () throws(LinuxErrno) in try kernel.makeEventCounter() }
  }

  func makeMemoryFile(_ byteCount: Int) throws(LinuxErrno) -> Int32 {
    try pass("memfd_create") { () throws(LinuxErrno) in try kernel.makeMemoryFile(byteCount) }
  }

  // The caller's own memory is handed on unseen: no request of the devices under test.
}
