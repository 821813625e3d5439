import HostABI
import Hardware

extension UserDispatcher {
  /// Checks an access: offset 64 bits, region and count 32 bits each.
  private func access(
    _ payload: Span<UInt8>, at place: Int, needing flag: VFIORegionFlags, limit: Int
  ) throws(Refusal) -> (region: Int, offset: UInt64, count: Int) {
    guard let offset = payload.little(UInt64.self, at: place),
      let region = payload.little(UInt32.self, at: place + 8),
      let count = payload.little(UInt32.self, at: place + 12)
    else { throw Refusal(.EINVAL, "the message is too short") }
    guard Int(region) < information.regions.count else {
      throw Refusal(.EINVAL, "there is no such region")
    }
    guard Int(count) <= limit else { throw Refusal(.EINVAL, "more bytes than were agreed on") }
    let (end, isWrapped) = offset.addingReportingOverflow(UInt64(count))
    guard !isWrapped, end <= information.regions[Int(region)].byteCount else {
      throw Refusal(.EINVAL, "the access is not within the region")
    }
    guard information.regions[Int(region)].flags.contains(flag) else {
      throw Refusal(.EINVAL, "the region does not allow it")
    }
    return (Int(region), offset, Int(count))
  }

  /// `VFIO_USER_REGION_READ`.
  func regionRead(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    let access = try access(payload, at: 0, needing: .read, limit: UserLimits.transfer)
    makeRoom(16 + access.count)
    put(access.offset, at: 0)
    put(UInt32(access.region), at: 8)
    put(UInt32(access.count), at: 12)
    guard access.count > 0 else { return 16 }
    do throws(LinuxErrno) {
      try reply.read(device, access, at: 16)
    } catch {
      throw Refusal(device: error)
    }
    return 16 + access.count
  }

  /// `VFIO_USER_REGION_WRITE`.
  func regionWrite(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    let access = try access(payload, at: 0, needing: .write, limit: UserLimits.transfer)
    guard payload.count == 16 + access.count else {
      throw Refusal(.EINVAL, "the count is not that of the bytes")
    }
    try write(access, payload.extracting(16..<payload.count))
    put(access.offset, at: 0)
    put(UInt32(access.region), at: 8)
    put(UInt32(access.count), at: 12)
    return 16
  }

  /// `VFIO_USER_REGION_WRITE_MULTI`: a count of 64 bits, then writes of up to 8 bytes, 24 bytes each.
  ///
  /// All are checked before the first is done.
  func regionWriteMany(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    guard let count = payload.little(UInt64.self, at: 0), (payload.count - 8) % 24 == 0,
      count == UInt64((payload.count - 8) / 24)
    else { throw Refusal(.EINVAL, "the count is not that of the writes") }
    for index in 0..<Int(count) {
      _ = try access(payload, at: 8 + 24 * index, needing: .write, limit: 8)
    }
    for index in 0..<Int(count) {
      let place = 8 + 24 * index
      let access = try access(payload, at: place, needing: .write, limit: 8)
      try write(access, payload.extracting((place + 16)..<(place + 16 + access.count)))
    }
    put(count, at: 0)
    return 8
  }

  private func write(
    _ access: (region: Int, offset: UInt64, count: Int), _ bytes: Span<UInt8>
  ) throws(Refusal) {
    guard access.count > 0 else { return }
    do throws(LinuxErrno) {
      try device.write(access.region, at: access.offset, bytes)
    } catch {
      throw Refusal(device: error)
    }
  }
}
