import HostABI
import Synchronization

/// A kernel that refuses the next request of one kind, when it is told to.
final class RefusingKernel: HostKernel {
  private let kernel: any HostKernel
  private let refusal = Mutex<(request: UInt32, errno: LinuxErrno)?>(nil)

  init(_ kernel: any HostKernel) { self.kernel = kernel }

  /// Refuses the next request of a kind.
  ///
  /// - Parameters:
  ///   - request: The request's number.
  ///   - errno: The answer.
  func refuse(_ request: UInt32, with errno: LinuxErrno) {
    refusal.withLock { $0 = (request, errno) }
  }

  private func check(_ request: UInt32) throws(LinuxErrno) {
    let errno = refusal.withLock { refusal -> LinuxErrno? in
      guard let found = refusal, found.request == request else { return nil }
      refusal = nil
      return found.errno
    }
    if let errno { throw errno }
  }

  func perform<Argument: WireStructure>(
    _ request: UInt32, on descriptor: Int32, _ argument: inout Argument
  ) throws(LinuxErrno) -> Int32 {
    do {
      try check(request)
    } catch {
      // The kernel says how many entries it handled also when it fails.
      if var invalidation = argument as? InvalidateArgument {
        invalidation.entryCount = 0
        if let answer = invalidation as? Argument { argument = answer }
      }
      throw error
    }
    return try kernel.perform(request, on: descriptor, &argument)
  }

  func ioctl(
    _ descriptor: Int32, _ request: UInt32, _ argument: UInt64
  ) throws(LinuxErrno) -> Int32 {
    try check(request)
    return try kernel.ioctl(descriptor, request, argument)
  }

  // Everything else passes.

  func open(_ path: String) throws(LinuxErrno) -> Int32 { try kernel.open(path) }

  func close(_ descriptor: Int32) throws(LinuxErrno) { try kernel.close(descriptor) }

  func duplicate(_ descriptor: Int32) throws(LinuxErrno) -> Int32 {
    try kernel.duplicate(descriptor)
  }

  func read(_ descriptor: Int32, _ address: UInt64, _ count: Int) throws(LinuxErrno) -> Int {
    try kernel.read(descriptor, address, count)
  }

  func write(_ descriptor: Int32, _ address: UInt64, _ count: Int) throws(LinuxErrno) -> Int {
    try kernel.write(descriptor, address, count)
  }

  func pread(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    try kernel.pread(descriptor, address, count, at: offset)
  }

  func pwrite(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    try kernel.pwrite(descriptor, address, count, at: offset)
  }

  func poll(_ descriptor: Int32) throws(LinuxErrno) -> Readiness { try kernel.poll(descriptor) }

  func map(
    _ descriptor: Int32, offset: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 {
    try kernel.map(descriptor, offset: offset, byteCount, protection)
  }

  func makeEventCounter() throws(LinuxErrno) -> Int32 { try kernel.makeEventCounter() }

  func makeMemoryFile(_ byteCount: Int) throws(LinuxErrno) -> Int32 {
    try kernel.makeMemoryFile(byteCount)
  }

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
