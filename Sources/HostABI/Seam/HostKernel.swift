/// Whatever answers Linux's iommufd and VFIO system calls: the real kernel, or a software one.
///
/// The seam is the system call itself: descriptor, request number, and an address in the caller's
/// memory. A client or a conformance case that is written once against it runs on the real kernel
/// and on a software host alike, and cannot tell which it has.
///
/// The caller's memory is part of the seam, because requests hold addresses: ``allocate(_:_:)``
/// gives pages whose addresses may stand in structures, and ``load(_:_:)`` and ``store(_:_:)``
/// reach them. All calls may be made from several threads.
public protocol HostKernel: AnyObject, Sendable {
  /// Opens a device node, such as `/dev/iommu` or `/dev/vfio/devices/vfio0`.
  ///
  /// - Throws: What `open(2)` answers.
  func open(_ path: String) throws(LinuxErrno) -> Int32

  /// Closes a descriptor.
  func close(_ descriptor: Int32) throws(LinuxErrno)

  /// Makes another descriptor of the same open file, as `dup(2)`.
  func duplicate(_ descriptor: Int32) throws(LinuxErrno) -> Int32

  /// Carries out one request, as `ioctl(2)`.
  ///
  /// - Parameters:
  ///   - descriptor: The open file.
  ///   - request: The whole request number, such as `0x3B81`.
  ///   - argument: The address of the structure in the caller's memory; any value is allowed.
  /// - Returns: What the system call returns when it is not an error.
  /// - Throws: The errno.
  func ioctl(
    _ descriptor: Int32, _ request: UInt32, _ argument: UInt64
  ) throws(LinuxErrno) -> Int32

  /// Carries out one request whose structure the kernel finds in a place of the callee's choosing.
  ///
  /// The structure holds what the kernel wrote back, also after an error.
  func perform<Argument: WireStructure>(
    _ request: UInt32, on descriptor: Int32, _ argument: inout Argument
  ) throws(LinuxErrno) -> Int32

  /// Reads from a descriptor into memory, as `read(2)`; never waits on the files of this seam.
  func read(_ descriptor: Int32, _ address: UInt64, _ count: Int) throws(LinuxErrno) -> Int

  /// Writes memory to a descriptor, as `write(2)`.
  func write(_ descriptor: Int32, _ address: UInt64, _ count: Int) throws(LinuxErrno) -> Int

  /// Reads at an offset, as `pread(2)`.
  func pread(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int

  /// Writes at an offset, as `pwrite(2)`.
  func pwrite(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int

  /// Which of read and write would go ahead now, as `poll(2)` with no time to wait.
  func poll(_ descriptor: Int32) throws(LinuxErrno) -> Readiness

  /// Maps a file shared into the caller's memory, as `mmap(2)` with `MAP_SHARED`.
  func map(
    _ descriptor: Int32, offset: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64

  /// Makes an eventfd with count 0 that never blocks.
  func makeEventCounter() throws(LinuxErrno) -> Int32

  /// Makes a memfd of the given size, filled with zeros.
  func makeMemoryFile(_ byteCount: Int) throws(LinuxErrno) -> Int32

  /// Maps fresh anonymous pages, filled with zeros.
  ///
  /// The size in bytes is rounded up to whole pages, the address that comes back is page-aligned,
  /// and DMA honours the protection too.
  func allocate(
    _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64

  /// Changes the protection of whole pages, as `mprotect(2)`.
  func protect(
    _ address: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno)

  /// Unmaps whole pages, as `munmap(2)`; pages under DMA stay alive for the device.
  func release(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno)

  /// Copies bytes out of the caller's memory.
  ///
  /// - Throws: `EFAULT` when any of them cannot be read.
  func load(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) -> [UInt8]

  /// Copies bytes into the caller's memory.
  ///
  /// - Throws: `EFAULT` when any of them cannot be written.
  func store(_ bytes: [UInt8], _ address: UInt64) throws(LinuxErrno)
}

/// What `poll` finds.
public struct Readiness: OptionSet, Hashable, Sendable {
  /// Linux's poll bits.
  public let rawValue: Int16

  /// Makes a set of Linux's poll bits.
  public init(rawValue: Int16) { self.rawValue = rawValue }

  /// `POLLIN`: a read finds something.
  public static let readable = Self(rawValue: 1)
  /// `POLLOUT`: a write is accepted.
  public static let writable = Self(rawValue: 4)
  /// `POLLERR`.
  public static let error = Self(rawValue: 8)
}

/// What may be done with pages.
public struct MemoryProtection: OptionSet, Hashable, Sendable {
  /// Linux's protection bits.
  public let rawValue: Int32

  /// Makes a set of Linux's protection bits.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// `PROT_READ`.
  public static let read = Self(rawValue: 1)
  /// `PROT_WRITE`.
  public static let write = Self(rawValue: 2)
}
