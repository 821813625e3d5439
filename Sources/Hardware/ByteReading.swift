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

extension Span where Element == UInt8 {
  /// Whether both spans hold the same bytes.
  ///
  /// - Parameter other: The other bytes.
  /// - Returns: `false` also when the spans differ in length.
  /// - Complexity: O(n); 32 bytes are compared at a time.
  public func hasSameBytes(as other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    var at = 0
    while let a = little(UInt128.self, at: at), let b = little(UInt128.self, at: at + 16),
      let x = other.little(UInt128.self, at: at), let y = other.little(UInt128.self, at: at + 16)
    {
      if (a ^ x) | (b ^ y) != 0 { return false }
      at += 32
    }
    while let a = little(UInt64.self, at: at), let b = other.little(UInt64.self, at: at) {
      if a != b { return false }
      at += 8
    }
    while at < count {
      if self[at] != other[at] { return false }
      at += 1
    }
    return true
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

  /// Writes bytes; any that would run past the end trap.
  ///
  /// - Parameters:
  ///   - bytes: The bytes, of other memory than this.
  ///   - offset: Where the first goes.
  /// - Complexity: O(n), as fast as memory is copied.
  @inlinable
  public mutating func store(_ bytes: Span<UInt8>, at offset: Int) {
    precondition(
      offset >= 0 && bytes.count <= count && offset <= count - bytes.count,
      "store outside the span")
    unsafe withUnsafeMutableBufferPointer { target in
      unsafe bytes.withUnsafeBufferPointer { source in
        // The range was checked above, and spans that can be written overlap no others.
        if let start = target.baseAddress, let from = source.baseAddress {
          unsafe (start + offset).update(from: from, count: source.count)
        }
      }
    }
  }
}
