import Conformance
import HostABI

/// A kernel that answers EIO where another would not.
final class WrongKernel: KernelFilter {
  let kernel: any HostKernel
  private let isWrong: @Sendable (UInt32, [UInt8]) -> Bool

  /// Puts wrong answers in front of a kernel.
  ///
  /// - Parameters:
  ///   - kernel: The kernel that answers everything else.
  ///   - isWrong: Whether a request is answered wrongly: its number, and its first 40 bytes.
  init(_ kernel: any HostKernel, _ isWrong: @escaping @Sendable (UInt32, [UInt8]) -> Bool) {
    self.kernel = kernel
    self.isWrong = isWrong
  }

  func ioctl(
    _ descriptor: Int32, _ request: UInt32, _ argument: UInt64
  ) throws(LinuxErrno) -> Int32 {
    if let bytes = try? kernel.load(argument, 40), isWrong(request, bytes) { throw .EIO }
    return try kernel.ioctl(descriptor, request, argument)
  }

  func perform<Argument: WireStructure>(
    _ request: UInt32, on descriptor: Int32, _ argument: inout Argument
  ) throws(LinuxErrno) -> Int32 {
    if let fields = argument as? IOASUnmapArgument {
      let bytes =
        fields.size.littleEndianBytes + fields.ioasID.littleEndianBytes
        + fields.iova.littleEndianBytes + fields.length.littleEndianBytes
      if isWrong(request, bytes) { throw .EIO }
    }
    return try kernel.perform(request, on: descriptor, &argument)
  }
}

/// A kernel that has nothing.
final class NoKernel: HostKernel {
  func open(_ path: String) throws(LinuxErrno) -> Int32 { throw .ENOENT }
  func close(_ descriptor: Int32) throws(LinuxErrno) { throw .EBADF }
  func duplicate(_ descriptor: Int32) throws(LinuxErrno) -> Int32 { throw .EBADF }
  func ioctl(
    _ descriptor: Int32, _ request: UInt32, _ argument: UInt64
  ) throws(LinuxErrno) -> Int32 { throw .EBADF }
  func perform<Argument: WireStructure>(
    _ request: UInt32, on descriptor: Int32, _ argument: inout Argument
  ) throws(LinuxErrno) -> Int32 { throw .EBADF }
  func read(_ descriptor: Int32, _ address: UInt64, _ count: Int) throws(LinuxErrno) -> Int {
    throw .EBADF
  }
  func write(_ descriptor: Int32, _ address: UInt64, _ count: Int) throws(LinuxErrno) -> Int {
    throw .EBADF
  }
  func pread(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int { throw .EBADF }
  func pwrite(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int { throw .EBADF }
  func poll(_ descriptor: Int32) throws(LinuxErrno) -> Readiness { throw .EBADF }
  func map(
    _ descriptor: Int32, offset: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 { throw .EBADF }
  func makeEventCounter() throws(LinuxErrno) -> Int32 { throw .EMFILE }
  func makeMemoryFile(_ byteCount: Int) throws(LinuxErrno) -> Int32 { throw .EMFILE }
  func allocate(
    _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 { throw .ENOMEM }
  func protect(
    _ address: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) { throw .ENOMEM }
  func release(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) { throw .EINVAL }
  func load(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) -> [UInt8] { throw .EFAULT }
  func store(_ bytes: [UInt8], _ address: UInt64) throws(LinuxErrno) { throw .EFAULT }
}
