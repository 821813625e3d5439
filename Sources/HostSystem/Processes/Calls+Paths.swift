#if os(Linux)
  import CLinux

  /// What the kernel says about a path or a descriptor.
  package struct FileFacts: Hashable, Sendable {
    package let identity: FileIdentity
    /// Kind and permissions, as `st_mode` holds them.
    package let mode: UInt16
    /// `st_rdev`: which device a device node is of.
    package let deviceNumber: UInt64
    /// The size in bytes.
    package let byteCount: UInt64
    /// The user whose it is.
    package let owner: UInt32

    package init(
      identity: FileIdentity, mode: UInt16, deviceNumber: UInt64, byteCount: UInt64,
      owner: UInt32 = 0
    ) {
      self.identity = identity
      self.mode = mode
      self.deviceNumber = deviceNumber
      self.byteCount = byteCount
      self.owner = owner
    }

    package var isFolder: Bool { mode & 0o170_000 == 0o040_000 }
    package var isLink: Bool { mode & 0o170_000 == 0o120_000 }
    package var isFile: Bool { mode & 0o170_000 == 0o100_000 }
    package var isSocket: Bool { mode & 0o170_000 == 0o140_000 }
  }

  extension Calls {
    private static var currentFolder: UInt64 { Int32(-100).register }

    /// Lends the bytes of a text, with a zero behind them, by their address.
    static func withText<Result>(
      _ text: String, _ body: (UInt64) throws(CallFailure) -> Result
    ) throws(CallFailure) -> Result {
      let bytes = Array(text.utf8)
      // The C string ends at the first zero byte, which would say something else.
      guard !bytes.contains(0) else { throw CallFailure(errno: CallFailure.invalid) }
      return try withBytes(bytes + [0], body)
    }

    /// Lends bytes that a call only reads.
    static func withBytes<Result>(
      _ bytes: [UInt8], _ body: (UInt64) throws(CallFailure) -> Result
    ) throws(CallFailure) -> Result {
      // The array lives for the call, and calls made with this address only read.
      try unsafe bytes.withUnsafeBufferPointer { buffer throws(CallFailure) in
        try body(UInt64(UInt(bitPattern: buffer.baseAddress)))
      }
    }

    /// Lends room that a call fills; answers what the call moved.
    static func filling(
      _ byteCount: Int, _ body: (UInt64) throws(CallFailure) -> Int64
    ) throws(CallFailure) -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: byteCount)
      // The array lives for the call, which is told its size.
      let moved = try unsafe bytes.withUnsafeMutableBufferPointer { buffer throws(CallFailure) in
        try body(UInt64(UInt(bitPattern: buffer.baseAddress)))
      }
      return Array(bytes.prefix(max(0, Int(moved))))
    }

    /// Lends a value that a call reads or writes.
    static func with<Value: BitwiseCopyable, Result>(
      _ value: inout Value, _ body: (UInt64) throws(CallFailure) -> Result
    ) throws(CallFailure) -> Result {
      // The value lives for the call, and has the size that the call is made with.
      try unsafe withUnsafeMutablePointer(to: &value) { place throws(CallFailure) in
        try body(UInt64(UInt(bitPattern: place)))
      }
    }

    /// Opens a path with flags of `open`; the descriptor closes at `exec`.
    package static func open(
      _ path: String, flags: Int32, mode: UInt32 = 0
    ) throws(CallFailure) -> Int32 {
      let closeOnExec: Int32 = 0o2_000_000
      return Int32(
        truncatingIfNeeded: try withText(path) { text throws(CallFailure) in
          try repeating(
            clinux_openat, currentFolder, text, (flags | closeOnExec).register, UInt64(mode))
        })
    }

    /// Locks a folder against all others that lock it, until the descriptor closes.
    ///
    /// The kernel ends the lock with the process, however that ends.
    ///
    /// - Returns: A descriptor of the folder; it closes at `exec`.
    /// - Throws: `EAGAIN` when somebody else has the lock; another errno where there are no locks.
    package static func lockFolder(_ path: String) throws(CallFailure) -> Int32 {
      let (readWithoutWaiting, exclusiveWithoutWaiting): (Int32, UInt64) = (0o4000, 6)
      let folder = try open(path, flags: readWithoutWaiting)
      do throws(CallFailure) {
        _ = try repeating(clinux_flock, folder.register, exclusiveWithoutWaiting)
      } catch {
        try? close(folder)
        throw error
      }
      return folder
    }

    /// Makes a folder.
    package static func makeFolder(_ path: String, mode: UInt32) throws(CallFailure) {
      _ = try withText(path) { text throws(CallFailure) in
        try make(clinux_mkdirat, currentFolder, text, UInt64(mode))
      }
    }

    /// Removes an empty folder.
    package static func removeFolder(_ path: String) throws(CallFailure) {
      let folder: UInt64 = 0x200
      _ = try withText(path) { text throws(CallFailure) in
        try make(clinux_unlinkat, currentFolder, text, folder)
      }
    }

    /// Makes a symbolic link that says `target`.
    package static func makeLink(_ path: String, to target: String) throws(CallFailure) {
      _ = try withText(path) { text throws(CallFailure) in
        try withText(target) { target throws(CallFailure) in
          try make(clinux_symlinkat, target, currentFolder, text)
        }
      }
    }

    /// Makes a character device.
    package static func makeCharacterDevice(
      _ path: String, mode: UInt32, device: UInt64
    ) throws(CallFailure) {
      let characterDevice: UInt32 = 0o020_000
      _ = try withText(path) { text throws(CallFailure) in
        try make(clinux_mknodat, currentFolder, text, UInt64(characterDevice | mode), device)
      }
    }

    /// Makes a file with these bytes and this mode, whatever the process's mask is.
    package static func makeFile(
      _ path: String, _ bytes: [UInt8], mode: UInt32
    ) throws(CallFailure) {
      let writeCreateExclusively: Int32 = 0o1 | 0o100 | 0o200
      let file = try open(path, flags: writeCreateExclusively, mode: mode)
      defer { try? close(file) }
      try writeAll(file, bytes)
      _ = try make(clinux_fchmod, file.register, UInt64(mode))
    }

    /// Writes into a file that is there, in one call, as files of `/proc` want it.
    package static func overwrite(_ path: String, _ text: String) throws(CallFailure) {
      let write: Int32 = 0o1
      let file = try open(path, flags: write)
      defer { try? close(file) }
      try writeAll(file, Array(text.utf8))
    }

    /// Writes all bytes to a descriptor.
    package static func writeAll(_ file: Int32, _ bytes: [UInt8]) throws(CallFailure) {
      var rest = bytes
      while !rest.isEmpty {
        let written = try withBytes(rest) { address throws(CallFailure) in
          try write(file, address, rest.count)
        }
        guard written > 0 else { throw CallFailure(errno: 5) }
        rest.removeFirst(written)
      }
    }

    /// The bytes of a file, as many as there are up to a limit.
    package static func contents(
      _ path: String, limit: Int = 1 << 20
    ) throws(CallFailure) -> [UInt8] {
      let file = try open(path, flags: 0)
      defer { try? close(file) }
      var bytes: [UInt8] = []
      while bytes.count < limit {
        let piece = try filling(min(65_536, limit - bytes.count)) { address throws(CallFailure) in
          Int64(try read(file, address, min(65_536, limit - bytes.count)))
        }
        if piece.isEmpty { break }
        bytes += piece
      }
      return bytes
    }

    /// What a symbolic link says.
    package static func target(of link: String) throws(CallFailure) -> String {
      let bytes = try filling(4096) { room throws(CallFailure) in
        try withText(link) { text throws(CallFailure) in
          try make(clinux_readlinkat, currentFolder, text, room, 4096)
        }
      }
      return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether this process may use a path as `access` asks it: 4 read, 2 write, 1 execute, 0 is
    /// there.
    package static func mayAccess(_ path: String, _ mode: Int32) throws(CallFailure) {
      _ = try withText(path) { text throws(CallFailure) in
        try make(clinux_faccessat, currentFolder, text, mode.register)
      }
    }

    /// What a path is.
    package static func facts(
      of path: String, followingLinks: Bool
    ) throws(CallFailure) -> FileFacts {
      let noFollow: UInt64 = 0x100
      return try withText(path) { text throws(CallFailure) in
        try facts(currentFolder, text, followingLinks ? 0 : noFollow)
      }
    }

    /// What a descriptor is of.
    package static func facts(of descriptor: Int32) throws(CallFailure) -> FileFacts {
      let emptyPath: UInt64 = 0x1000
      return try withText("") { text throws(CallFailure) in
        try facts(descriptor.register, text, emptyPath)
      }
    }

    private static func facts(
      _ folder: UInt64, _ text: UInt64, _ flags: UInt64
    ) throws(CallFailure) -> FileFacts {
      // `struct statx` has 256 bytes, at the same places on every architecture.
      let basic: UInt64 = 0x7ff
      let bytes = try filling(256) { room throws(CallFailure) in
        _ = try make(clinux_statx, folder, text, flags, basic, room)
        return 256
      }
      func number(_ offset: Int, _ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64($1 * 8) }
      }
      return FileFacts(
        identity: FileIdentity(
          major: UInt32(number(136, 4)), minor: UInt32(number(140, 4)), inode: number(32, 8)),
        mode: UInt16(number(28, 2)),
        deviceNumber: FileIdentity.deviceNumber(
          major: UInt32(number(128, 4)), minor: UInt32(number(132, 4))),
        byteCount: number(40, 8), owner: UInt32(number(20, 4)))
    }

    /// Mounts, as `mount` does; flags are `MS_…`.
    package static func mount(
      _ source: String, on target: String, type: String = "", flags: UInt64, data: String = ""
    ) throws(CallFailure) {
      _ = try withText(source) { source throws(CallFailure) in
        try withText(target) { target throws(CallFailure) in
          try withText(type) { type throws(CallFailure) in
            try withText(data) { data throws(CallFailure) in
              try make(clinux_mount, source, target, type, flags, data)
            }
          }
        }
      }
    }

    /// Sets which permissions new files never get; answers what it was.
    @discardableResult
    package static func setCreationMask(_ mask: UInt32) -> UInt32 {
      UInt32(truncatingIfNeeded: clinux_call(clinux_umask, UInt64(mask), 0, 0, 0, 0, 0))
    }

    /// Goes into a folder.
    package static func enter(_ path: String) throws(CallFailure) {
      _ = try withText(path) { text throws(CallFailure) in try make(clinux_chdir, text) }
    }
  }
#endif
