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

/// Structures taken from a byte buffer and put into one, at any alignment.
public enum StructureBytes {
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

  /// A structure with its first bytes kept and all others zero.
  ///
  /// - Parameters:
  ///   - count: How many bytes are kept.
  ///   - value: The structure.
  /// - Returns: The structure that is left.
  public static func keeping<Value: BitwiseCopyable>(_ count: Int, of value: Value) -> Value {
    var value = value
    // Every bit pattern is a value, and the range ends with the value.
    unsafe withUnsafeMutableBytes(of: &value) { bytes in
      for index in min(max(count, 0), bytes.count)..<bytes.count {
        unsafe bytes[index] = 0
      }
    }
    return value
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
