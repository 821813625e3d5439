import HostABI
import Hardware

/// A reply that is being written; it stays and grows, so that most replies allocate nothing.
struct ReplyBuffer {
  var bytes = [UInt8](repeating: 0, count: 8192)

  /// Sees to it that so many bytes of payload fit.
  mutating func grow(_ payloadByteCount: Int) {
    let needed = UserHeader.byteCount + payloadByteCount
    if bytes.count < needed { bytes += [UInt8](repeating: 0, count: needed - bytes.count) }
  }

  /// Writes the header.
  mutating func put(_ header: UserHeader) {
    var span = bytes.mutableSpan
    header.write(into: &span)
  }

  /// Writes an integer into the payload.
  mutating func put<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    var span = bytes.mutableSpan
    span.storeLittle(value, at: UserHeader.byteCount + offset)
  }

  /// Reads a region of a device into the payload.
  mutating func read(
    _ device: any UserDevice, _ access: (region: Int, offset: UInt64, count: Int),
    at place: Int
  ) throws(LinuxErrno) {
    let start = UserHeader.byteCount + place
    var span = bytes.mutableSpan
    var room = span._mutatingExtracting(start..<(start + access.count))
    try device.read(access.region, at: access.offset, into: &room)
  }

  /// Writes bytes into the payload; there is room for them.
  mutating func put(_ more: Span<UInt8>, at offset: Int) {
    var span = bytes.mutableSpan
    span.store(more, at: UserHeader.byteCount + offset)
  }
}
