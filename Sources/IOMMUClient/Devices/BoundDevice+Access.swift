import Hardware
import HostABI

/// Reading and writing a device's regions, through the kernel.
///
/// The kernel uses the largest aligned accesses that fit, up to eight bytes, and waits for no
/// device that has gone: it answers with an errno.
extension BoundDevice {
  /// Reads bytes of a region.
  ///
  /// - Parameters:
  ///   - region: The region.
  ///   - offset: The first byte, from the region's start.
  ///   - count: How many bytes; fewer come back at the end of the region.
  /// - Returns: The bytes.
  /// - Throws: ``IOMMUError`` with `EIO` when the device does not decode memory accesses.
  public func read(
    _ region: DeviceRegion, at offset: UInt64, count: Int
  ) throws(IOMMUError) -> [UInt8] {
    let size = try check(.readRegion, region, offset, count)
    guard size > 0 else { return [] }
    return try context.scratch.with(size) { (scratch) throws(IOMMUError) in
      do throws(LinuxErrno) {
        let done = try handle.file.kernel.pread(
          descriptor, scratch.address, size, at: region.offset + offset)
        return try handle.file.kernel.load(scratch.address, max(0, min(done, size)))
      } catch {
        throw IOMMUError(.readRegion, error, [handle.name, .region(region.index)])
      }
    }
  }

  /// Writes bytes of a region.
  ///
  /// - Parameters:
  ///   - bytes: The bytes.
  ///   - region: The region.
  ///   - offset: The first byte, from the region's start.
  /// - Returns: How many bytes were written; fewer at the end of the region. Bytes that cannot be
  ///   written count as if they had been.
  /// - Throws: ``IOMMUError`` with `EIO` when the device does not decode memory accesses.
  @discardableResult
  public func write(
    _ bytes: [UInt8], _ region: DeviceRegion, at offset: UInt64
  ) throws(IOMMUError) -> Int {
    let size = try check(.writeRegion, region, offset, bytes.count)
    guard size > 0 else { return 0 }
    return try context.scratch.with(size) { (scratch) throws(IOMMUError) in
      try scratch.store(size == bytes.count ? bytes : Array(bytes.prefix(size)))
      do throws(LinuxErrno) {
        return try handle.file.kernel.pwrite(
          descriptor, scratch.address, size, at: region.offset + offset)
      } catch {
        throw IOMMUError(.writeRegion, error, [handle.name, .region(region.index)])
      }
    }
  }

  /// Reads a register.
  ///
  /// - Parameters:
  ///   - type: An integer of one, two, four or eight bytes.
  ///   - region: The region.
  ///   - offset: A multiple of the integer's size, so that it is one access.
  /// - Returns: The register, in the device's little-endian order.
  /// - Throws: ``IOMMUError``.
  public func load<Value: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _ type: Value.Type = Value.self, _ region: DeviceRegion, at offset: UInt64
  ) throws(IOMMUError) -> Value {
    let bytes = try read(region, at: offset, count: Value.bitWidth / 8)
    guard bytes.count == Value.bitWidth / 8 else {
      throw IOMMUError(.readRegion, refused: .range, [handle.name, .region(region.index)])
    }
    return bytes.little(type, at: 0)
  }

  /// Writes a register.
  ///
  /// - Parameters:
  ///   - value: The register, in the device's little-endian order.
  ///   - region: The region.
  ///   - offset: A multiple of the integer's size, so that it is one access.
  /// - Throws: ``IOMMUError``.
  public func store<Value: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
    _ value: Value, _ region: DeviceRegion, at offset: UInt64
  ) throws(IOMMUError) {
    var bytes: [UInt8] = []
    bytes.append(little: value)
    guard try write(bytes, region, at: offset) == bytes.count else {
      throw IOMMUError(.writeRegion, refused: .range, [handle.name, .region(region.index)])
    }
  }

  /// How many bytes of an access lie in the region.
  private func check(
    _ request: IOMMUError.Request, _ region: DeviceRegion, _ offset: UInt64, _ count: Int
  ) throws(IOMMUError) -> Int {
    // A region's offset and size are the kernel's own, but their sum with anything else must stay
    // inside this region: the next one follows in the same file.
    guard count >= 0, offset <= region.byteCount,
      !region.offset.addingReportingOverflow(region.byteCount).overflow
    else {
      throw IOMMUError(request, refused: .range, [handle.name, .region(region.index)])
    }
    return Int(clamping: min(UInt64(count), region.byteCount - offset))
  }
}
