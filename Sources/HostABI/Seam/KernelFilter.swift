/// A kernel in front of another one: what it does not answer itself is handed on.
package protocol KernelFilter: HostKernel {
  /// The kernel that answers what is handed on.
  var kernel: any HostKernel { get }
}

extension KernelFilter {
  package func open(_ path: String) throws(LinuxErrno) -> Int32 { try kernel.open(path) }

  package func close(_ descriptor: Int32) throws(LinuxErrno) { try kernel.close(descriptor) }

  package func duplicate(_ descriptor: Int32) throws(LinuxErrno) -> Int32 {
    try kernel.duplicate(descriptor)
  }

  package func ioctl(
    _ descriptor: Int32, _ request: UInt32, _ argument: UInt64
  ) throws(LinuxErrno) -> Int32 { try kernel.ioctl(descriptor, request, argument) }

  package func perform<Argument: WireStructure>(
    _ request: UInt32, on descriptor: Int32, _ argument: inout Argument
  ) throws(LinuxErrno) -> Int32 { try kernel.perform(request, on: descriptor, &argument) }

  package func read(
    _ descriptor: Int32, _ address: UInt64, _ count: Int
  ) throws(LinuxErrno) -> Int { try kernel.read(descriptor, address, count) }

  package func write(
    _ descriptor: Int32, _ address: UInt64, _ count: Int
  ) throws(LinuxErrno) -> Int { try kernel.write(descriptor, address, count) }

  package func pread(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int { try kernel.pread(descriptor, address, count, at: offset) }

  package func pwrite(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int { try kernel.pwrite(descriptor, address, count, at: offset) }

  package func poll(_ descriptor: Int32) throws(LinuxErrno) -> Readiness {
    try kernel.poll(descriptor)
  }

  package func map(
    _ descriptor: Int32, offset: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 {
    try kernel.map(descriptor, offset: offset, byteCount, protection)
  }

  package func makeEventCounter() throws(LinuxErrno) -> Int32 { try kernel.makeEventCounter() }

  package func makeMemoryFile(_ byteCount: Int) throws(LinuxErrno) -> Int32 {
    try kernel.makeMemoryFile(byteCount)
  }

  package func allocate(
    _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 { try kernel.allocate(byteCount, protection) }

  package func protect(
    _ address: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) { try kernel.protect(address, byteCount, protection) }

  package func release(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) {
    try kernel.release(address, byteCount)
  }

  package func load(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) -> [UInt8] {
    try kernel.load(address, byteCount)
  }

  package func store(_ bytes: [UInt8], _ address: UInt64) throws(LinuxErrno) {
    try kernel.store(bytes, address)
  }
}
