#if os(Linux)
  import CLinux

  /// Another process of this machine, as far as we may look into it.
  ///
  /// Numbers are process or thread numbers; a wrong one answers with an error.
  package enum OtherProcess {
    /// `struct iovec`.
    private struct Piece: BitwiseCopyable {
      var address: UInt64
      var count: UInt64
    }

    /// Copies bytes out of its memory.
    ///
    /// - Returns: How many were copied; less than asked for where it ends.
    @inline(__always)
    package static func read(
      _ process: Int32, _ address: UInt64, into bytes: inout MutableRawSpan
    ) -> Int {
      unsafe bytes.withUnsafeMutableBytes { buffer in
        // The bytes live for the call, and it moves no more than their count.
        transfer(
          clinux_process_read, process, address, UInt64(UInt(bitPattern: buffer.baseAddress)),
          buffer.count)
      }
    }

    /// Copies bytes into its memory, where it may write itself.
    ///
    /// - Returns: How many were copied.
    @inline(__always)
    package static func write(_ process: Int32, _ bytes: RawSpan, to address: UInt64) -> Int {
      unsafe bytes.withUnsafeBytes { buffer in
        // The bytes live for the call, and it moves no more than their count.
        transfer(
          clinux_process_write, process, address, UInt64(UInt(bitPattern: buffer.baseAddress)),
          buffer.count)
      }
    }

    @inline(__always)
    private static func transfer(
      _ call: Int32, _ process: Int32, _ remote: UInt64, _ local: UInt64, _ count: Int
    ) -> Int {
      guard count > 0 else { return 0 }
      var near = Piece(address: local, count: UInt64(count))
      var far = Piece(address: remote, count: UInt64(count))
      // Both descriptions live for the call, and the kernel only reads them.
      let moved = unsafe withUnsafeMutablePointer(to: &near) { near in
        unsafe withUnsafeMutablePointer(to: &far) { far in
          clinux_call(
            call, UInt64(UInt32(bitPattern: process)), UInt64(UInt(bitPattern: near)), 1,
            UInt64(UInt(bitPattern: far)), 1, 0)
        }
      }
      return Int(max(moved, 0))
    }

    /// A descriptor that stands for a process.
    package static func open(_ process: Int32) throws(CallFailure) -> Int32 {
      Int32(truncatingIfNeeded: try Calls.make(clinux_pidfd_open, process.register, 0))
    }

    /// Our own descriptor of an open file of a process.
    ///
    /// - Throws: `EBADF` when it has no such descriptor.
    package static func descriptor(
      _ number: Int32, of process: Int32
    ) throws(CallFailure) -> Int32 {
      Int32(
        truncatingIfNeeded: try Calls.make(
          clinux_pidfd_getfd, process.register, number.register, 0))
    }
  }

  /// A file as the kernel tells files apart.
  package struct FileIdentity: Hashable, Sendable {
    /// The device number of its file system, as `stat` encodes it.
    package let device: UInt64
    /// Its number there.
    package let inode: UInt64

    package init(device: UInt64, inode: UInt64) {
      self.device = device
      self.inode = inode
    }
  }

  /// What `fstat` tells of an open file.
  package struct FileFacts: Sendable {
    package let identity: FileIdentity
    /// `st_mode`.
    package let mode: UInt32
    /// `st_rdev`.
    package let deviceNumber: UInt64
    /// Bytes.
    package let byteCount: UInt64

    /// Whether it is a regular file.
    package var isRegular: Bool { mode & 0o170000 == 0o100000 }
    /// Whether it is a socket.
    package var isSocket: Bool { mode & 0o170000 == 0o140000 }
  }

  extension Calls {
    /// Asks what an open file is.
    package static func facts(of descriptor: Int32) throws(CallFailure) -> FileFacts {
      /// `struct statx`, the first 256 bytes.
      var words = InlineArray<32, UInt64>(repeating: 0)
      let basic: UInt64 = 0x7FF
      let emptyPath: UInt64 = 0x1000
      var empty: UInt8 = 0
      // Both live for the call, which writes the 256 bytes of `struct statx`.
      _ = try unsafe withUnsafeMutablePointer(to: &words) { place throws(CallFailure) in
        try unsafe withUnsafeMutablePointer(to: &empty) { path throws(CallFailure) in
          try make(
            clinux_statx, descriptor.register, UInt64(UInt(bitPattern: path)), emptyPath, basic,
            UInt64(UInt(bitPattern: place)))
        }
      }
      // stx_mode is at byte 28, stx_ino 32, stx_size 40, stx_rdev 128 and 132, stx_dev 136 and 140.
      let mode = UInt32(truncatingIfNeeded: words[3] >> 32) & 0xFFFF
      return FileFacts(
        identity: FileIdentity(
          device: number(UInt32(truncatingIfNeeded: words[17]), UInt32(words[17] >> 32)),
          inode: words[4]),
        mode: mode,
        deviceNumber: number(UInt32(truncatingIfNeeded: words[16]), UInt32(words[16] >> 32)),
        byteCount: words[5])
    }

    /// A device number as `stat` gives it (glibc's `makedev`).
    package static func number(_ major: UInt32, _ minor: UInt32) -> UInt64 {
      UInt64(major & 0xFFF) << 8 | UInt64(major & ~0xFFF) << 32 | UInt64(minor & 0xFF)
        | UInt64(minor & ~0xFF) << 12
    }
  }
#endif
