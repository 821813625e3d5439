public import SystemPackage

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Memory of this process that nobody else frees: private and anonymous, or part of a file.
///
/// The memory keeps its address for as long as the object lives, so it can stand in for memory that
/// a kernel has pinned. Accesses through ``read(at:count:)`` and ``write(_:at:)`` are plain copies.
public final class AnonymousMemory: Sendable {
  /// The address of the first byte.
  public let address: UInt64
  /// How many bytes there are, a multiple of the page size.
  public let byteCount: Int
  /// Whether others see what is written.
  private let isShared: Bool

  /// Maps part of a file, shared with whoever else maps it.
  ///
  /// The file must not shrink while this lives, or whoever touches the memory must be ready for it.
  ///
  /// - Parameters:
  ///   - descriptor: The file, which may be closed afterwards.
  ///   - offset: Where in it, a multiple of its page size.
  ///   - byteCount: How many bytes; rounded up to whole pages of 4 KiB.
  ///   - isWritable: Whether it may be written.
  ///   - reservesPages: Whether huge pages that the file does not have yet are set aside for it; if not,
  ///     whoever touches one when there is none left gets a SIGBUS.
  /// - Throws: The error of `mmap`; `EINVAL` also when `byteCount` is not positive.
  package init(
    mapping descriptor: Int32, at offset: UInt64 = 0, byteCount: Int, isWritable: Bool = true,
    reservesPages: Bool = true
  ) throws(Errno) {
    guard byteCount > 0, byteCount <= Int.max - 4095, let place = Int(exactly: offset) else {
      throw .invalidArgument
    }
    let whole = (byteCount + 4095) & ~4095
    let protection = isWritable ? PROT_READ | PROT_WRITE : PROT_READ
    let flags = reservesPages ? MAP_SHARED : MAP_SHARED | MAP_NORESERVE
    // A new mapping at an address that the kernel chooses overlaps nothing.
    let start = unsafe mmap(nil, whole, protection, flags, descriptor, place)
    guard let start = unsafe start, unsafe start != MAP_FAILED else {
      throw Errno(rawValue: errno)
    }
    address = UInt64(UInt(bitPattern: start))
    self.byteCount = whole
    isShared = true
  }

  /// Maps memory; pages are taken when they are touched.
  ///
  /// - Parameter byteCount: How many bytes; rounded up to whole pages of 4 KiB.
  /// - Throws: The error of `mmap`; `EINVAL` also when `byteCount` is not positive.
  public init(byteCount: Int) throws(Errno) {
    guard byteCount > 0, byteCount <= Int.max - 4095 else { throw .invalidArgument }
    let whole = (byteCount + 4095) & ~4095
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    // A new mapping at an address that the kernel chooses overlaps nothing.
    let start = unsafe mmap(nil, whole, PROT_READ | PROT_WRITE, flags, -1, 0)
    guard let start = unsafe start, unsafe start != MAP_FAILED else {
      throw Errno(rawValue: errno)
    }
    address = UInt64(UInt(bitPattern: start))
    self.byteCount = whole
    isShared = false
  }

  deinit {
    // The mapping is ours alone, and nobody may use it after its owner.
    _ = unsafe munmap(UnsafeMutableRawPointer(bitPattern: UInt(address)), byteCount)
  }

  /// Copies bytes out; a range outside the memory traps.
  ///
  /// - Parameters:
  ///   - offset: The offset of the first byte.
  ///   - count: How many bytes.
  /// - Returns: The bytes.
  public func read(at offset: Int, count: Int) -> [UInt8] {
    check(offset, count)
    // The range was checked, and the mapping lives as long as this object.
    return unsafe [UInt8](
      UnsafeRawBufferPointer(
        start: UnsafeRawPointer(bitPattern: UInt(address) + UInt(offset)), count: count))
  }

  /// Copies bytes in; a range outside the memory traps.
  ///
  /// - Parameters:
  ///   - bytes: The bytes.
  ///   - offset: The offset of the first byte.
  public func write(_ bytes: [UInt8], at offset: Int) {
    check(offset, bytes.count)
    // The range was checked, and the mapping lives as long as this object.
    unsafe UnsafeMutableRawBufferPointer(
      start: UnsafeMutableRawPointer(bitPattern: UInt(address) + UInt(offset)), count: bytes.count
    ).copyBytes(from: bytes)
  }

  /// Makes all bytes zero, and gives their pages back.
  public func clear() {
    // The mapping is ours; pages of a private anonymous one read as zero after the first advice, those
    // of a file in memory after the second.
    _ = unsafe madvise(
      UnsafeMutableRawPointer(bitPattern: UInt(address)), byteCount,
      isShared ? 9 /* MADV_REMOVE */ : MADV_DONTNEED)
  }

  private func check(_ offset: Int, _ count: Int) {
    precondition(
      offset >= 0 && count >= 0 && offset <= byteCount - count, "outside of the memory")
  }
}
