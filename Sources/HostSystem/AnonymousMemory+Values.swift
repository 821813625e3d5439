extension AnonymousMemory {
  /// Copies a value out of any alignment; a range outside the memory traps.
  ///
  /// - Parameters:
  ///   - type: The type, whose every bit pattern is a value.
  ///   - offset: The offset of its first byte.
  /// - Returns: The value.
  @inlinable
  public func load<Value: BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value {
    precondition(
      offset >= 0 && offset <= byteCount - MemoryLayout<Value>.size, "outside of the memory")
    // The range was checked, and the mapping lives as long as this object.
    return unsafe UnsafeRawPointer(bitPattern: UInt(address) + UInt(offset))
      .unsafelyUnwrapped.loadUnaligned(as: Value.self)
  }

  /// Copies a value in at any alignment; a range outside the memory traps.
  ///
  /// - Parameters:
  ///   - value: The value.
  ///   - offset: The offset of its first byte.
  @inlinable
  public func store<Value: BitwiseCopyable>(_ value: Value, at offset: Int) {
    precondition(
      offset >= 0 && offset <= byteCount - MemoryLayout<Value>.size, "outside of the memory")
    // The range was checked, and the mapping lives as long as this object.
    unsafe UnsafeMutableRawPointer(bitPattern: UInt(address) + UInt(offset))
      .unsafelyUnwrapped.storeBytes(of: value, as: Value.self)
  }
}

extension AnonymousMemory {
  /// Copies bytes out; a range outside the memory traps.
  ///
  /// - Parameters:
  ///   - offset: The offset of the first byte.
  ///   - bytes: What is filled.
  @inlinable
  public func read(at offset: Int, into bytes: inout MutableRawSpan) {
    let count = bytes.byteCount
    precondition(offset >= 0 && offset <= byteCount - count, "outside of the memory")
    // The range was checked, and the mapping lives as long as this object.
    unsafe bytes.withUnsafeMutableBytes { target in
      unsafe target.copyMemory(
        from: UnsafeRawBufferPointer(
          start: UnsafeRawPointer(bitPattern: UInt(address) + UInt(offset)), count: count))
    }
  }

  /// Copies bytes in; a range outside the memory traps.
  ///
  /// - Parameters:
  ///   - bytes: The bytes.
  ///   - offset: The offset of the first byte.
  @inlinable
  public func write(_ bytes: RawSpan, at offset: Int) {
    let count = bytes.byteCount
    precondition(offset >= 0 && offset <= byteCount - count, "outside of the memory")
    // The range was checked, and the mapping lives as long as this object.
    unsafe bytes.withUnsafeBytes { source in
      unsafe UnsafeMutableRawBufferPointer(
        start: UnsafeMutableRawPointer(bitPattern: UInt(address) + UInt(offset)), count: count
      ).copyMemory(from: source)
    }
  }
}

/// Structures taken from a byte buffer and put into one, at any alignment.
public enum StructureBytes {
  /// Lets the first bytes of a structure be filled in place.
  ///
  /// - Parameters:
  ///   - value: The structure, whose every bit pattern is a value.
  ///   - count: How many bytes, at most the structure's.
  ///   - body: Fills them, and says whether it could.
  /// - Returns: What `body` returned.
  @inlinable @inline(__always)
  public static func fill<Value: BitwiseCopyable>(
    _ value: inout Value, _ count: Int, _ body: (inout MutableRawSpan) -> Bool
  ) -> Bool {
    // Every bit pattern is a value, and the span does not outlive the call.
    unsafe withUnsafeMutableBytes(of: &value) { buffer in
      var bytes = unsafe MutableRawSpan(_unsafeBytes: buffer[..<count])
      return body(&bytes)
    }
  }

  /// Lends the first bytes of a structure.
  ///
  /// - Parameters:
  ///   - value: The structure, without padding.
  ///   - count: How many bytes, at most the structure's.
  ///   - body: Uses them.
  /// - Returns: What `body` returned.
  @inlinable @inline(__always)
  public static func borrow<Value: BitwiseCopyable>(
    _ value: Value, _ count: Int, _ body: (RawSpan) -> Bool
  ) -> Bool {
    // A structure without padding has only initialised bytes, and the span does not outlive the call.
    unsafe withUnsafeBytes(of: value) { buffer in
      body(unsafe RawSpan(_unsafeBytes: buffer[..<count]))
    }
  }

  /// Lets an array's bytes be filled in place.
  ///
  /// - Parameters:
  ///   - bytes: The array.
  ///   - body: Fills it, and says whether it could.
  /// - Returns: What `body` returned.
  @inlinable
  public static func fill(_ bytes: inout [UInt8], _ body: (inout MutableRawSpan) -> Bool) -> Bool {
    // The span does not outlive the call.
    unsafe bytes.withUnsafeMutableBytes { buffer in
      var bytes = unsafe MutableRawSpan(_unsafeBytes: buffer)
      return body(&bytes)
    }
  }

  /// Lends an array's bytes.
  ///
  /// - Parameters:
  ///   - bytes: The array.
  ///   - body: Uses them.
  /// - Returns: What `body` returned.
  @inlinable
  public static func borrow(_ bytes: [UInt8], _ body: (RawSpan) -> Bool) -> Bool {
    // The span does not outlive the call.
    unsafe bytes.withUnsafeBytes { buffer in body(unsafe RawSpan(_unsafeBytes: buffer)) }
  }

  /// A structure whose bytes start at `offset`; missing bytes at the end are zero.
  ///
  /// - Parameters:
  ///   - type: The type, whose every bit pattern is a value.
  ///   - bytes: The buffer.
  ///   - offset: The offset of its first byte.
  ///   - zero: The structure with all bytes zero.
  /// - Returns: The structure.
  public static func load<Value: BitwiseCopyable>(
    _ type: Value.Type, from bytes: [UInt8], at offset: Int = 0, zero: Value
  ) -> Value {
    var value = zero
    // Every bit pattern is a value, and the copy ends with the shorter of both.
    unsafe withUnsafeMutableBytes(of: &value) { target in
      unsafe bytes.withUnsafeBytes { source in
        guard offset >= 0, offset < source.count else { return }
        let count = min(target.count, source.count - offset)
        unsafe target.copyMemory(
          from: UnsafeRawBufferPointer(rebasing: source[offset..<offset + count]))
      }
    }
    return value
  }

  /// A structure with all bytes zero.
  ///
  /// - Parameter type: The type, whose every bit pattern is a value.
  /// - Returns: The structure.
  public static func zero<Value: BitwiseCopyable>(_ type: Value.Type) -> Value {
    // Zero bytes are a value, as every bit pattern is.
    unsafe withUnsafeTemporaryAllocation(of: type, capacity: 1) { place in
      unsafe UnsafeMutableRawBufferPointer(place).initializeMemory(as: UInt8.self, repeating: 0)
      return unsafe place[0]
    }
  }

  /// The bytes of a structure.
  ///
  /// - Parameter value: The structure.
  /// - Returns: Its bytes in memory order.
  public static func bytes<Value: BitwiseCopyable>(of value: Value) -> [UInt8] {
    // A structure without padding has only initialised bytes.
    unsafe withUnsafeBytes(of: value) { unsafe [UInt8]($0) }
  }
}
