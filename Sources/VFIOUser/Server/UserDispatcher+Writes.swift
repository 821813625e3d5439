import HostABI
import Hardware

/// Which pages the device wrote.
extension UserDispatcher {
  private func tracker() throws(Refusal) -> any UserMigration {
    guard let migration = device.migration, migration.canTrackWrites else {
      throw Refusal(.EOPNOTSUPP, "the device does not track what it writes")
    }
    return migration
  }

  func checkPageSize(_ pageSize: UInt64) throws(Refusal) {
    guard pageSize >= UserLimits.migrationPageSize, pageSize.nonzeroBitCount == 1 else {
      throw Refusal(.EINVAL, "the page size is none")
    }
  }

  /// A range of whole pages of a size that was checked.
  func pages(
    _ address: UInt64, _ byteCount: UInt64, _ pageSize: UInt64
  ) throws(Refusal) -> ClosedRange<UInt64> {
    guard byteCount > 0, (address | byteCount) & (pageSize - 1) == 0 else {
      throw Refusal(.EINVAL, "the range is not of whole pages")
    }
    let (last, isWrapped) = address.addingReportingOverflow(byteCount - 1)
    guard !isWrapped else { throw Refusal(.EINVAL, "the range goes beyond the last address") }
    return address...last
  }

  /// A range whose writes can be asked for.
  func trackedRange(
    _ address: UInt64, _ byteCount: UInt64, _ pageSize: UInt64
  ) throws(Refusal) -> ClosedRange<UInt64> {
    guard isTracking else { throw Refusal(.EINVAL, "writes are not tracked now") }
    try checkPageSize(pageSize)
    return try pages(address, byteCount, pageSize)
  }

  func startTracking(
    _ ranges: [ClosedRange<UInt64>], _ pageSize: UInt64
  ) throws(Refusal) {
    let tracker = try tracker()
    guard !isTracking else { throw Refusal(.EINVAL, "writes are tracked already") }
    do throws(LinuxErrno) { try tracker.trackWrites(ranges, pageSize: pageSize) } catch {
      throw Refusal(device: error)
    }
    isTracking = true
  }

  func stopTracking() throws(Refusal) {
    let tracker = try tracker()
    guard isTracking else { return }
    do throws(LinuxErrno) {
      try tracker.trackWrites(nil, pageSize: UserLimits.migrationPageSize)
    } catch {
      throw Refusal(device: error)
    }
    isTracking = false
  }

  /// Bytes of a range's bitmap, in words of 64 bits.
  func bitmapByteCount(_ range: ClosedRange<UInt64>, _ pageSize: UInt64) -> UInt64 {
    let pages = (range.upperBound - range.lowerBound) / pageSize + 1
    return (pages + 63) / 64 * 8
  }

  /// Writes a range's bitmap into the reply, zeros behind it.
  func putWrites(
    _ range: ClosedRange<UInt64>, _ pageSize: UInt64, at place: Int, byteCount: Int
  ) throws(Refusal) {
    let words: [UInt64]
    let tracker = try tracker()
    do throws(LinuxErrno) {
      words = try tracker.takeWrites(range, pageSize: pageSize)
    } catch {
      throw Refusal(device: error)
    }
    let pages = (range.upperBound - range.lowerBound) / pageSize + 1
    for index in 0..<byteCount / 8 {
      var word = index < words.count ? words[index] : 0
      let first = UInt64(index) * 64
      if pages < first + 64 { word &= pages > first ? (1 << (pages - first)) - 1 : 0 }
      put(word, at: place + 8 * index)
    }
  }

  /// The bitmap at the end of a message: page size and size in bytes; they are answered with it.
  func putBitmap(
    _ payload: Span<UInt8>, at place: Int, _ range: ClosedRange<UInt64>, room: Int
  ) throws(Refusal) -> Int {
    guard let pageSize = payload.little(UInt64.self, at: place),
      let byteCount = payload.little(UInt64.self, at: place + 8)
    else { throw Refusal(.EINVAL, "the message is too short") }
    let range = try trackedRange(
      range.lowerBound, range.upperBound &- range.lowerBound &+ 1, pageSize)
    guard byteCount >= bitmapByteCount(range, pageSize), byteCount % 8 == 0,
      byteCount <= UInt64(UserLimits.transfer), room >= place + 16 + Int(byteCount)
    else { throw Refusal(.EINVAL, "the bitmap has not the size of the range") }
    makeRoom(place + 16 + Int(byteCount))
    put(pageSize, at: place)
    put(byteCount, at: place + 8)
    try putWrites(range, pageSize, at: place + 16, byteCount: Int(byteCount))
    return 16 + Int(byteCount)
  }

  /// `VFIO_USER_DIRTY_PAGES`: argsz and flags, then for a bitmap address, size and the bitmap's fields.
  func dirtyPages(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    guard let room = payload.little(UInt32.self, at: 0),
      let flags = payload.little(UInt32.self, at: 4)
    else { throw Refusal(.EINVAL, "the message is too short") }
    let start: UInt32 = 1
    let stop: UInt32 = 2
    let ask: UInt32 = 4
    put(room, at: 0)
    put(flags, at: 4)
    switch flags {
    case start:
      try startTracking([0...UInt64.max], UserLimits.migrationPageSize)
      return 0
    case stop:
      try stopTracking()
      return 0
    case ask:
      guard let address = payload.little(UInt64.self, at: 8),
        let byteCount = payload.little(UInt64.self, at: 16)
      else { throw Refusal(.EINVAL, "the message is too short") }
      let range = try pages(address, byteCount, UserLimits.migrationPageSize)
      let count = try putBitmap(payload, at: 24, range, room: Int(room))
      put(address, at: 8)
      put(byteCount, at: 16)
      return 24 + count
    default: throw Refusal(.EINVAL, "not one thing is asked")
    }
  }
}
