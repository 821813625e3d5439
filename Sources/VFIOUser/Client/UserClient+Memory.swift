public import HostABI
import Hardware

extension UserClient {
  /// Lets the device use memory.
  ///
  /// - Parameter mapping: The memory.
  /// - Throws: The server's errno.
  public func map(_ mapping: UserMapping) throws(LinuxErrno) {
    let flags: UInt32 = (mapping.isReadable ? 1 : 0) | (mapping.isWritable ? 2 : 0)
    let byteCount = mapping.range.upperBound &- mapping.range.lowerBound &+ 1
    _ = try ask(
      .mapDMA,
      MessageBuilder().adding(UInt32(32)).adding(flags).adding(mapping.file?.offset ?? 0)
        .adding(mapping.range.lowerBound).adding(byteCount).bytes,
      files: mapping.file.map { [$0.file] } ?? [])
  }

  /// Takes memory away.
  ///
  /// - Parameter range: Which; `nil` for all.
  /// - Throws: The server's errno.
  public func unmap(_ range: ClosedRange<UInt64>?) throws(LinuxErrno) {
    let isForAll: UInt32 = 2
    let message = MessageBuilder().adding(UInt32(24))
    guard let range else {
      _ = try ask(
        .unmapDMA, message.adding(isForAll).adding(UInt64(0)).adding(UInt64(0)).bytes)
      return
    }
    _ = try ask(
      .unmapDMA,
      message.adding(UInt32(0)).adding(range.lowerBound)
        .adding(range.upperBound &- range.lowerBound &+ 1).bytes)
  }

  /// Takes memory away, and asks which of its pages the device wrote since the last time.
  ///
  /// - Parameters:
  ///   - range: Which memory.
  ///   - pageSize: Bytes that one bit stands for.
  /// - Returns: The bits, the lowest address first.
  /// - Throws: The server's errno.
  public func unmap(
    _ range: ClosedRange<UInt64>, pageSize: UInt64
  ) throws(LinuxErrno) -> [UInt8] {
    let byteCount = range.upperBound &- range.lowerBound &+ 1
    let bitmap = (byteCount / pageSize + 63) / 64 * 8
    let wantsBitmap: UInt32 = 1
    let reply = try ask(
      .unmapDMA,
      MessageBuilder().adding(UInt32(40 + bitmap)).adding(wantsBitmap).adding(range.lowerBound)
        .adding(byteCount).adding(pageSize).adding(bitmap).bytes
    ).payload
    guard reply.count == 40 + Int(bitmap) else { throw .EINVAL }
    return Array(reply[40...])
  }
}
