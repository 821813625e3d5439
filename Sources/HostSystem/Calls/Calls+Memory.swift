#if os(Linux)
  import CLinux

  extension Calls {
    /// Maps a file shared, or with no file fresh private pages; Linux chooses the address.
    ///
    /// No Swift object can lie where Linux finds room for a new mapping.
    package static func map(
      _ descriptor: Int32?, offset: UInt64 = 0, _ byteCount: Int, _ protection: Int32
    ) throws(CallFailure) -> UInt64 {
      guard byteCount > 0 else { throw CallFailure(errno: CallFailure.invalid) }
      let shared: UInt64 = 1
      let privateAnonymous: UInt64 = 0x22
      let result = try make(
        clinux_mmap, 0, UInt64(byteCount), protection.register,
        descriptor == nil ? privateAnonymous : shared, (descriptor ?? -1).register, offset)
      return UInt64(bitPattern: result)
    }

    /// Changes the protection of pages that ``map(_:offset:_:_:)`` made.
    package static func protect(
      _ address: UInt64, _ byteCount: Int, _ protection: Int32
    ) throws(CallFailure) {
      guard byteCount >= 0 else { throw CallFailure(errno: CallFailure.invalid) }
      _ = try make(clinux_mprotect, address, UInt64(byteCount), protection.register)
    }

    /// Unmaps pages that ``map(_:offset:_:_:)`` made.
    package static func unmap(_ address: UInt64, _ byteCount: Int) throws(CallFailure) {
      guard byteCount >= 0 else { throw CallFailure(errno: CallFailure.invalid) }
      _ = try make(clinux_munmap, address, UInt64(byteCount))
    }
  }
#endif
