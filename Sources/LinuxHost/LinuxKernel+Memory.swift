#if os(Linux)
  public import HostABI
  import HostSystem

  extension LinuxKernel {
    /// Maps a file shared into memory, as `mmap(2)`.
    public func map(
      _ descriptor: Int32, offset: UInt64, _ byteCount: Int, _ protection: MemoryProtection
    ) throws(LinuxErrno) -> UInt64 {
      try answer { () throws(CallFailure) in
        try Calls.map(descriptor, offset: offset, byteCount, protection.rawValue)
      }
    }

    /// Maps fresh private pages, filled with zeros.
    public func allocate(
      _ byteCount: Int, _ protection: MemoryProtection
    ) throws(LinuxErrno) -> UInt64 {
      try answer { () throws(CallFailure) in
        try Calls.map(nil, byteCount, protection.rawValue)
      }
    }

    /// Changes the protection of pages that this process mapped through the seam.
    public func protect(
      _ address: UInt64, _ byteCount: Int, _ protection: MemoryProtection
    ) throws(LinuxErrno) {
      try answer { () throws(CallFailure) in
        try Calls.protect(address, byteCount, protection.rawValue)
      }
    }

    /// Unmaps pages that this process mapped through the seam.
    public func release(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) {
      try answer { () throws(CallFailure) in try Calls.unmap(address, byteCount) }
    }

    /// Copies bytes out of this process's memory.
    ///
    /// The kernel copies them, so that no address can crash the process. Memory of a mapped device
    /// is reached in accesses of no particular width; registers want ``pread(_:_:_:at:)``.
    ///
    /// - Throws: `EFAULT` when any of them cannot be read.
    public func load(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) -> [UInt8] {
      try answer { () throws(CallFailure) in try Calls.load(address, byteCount) }
    }

    /// Copies bytes into this process's memory, as ``load(_:_:)`` copies out of it.
    ///
    /// - Throws: `EFAULT` when any of them cannot be written; those before it may have been.
    public func store(_ bytes: [UInt8], _ address: UInt64) throws(LinuxErrno) {
      try answer { () throws(CallFailure) in try Calls.store(bytes, address) }
    }
  }
#endif
