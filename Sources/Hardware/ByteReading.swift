/// Little-endian integers read out of a span and written into one, with one bounds check each.
///
/// This file is one of the few that may be unsafe: the standard library has no safe integer load
/// from a span, and reading byte by byte costs several times as much on the scan of a config space.
extension Span where Element == UInt8 {
  /// The little-endian integer at `offset`, or `nil` when it would run past the end.
  ///
  /// - Parameters:
  ///   - type: The integer type to read.
  ///   - offset: The byte offset of its lowest byte; any alignment.
  /// - Returns: The value, or `nil` when any of its bytes lies outside the span.
  @inlinable
  public func little<T: FixedWidthInteger & BitwiseCopyable>(
    _ type: T.Type = T.self, at offset: Int
  ) -> T? {
    guard offset >= 0, offset <= count - MemoryLayout<T>.size else { return nil }
    // The guard above keeps all bytes of the load inside the span.
    return unsafe T(
      littleEndian: bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: T.self))
  }
}

extension MutableSpan where Element == UInt8 {
  /// Writes an integer in little-endian order; one that would run past the end traps.
  ///
  /// - Parameters:
  ///   - value: The integer.
  ///   - offset: The byte offset of its lowest byte; any alignment.
  @inlinable
  public mutating func storeLittle<T: FixedWidthInteger & BitwiseCopyable>(
    _ value: T, at offset: Int
  ) {
    precondition(offset >= 0 && offset <= count - MemoryLayout<T>.size, "store outside the span")
    // Any bytes are bytes, so writing them through a raw view leaves the elements valid.
    var raw = unsafe mutableBytes
    unsafe raw.storeBytes(of: value.littleEndian, toUncheckedByteOffset: offset, as: T.self)
  }
}
