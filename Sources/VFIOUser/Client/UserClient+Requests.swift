public import HostABI
import Hardware

extension UserClient {
  /// Agrees on a version; the first message.
  ///
  /// - Parameters:
  ///   - version: What is proposed.
  ///   - capabilities: What this side can do.
  /// - Returns: What the server agrees to.
  /// - Throws: The server's errno; `EINVAL` when its reply is wrong.
  public func negotiate(
    version: (major: UInt16, minor: UInt16) = (0, 0), _ capabilities: UserCapabilities = .init()
  ) throws(LinuxErrno) -> (major: UInt16, minor: UInt16, capabilities: UserCapabilities) {
    let answer = try ask(
      .version,
      MessageBuilder().adding(version.major).adding(version.minor)
        .adding(capabilities.encoded()).bytes
    ).payload
    let reply = answer.span
    guard let major = reply.little(UInt16.self, at: 0),
      let minor = reply.little(UInt16.self, at: 2)
    else { throw .EINVAL }
    do throws(SmallJSON.Problem) {
      return (major, minor, try UserCapabilities(reply.extracting(4..<reply.count)))
    } catch {
      throw .EINVAL
    }
  }

  /// What the device has.
  ///
  /// - Returns: Its flags, and how many regions and kinds of interrupts there are.
  /// - Throws: The server's errno.
  public func deviceInformation() throws(LinuxErrno) -> (
    flags: VFIODeviceFlags, regionCount: Int, interruptCount: Int
  ) {
    let answer = try ask(
      .deviceInfo,
      MessageBuilder().adding(UInt32(16)).adding([UInt8](repeating: 0, count: 12)).bytes
    ).payload
    let reply = answer.span
    guard let flags = reply.little(UInt32.self, at: 4),
      let regions = reply.little(UInt32.self, at: 8),
      let interrupts = reply.little(UInt32.self, at: 12)
    else { throw .EINVAL }
    return (VFIODeviceFlags(rawValue: flags), Int(regions), Int(interrupts))
  }

  /// What a region is; asks again when the answer wants more room.
  ///
  /// - Parameter index: The region's number.
  /// - Returns: The region.
  /// - Throws: The server's errno; `EINVAL` when its reply is wrong.
  public func region(_ index: Int) throws(LinuxErrno) -> UserDeviceInformation.Region {
    var room: UInt32 = 32
    while true {
      let (payload, files) = try ask(
        .regionInfo,
        MessageBuilder().adding(room).adding(UInt32(0)).adding(UInt32(index))
          .adding([UInt8](repeating: 0, count: 20)).bytes)
      let reply = payload.span
      guard let size = reply.little(UInt32.self, at: 0),
        let flags = reply.little(UInt32.self, at: 4), size >= 32, size <= 1 << 20,
        let byteCount = reply.little(UInt64.self, at: 16),
        let offset = reply.little(UInt64.self, at: 24)
      else { throw .EINVAL }
      guard size <= room else {
        room = size
        continue
      }
      return UserDeviceInformation.Region(
        byteCount: byteCount, flags: VFIORegionFlags(rawValue: flags),
        file: files.first.map { ($0, offset) }, mappableParts: try Self.parts(reply))
    }
  }

  private static func parts(_ reply: Span<UInt8>) throws(LinuxErrno) -> [Range<UInt64>] {
    guard let flags = reply.little(UInt32.self, at: 4),
      VFIORegionFlags(rawValue: flags).contains(.capabilities)
    else { return [] }
    guard let place = reply.little(UInt32.self, at: 12),
      reply.little(UInt16.self, at: Int(place)) == 1,
      let count = reply.little(UInt32.self, at: Int(place) + 8), count <= 65_536
    else { throw .EINVAL }
    var parts: [Range<UInt64>] = []
    for index in 0..<Int(count) {
      guard let start = reply.little(UInt64.self, at: Int(place) + 16 + 16 * index),
        let size = reply.little(UInt64.self, at: Int(place) + 24 + 16 * index),
        !start.addingReportingOverflow(size).overflow
      else { throw .EINVAL }
      parts.append(start..<(start + size))
    }
    return parts
  }

  /// What a kind of interrupt is.
  ///
  /// - Parameter kind: The kind's number.
  /// - Returns: How many there are, and their flags.
  /// - Throws: The server's errno.
  public func interrupts(_ kind: Int) throws(LinuxErrno) -> UserDeviceInformation.Interrupts {
    let answer = try ask(
      .interruptInfo,
      MessageBuilder().adding(UInt32(16)).adding(UInt32(0)).adding(UInt32(kind))
        .adding(UInt32(0)).bytes
    ).payload
    let reply = answer.span
    guard let flags = reply.little(UInt32.self, at: 4),
      let count = reply.little(UInt32.self, at: 12)
    else { throw .EINVAL }
    return UserDeviceInformation.Interrupts(count: count, flags: flags)
  }

  /// Says where interrupts go, masks or triggers them.
  ///
  /// - Parameters:
  ///   - kind: The kind's number.
  ///   - flags: One kind of data and one action.
  ///   - start: The first interrupt.
  ///   - count: How many.
  ///   - bytes: One each, for data that is truth values.
  ///   - files: One each, or none, for data that is eventfds.
  /// - Throws: The server's errno.
  public func setInterrupts(
    _ kind: Int, _ flags: VFIOSetIRQsFlags, start: Int = 0, count: Int, bytes: [UInt8] = [],
    files: [ReceivedFile] = []
  ) throws(LinuxErrno) {
    _ = try ask(
      .setInterrupts,
      MessageBuilder().adding(UInt32(20 + bytes.count)).adding(flags.rawValue)
        .adding(UInt32(kind)).adding(UInt32(start)).adding(UInt32(count)).adding(bytes).bytes,
      files: files)
  }

  /// Reads a region.
  ///
  /// - Parameters:
  ///   - region: The region's number.
  ///   - offset: The first byte.
  ///   - count: How many.
  /// - Returns: The bytes.
  /// - Throws: The server's errno.
  public func read(
    _ region: Int, at offset: UInt64, count: Int
  ) throws(LinuxErrno) -> [UInt8] {
    let reply = try ask(.regionRead, Self.access(region, offset, count).bytes).payload
    guard reply.count == 16 + count else { throw .EINVAL }
    return Array(reply[16...])
  }

  /// Writes a region.
  ///
  /// - Parameters:
  ///   - region: The region's number.
  ///   - offset: The first byte.
  ///   - bytes: What is written.
  /// - Throws: The server's errno.
  public func write(_ region: Int, at offset: UInt64, _ bytes: [UInt8]) throws(LinuxErrno) {
    _ = try ask(.regionWrite, Self.access(region, offset, bytes.count).adding(bytes).bytes)
  }

  /// Writes several places in one message, each at most 8 bytes.
  ///
  /// - Parameter writes: Region, first byte and bytes of each.
  /// - Returns: How many were done.
  /// - Throws: The server's errno.
  public func write(
    _ writes: [(region: Int, offset: UInt64, bytes: [UInt8])]
  ) throws(LinuxErrno) -> Int {
    var message = MessageBuilder().adding(UInt64(writes.count))
    for write in writes {
      message = message.adding(write.offset).adding(UInt32(write.region))
        .adding(UInt32(write.bytes.count)).adding(write.bytes)
        .adding([UInt8](repeating: 0, count: max(0, 8 - write.bytes.count)))
    }
    let answer = try ask(.regionWriteMany, message.bytes).payload
    let reply = answer.span
    guard let count = reply.little(UInt64.self, at: 0) else { throw .EINVAL }
    return Int(truncatingIfNeeded: count)
  }

  /// Resets the device.
  ///
  /// - Throws: The server's errno.
  public func reset() throws(LinuxErrno) { _ = try ask(.reset) }

  private static func access(_ region: Int, _ offset: UInt64, _ count: Int) -> MessageBuilder {
    MessageBuilder().adding(offset).adding(UInt32(region)).adding(UInt32(count))
  }
}
