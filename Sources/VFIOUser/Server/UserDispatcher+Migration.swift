import HostABI
import Hardware

extension UserDispatcher {
  /// Indices of `VFIO_DEVICE_FEATURE`.
  private enum Feature {
    static let migration: UInt32 = 1
    static let state: UInt32 = 2
    static let startLogging: UInt32 = 6
    static let stopLogging: UInt32 = 7
    static let reportLogging: UInt32 = 8
  }

  private static let get: UInt32 = 1 << 16
  private static let set: UInt32 = 1 << 17
  private static let probe: UInt32 = 1 << 18

  /// `VFIO_USER_DEVICE_FEATURE`: argsz, flags with the index in bits 15:0, data.
  func feature(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    guard let room = payload.little(UInt32.self, at: 0),
      let flags = payload.little(UInt32.self, at: 4), room >= 8
    else { throw Refusal(.EINVAL, "the message is too short") }
    guard flags & ~(0xFFFF | Self.get | Self.set | Self.probe) == 0 else {
      throw Refusal(.EINVAL, "a flag is not known")
    }
    let index = flags & 0xFFFF
    let (migration, known) = try support(of: index)
    guard flags & (Self.get | Self.set) & ~known == 0 else {
      throw Refusal(.EINVAL, "the feature cannot be used this way")
    }
    guard flags & Self.probe == 0 else { return try echo(payload) }
    let data = payload.extracting(8..<payload.count)
    switch flags & (Self.get | Self.set) {
    case Self.get:
      let count = try getFeature(index, data, migration, room: Int(room) - 8)
      put(UInt32(8 + count), at: 0)
      put(flags, at: 4)
      return 8 + count
    case Self.set:
      try setFeature(index, data, migration)
      return try echo(payload)
    default: throw Refusal(.EINVAL, "neither get nor set, or both")
    }
  }

  /// What a device can do of a feature: which of get and set.
  private func support(
    of index: UInt32
  ) throws(Refusal) -> (migration: any UserMigration, known: UInt32) {
    if let migration = device.migration {
      switch index {
      case Feature.migration where migration.migrationFlags != 0:
        return (migration, Self.get)
      case Feature.state where migration.migrationFlags != 0:
        return (migration, Self.get | Self.set)
      case Feature.startLogging where migration.canTrackWrites,
        Feature.stopLogging where migration.canTrackWrites:
        return (migration, Self.set)
      case Feature.reportLogging where migration.canTrackWrites:
        return (migration, Self.get)
      default: break
      }
    }
    throw Refusal(.ENOTTY, "the device has no such feature")
  }

  /// Answers with what was asked.
  private func echo(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    guard payload.count <= UserLimits.transfer else {
      throw Refusal(.EINVAL, "the message is too long")
    }
    makeRoom(payload.count)
    reply.put(payload, at: 0)
    return payload.count
  }

  private func getFeature(
    _ index: UInt32, _ data: Span<UInt8>, _ migration: any UserMigration, room: Int
  ) throws(Refusal) -> Int {
    if index == Feature.reportLogging {
      guard let address = data.little(UInt64.self, at: 0),
        let byteCount = data.little(UInt64.self, at: 8),
        let pageSize = data.little(UInt64.self, at: 16)
      else { throw Refusal(.EINVAL, "the message is too short") }
      let range = try trackedRange(address, byteCount, pageSize)
      let count = bitmapByteCount(range, pageSize)
      guard room >= 24, UInt64(room - 24) >= count, count <= UInt64(UserLimits.transfer) else {
        throw Refusal(.EINVAL, "argsz is too small for the bitmap, or it is too long")
      }
      makeRoom(32 + Int(count))
      put(address, at: 8)
      put(byteCount, at: 16)
      put(pageSize, at: 24)
      try putWrites(range, pageSize, at: 32, byteCount: Int(count))
      return 24 + Int(count)
    }
    guard room >= 8 else { throw Refusal(.EINVAL, "argsz is too small for a reply") }
    makeRoom(16)
    if index == Feature.migration {
      put(migration.migrationFlags, at: 8)
    } else {
      put(migration.state, at: 8)
      put(UInt32.max, at: 12)  // The descriptor that kernels answer here; there is none.
    }
    return 8
  }

  private func setFeature(
    _ index: UInt32, _ data: Span<UInt8>, _ migration: any UserMigration
  ) throws(Refusal) {
    switch index {
    case Feature.state:
      guard let state = data.little(UInt32.self, at: 0), data.count >= 8 else {
        throw Refusal(.EINVAL, "the message is too short")
      }
      try enter(state, migration)
    case Feature.startLogging: try startLogging(data)
    default: try stopTracking()
    }
  }

  private func enter(_ state: UInt32, _ migration: any UserMigration) throws(Refusal) {
    guard
      let steps = MigrationPath.steps(
        from: migration.state, to: state, flags: migration.migrationFlags)
    else { throw Refusal(.EINVAL, "there is no way from this state to that") }
    for step in steps {
      do throws(LinuxErrno) { try migration.enter(step) } catch {
        throw Refusal(device: error)
      }
    }
  }

  /// Page size, count of ranges, and 16 bytes a range.
  private func startLogging(_ data: Span<UInt8>) throws(Refusal) {
    guard let pageSize = data.little(UInt64.self, at: 0),
      let count = data.little(UInt32.self, at: 8), data.count >= 16,
      UInt64(data.count - 16) >= 16 * UInt64(count)
    else { throw Refusal(.EINVAL, "the message is too short") }
    try checkPageSize(pageSize)
    var ranges: [ClosedRange<UInt64>] = []
    for index in 0..<Int(count) {
      let place = 16 + 16 * index
      guard let address = data.little(UInt64.self, at: place),
        let byteCount = data.little(UInt64.self, at: place + 8)
      else { throw Refusal(.EINVAL, "the message is too short") }
      ranges.append(try pages(address, byteCount, pageSize))
    }
    try startTracking(ranges.isEmpty ? [0...UInt64.max] : ranges, pageSize)
  }

  /// `VFIO_USER_MIG_DATA_READ`: argsz and size.
  func readMigrationData(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    guard let room = payload.little(UInt32.self, at: 0),
      let size = payload.little(UInt32.self, at: 4)
    else { throw Refusal(.EINVAL, "the message is too short") }
    guard Int(size) <= UserLimits.transfer, UInt64(room) >= 8 + UInt64(size) else {
      throw Refusal(.EINVAL, "argsz is too small for the data, or it is too long")
    }
    let migration = try migration()
    guard MigrationPath.isSaving(migration.state) else {
      throw Refusal(.EINVAL, "the device's state cannot be read now")
    }
    makeRoom(8 + Int(size))
    // Fewer bytes than were asked for would say that there are no more.
    var done = 0
    while done < Int(size) {
      let bytes: [UInt8]
      do throws(LinuxErrno) { bytes = try migration.readState(Int(size) - done) } catch {
        throw Refusal(device: error)
      }
      if bytes.isEmpty { break }
      precondition(bytes.count <= Int(size) - done, "a device gives more than was asked for")
      reply.put(bytes.span, at: 8 + done)
      done += bytes.count
    }
    put(UInt32(8 + done), at: 0)
    put(UInt32(done), at: 4)
    return 8 + done
  }

  /// `VFIO_USER_MIG_DATA_WRITE`: argsz, size, data.
  func writeMigrationData(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    guard let size = payload.little(UInt32.self, at: 4), payload.count == 8 + Int(size),
      Int(size) <= UserLimits.transfer
    else { throw Refusal(.EINVAL, "the size is not that of the data") }
    let migration = try migration()
    guard migration.state == MigrationPath.resuming else {
      throw Refusal(.EINVAL, "the device's state cannot be written now")
    }
    do throws(LinuxErrno) {
      try migration.writeState(payload.extracting(8..<payload.count))
    } catch {
      throw Refusal(device: error)
    }
    return 0
  }

  private func migration() throws(Refusal) -> any UserMigration {
    guard let migration = device.migration, migration.migrationFlags != 0 else {
      throw Refusal(.EOPNOTSUPP, "the device does not migrate")
    }
    return migration
  }
}
