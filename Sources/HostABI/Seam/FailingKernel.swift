import Synchronization

/// A kernel that fails one request, for tests that nothing is left behind whichever it is.
///
/// Opening, duplicating and every request count; closing, memory and unmapping never fail, because
/// a program can do nothing about those.
package final class FailingKernel: KernelFilter {
  package let kernel: any HostKernel
  private let failing: Int
  private let errno: LinuxErrno
  private let count = Atomic<Int>(0)

  /// Puts a failure in front of a kernel.
  ///
  /// - Parameters:
  ///   - kernel: The kernel that carries out all other calls.
  ///   - failing: The number of the call that fails, from 1; 0 for none.
  ///   - errno: How it fails.
  package init(_ kernel: any HostKernel, failing: Int, with errno: LinuxErrno = .ENOMEM) {
    self.kernel = kernel
    self.failing = failing
    self.errno = errno
  }

  /// How many calls that can fail were made, the failed one included.
  package var callCount: Int { count.load(ordering: .relaxed) }

  private func step() throws(LinuxErrno) {
    if count.add(1, ordering: .relaxed).newValue == failing { throw errno }
  }

  package func open(_ path: String) throws(LinuxErrno) -> Int32 {
    try step()
    return try kernel.open(path)
  }

  package func duplicate(_ descriptor: Int32) throws(LinuxErrno) -> Int32 {
    try step()
    return try kernel.duplicate(descriptor)
  }

  package func ioctl(
    _ descriptor: Int32, _ request: UInt32, _ argument: UInt64
  ) throws(LinuxErrno) -> Int32 {
    try step()
    return try kernel.ioctl(descriptor, request, argument)
  }

  package func perform<Argument: WireStructure>(
    _ request: UInt32, on descriptor: Int32, _ argument: inout Argument
  ) throws(LinuxErrno) -> Int32 {
    try step()
    return try kernel.perform(request, on: descriptor, &argument)
  }

  package func read(
    _ descriptor: Int32, _ address: UInt64, _ count: Int
  ) throws(LinuxErrno) -> Int {
    try step()
    return try kernel.read(descriptor, address, count)
  }

  package func write(
    _ descriptor: Int32, _ address: UInt64, _ count: Int
  ) throws(LinuxErrno) -> Int {
    try step()
    return try kernel.write(descriptor, address, count)
  }

  package func pread(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    try step()
    return try kernel.pread(descriptor, address, count, at: offset)
  }

  package func pwrite(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    try step()
    return try kernel.pwrite(descriptor, address, count, at: offset)
  }

  package func map(
    _ descriptor: Int32, offset: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 {
    try step()
    return try kernel.map(descriptor, offset: offset, byteCount, protection)
  }

  package func makeEventCounter() throws(LinuxErrno) -> Int32 {
    try step()
    return try kernel.makeEventCounter()
  }

  package func makeMemoryFile(_ byteCount: Int) throws(LinuxErrno) -> Int32 {
    try step()
    return try kernel.makeMemoryFile(byteCount)
  }
}
