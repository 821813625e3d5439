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

    /// Copies bytes out of its memory.
    ///
    /// - Returns: How many were copied.
    @inline(__always)
    package static func read(
      _ process: Int32, _ address: UInt64, into bytes: inout MutableSpan<UInt8>
    ) -> Int {
      unsafe bytes.withUnsafeMutableBufferPointer { buffer in
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
    package static func write(
      _ process: Int32, _ bytes: Span<UInt8>, to address: UInt64
    ) -> Int {
      unsafe bytes.withUnsafeBufferPointer { buffer in
        // The bytes live for the call, and it moves no more than their count.
        transfer(
          clinux_process_write, process, address, UInt64(UInt(bitPattern: buffer.baseAddress)),
          buffer.count)
      }
    }

    /// A word of its memory.
    package static func word(_ process: Int32, at address: UInt64) -> UInt64? {
      var word: UInt64 = 0
      let count = unsafe withUnsafeMutablePointer(to: &word) { place in
        // The word lives for the call, which moves its eight bytes.
        transfer(clinux_process_read, process, address, UInt64(UInt(bitPattern: place)), 8)
      }
      return count == 8 ? word : nil
    }

    /// Puts a word into its memory.
    package static func store(_ word: UInt64, _ process: Int32, at address: UInt64) -> Bool {
      var word = word
      return unsafe withUnsafeMutablePointer(to: &word) { place in
        // The word lives for the call, which moves its eight bytes.
        transfer(clinux_process_write, process, address, UInt64(UInt(bitPattern: place)), 8) == 8
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

  extension OtherProcess {
    /// The capabilities that it can use, as bits by their numbers.
    package static func capabilities(of process: Int32) -> UInt64 {
      let version3: UInt64 = 0x2008_0522
      var header = version3 | UInt64(UInt32(bitPattern: process)) << 32
      var data = InlineArray<6, UInt32>(repeating: 0)
      // Both live for the call, which writes two sets of three words.
      let result = unsafe withUnsafeMutablePointer(to: &header) { header in
        unsafe withUnsafeMutablePointer(to: &data) { data in
          clinux_call(
            clinux_capget, UInt64(UInt(bitPattern: header)), UInt64(UInt(bitPattern: data)), 0, 0,
            0, 0)
        }
      }
      return result < 0 ? 0 : UInt64(data[0]) | UInt64(data[3]) << 32
    }

    /// How many bytes of memory it may lock (`RLIMIT_MEMLOCK`).
    package static func lockedMemoryLimit(of process: Int32) -> UInt64 {
      limit(8, of: process)
    }

    /// How many descriptors it may have (`RLIMIT_NOFILE`).
    package static func descriptorLimit(of process: Int32) -> UInt64 {
      limit(7, of: process)
    }

    /// Lets this process have as many descriptors as it may.
    package static func raiseOwnDescriptorLimit() {
      var limits = (UInt64(0), UInt64(0))
      // The two words live for the calls: the first writes them, the others read them.
      unsafe withUnsafeMutablePointer(to: &limits) { place in
        let address = UInt64(UInt(bitPattern: place))
        guard clinux_call(clinux_prlimit, 0, 7, 0, address, 0, 0) == 0 else { return }
        let most = unsafe place.pointee.1
        // Who may raise the upper limit does so, where that is low.
        unsafe place.pointee = (max(most, 1 << 16), max(most, 1 << 16))
        if clinux_call(clinux_prlimit, 0, 7, address, 0, 0, 0) == 0 { return }
        unsafe place.pointee = (most, most)
        _ = clinux_call(clinux_prlimit, 0, 7, address, 0, 0, 0)
      }
    }

    private static func limit(_ number: UInt64, of process: Int32) -> UInt64 {
      var limits = (UInt64(0), UInt64(0))
      // The two words live for the call, which writes them.
      let result = unsafe withUnsafeMutablePointer(to: &limits) { place in
        clinux_call(
          clinux_prlimit, UInt64(UInt32(bitPattern: process)), number, 0,
          UInt64(UInt(bitPattern: place)), 0, 0)
      }
      return result < 0 ? 0 : limits.0
    }
  }

  /// Part of a process's memory, as its kernel lists it (`struct procmap_query`).
  package struct MemoryArea: Sendable {
    /// The first address.
    package let start: UInt64
    /// The address after the last.
    package let end: UInt64
    package let isReadable: Bool
    package let isWritable: Bool
    package let isShared: Bool
    /// Where in its file the area starts.
    package let offset: UInt64
    /// The file, when there is one.
    package let file: FileIdentity?

    package init(
      start: UInt64, end: UInt64, isReadable: Bool, isWritable: Bool, isShared: Bool,
      offset: UInt64, file: FileIdentity?
    ) {
      self.start = start
      self.end = end
      self.isReadable = isReadable
      self.isWritable = isWritable
      self.isShared = isShared
      self.offset = offset
      self.file = file
    }
  }

  extension OtherProcess {
    private struct Query: BitwiseCopyable {
      var size: UInt64 = 104
      var flags: UInt64 = 0
      var address: UInt64 = 0
      var start: UInt64 = 0
      var end: UInt64 = 0
      var areaFlags: UInt64 = 0
      var pageSize: UInt64 = 0
      var offset: UInt64 = 0
      var inode: UInt64 = 0
      var major: UInt32 = 0
      var minor: UInt32 = 0
      var nameSize: UInt32 = 0
      var buildIDSize: UInt32 = 0
      var nameAddress: UInt64 = 0
      var buildIDAddress: UInt64 = 0
    }

    /// Whether the process of an open `/proc/PID/maps` has ended, or become another program.
    ///
    /// Kernels before 6.11 cannot say so.
    package static func isReplaced(_ maps: Int32) -> Bool {
      let noSuchProcess: Int32 = 3
      do { _ = try area(maps, at: 0) } catch { return error.errno == noSuchProcess }
      return false
    }

    /// The area that holds an address.
    ///
    /// - Parameters:
    ///   - maps: Its `/proc/PID/maps`, open.
    ///   - address: The address.
    /// - Returns: The area; `nil` where nothing is mapped.
    /// - Throws: `ENOTTY` from kernels before 6.11, which cannot be asked so.
    package static func area(
      _ maps: Int32, at address: UInt64
    ) throws(CallFailure) -> MemoryArea? {
      let ask: UInt32 = 0xC068_6611
      var query = Query()
      query.address = address
      do throws(CallFailure) { _ = try Calls.ioctl(maps, ask, on: &query) } catch {
        if error.errno == 2 { return nil }
        throw error
      }
      return MemoryArea(
        start: query.start, end: query.end, isReadable: query.areaFlags & 1 != 0,
        isWritable: query.areaFlags & 2 != 0, isShared: query.areaFlags & 8 != 0,
        offset: query.offset,
        file: query.inode == 0
          ? nil
          : FileIdentity(
            device: FileIdentity.deviceNumber(major: query.major, minor: query.minor),
            inode: query.inode))
    }
  }

  extension Calls {
    /// Whether pages of an open file are memory: those of tmpfs, memfds and huge pages.
    package static func isMemory(_ descriptor: Int32) -> Bool {
      let temporary: UInt64 = 0x0102_1994
      return fileSystem(of: descriptor)?.kind == temporary || pageSize(of: descriptor) > 4096
    }

    /// The size in bytes of an open file's pages: 4,096, but for files of huge pages.
    package static func pageSize(of descriptor: Int32) -> UInt64 {
      let huge: UInt64 = 0x9584_58F6
      guard let facts = fileSystem(of: descriptor), facts.kind == huge,
        facts.blockSize.nonzeroBitCount == 1, facts.blockSize >= 4096
      else { return 4096 }
      return facts.blockSize
    }

    /// The kind of an open file's file system, and its block size; `nil` when it cannot be asked.
    private static func fileSystem(
      of descriptor: Int32
    ) -> (kind: UInt64, blockSize: UInt64)? {
      var words = InlineArray<15, UInt64>(repeating: 0)
      // The 120 bytes of `struct statfs` live for the call.
      let result = unsafe withUnsafeMutablePointer(to: &words) { place in
        clinux_call(
          clinux_fstatfs, descriptor.register, UInt64(UInt(bitPattern: place)), 0, 0, 0, 0)
      }
      return result == 0 ? (words[0], words[1]) : nil
    }

    /// Finds what a path leads to, without opening it.
    ///
    /// - Parameters:
    ///   - path: The path.
    ///   - folder: Where it starts.
    ///   - staysBelow: Whether the folder is the root for the path, for its links too.
    /// - Returns: A descriptor that stands for it; `nil` when it leads nowhere.
    package static func find(_ path: String, from folder: String, staysBelow: Bool) -> Int32? {
      /// `struct open_how`.
      struct How: BitwiseCopyable {
        var flags: UInt64
        var mode: UInt64 = 0
        var resolve: UInt64
      }
      let onlyPath: UInt64 = 0o10_000_000
      let closeOnExec: UInt64 = 0o2_000_000
      let inRoot: UInt64 = 0x10
      guard let start = try? open(folder, flags: Int32(onlyPath)) else { return nil }
      defer { try? close(start) }
      var how = How(flags: onlyPath | closeOnExec, resolve: staysBelow ? inRoot : 0)
      // String and structure live for the call, which only reads them.
      let result = unsafe path.withCString { text in
        unsafe withUnsafeMutablePointer(to: &how) { how in
          clinux_call(
            clinux_openat2, start.register, UInt64(UInt(bitPattern: text)),
            UInt64(UInt(bitPattern: how)), 24, 0, 0)
        }
      }
      return result < 0 ? nil : Int32(truncatingIfNeeded: result)
    }

    /// Makes a file in memory that nobody can make larger or smaller, filled with zeros.
    package static func makeSealedFile(_ byteCount: UInt64) throws(CallFailure) -> Int32 {
      let closeOnExecAllowSealing: UInt64 = 3
      let addSeals: UInt64 = 1033
      var name: UInt64 = 0x65_6761_7373_6170  // "passage", with its zero, as little-endian bytes
      // The name lives for the call, and the kernel only reads it.
      let result = try unsafe withUnsafeMutablePointer(to: &name) { place throws(CallFailure) in
        try make(clinux_memfd, UInt64(UInt(bitPattern: place)), closeOnExecAllowSealing)
      }
      let descriptor = Int32(truncatingIfNeeded: result)
      do {
        _ = try repeating(clinux_ftruncate, descriptor.register, byteCount)
        _ = try make(clinux_fcntl, descriptor.register, addSeals, 1 | 2 | 4)
      } catch {
        try? close(descriptor)
        throw error
      }
      return descriptor
    }

    /// Makes a file in memory with some bytes, read from its start.
    package static func makeFile(holding bytes: [UInt8]) throws(CallFailure) -> Int32 {
      let file = try makeMemoryFile(0)
      do throws(CallFailure) {
        try writeAll(file, bytes)
        _ = try make(clinux_lseek, file.register, 0, 0)
      } catch {
        try? close(file)
        throw error
      }
      return file
    }

    /// Opens a file of ours once more, read from its very end.
    package static func reopenAtEnd(_ descriptor: Int32) throws(CallFailure) -> Int32 {
      let readWrite: Int32 = 2
      let again = try open("/proc/self/fd/\(descriptor)", flags: readWrite)
      _ = try? make(clinux_lseek, again.register, 0, 2)
      return again
    }

    /// The number of this process.
    package static var ownNumber: Int32 {
      Int32(truncatingIfNeeded: clinux_call(clinux_getpid, 0, 0, 0, 0, 0, 0))
    }
  }
#endif
