#if os(Linux)
  import CLinux

  extension Calls {
    /// Opens a file for reading and writing; the descriptor closes at `exec`.
    package static func open(_ path: String) throws(CallFailure) -> Int32 {
      // The C string ends at the first zero byte, which would name another file.
      guard !path.utf8.contains(0) else { throw CallFailure(errno: CallFailure.invalid) }
      let currentFolder: Int32 = -100
      let readWriteCloseOnExec: UInt64 = 0o2_000_002
      var answer: Result<Int64, CallFailure> = .failure(CallFailure(errno: CallFailure.invalid))
      // The string lives for the call, and the kernel only reads it.
      unsafe path.withCString { text in
        answer = Result { () throws(CallFailure) in
          try repeating(
            clinux_openat, currentFolder.register, UInt64(UInt(bitPattern: text)),
            readWriteCloseOnExec)
        }
      }
      return Int32(truncatingIfNeeded: try answer.get())
    }

    /// Closes a descriptor; never repeated, because the descriptor is gone whatever the answer.
    package static func close(_ descriptor: Int32) throws(CallFailure) {
      _ = try make(clinux_close, descriptor.register)
    }

    /// Makes another descriptor of the same open file; it closes at `exec`.
    package static func duplicate(_ descriptor: Int32) throws(CallFailure) -> Int32 {
      let duplicateCloseOnExec: UInt64 = 1030
      let result = try make(clinux_fcntl, descriptor.register, duplicateCloseOnExec, 0)
      return Int32(truncatingIfNeeded: result)
    }

    /// Lets no read or write of an open file wait, whoever else has it.
    package static func neverWait(_ descriptor: Int32) throws(CallFailure) {
      let (getFlags, setFlags, nonBlocking): (UInt64, UInt64, Int64) = (3, 4, 0x800)
      let flags = try make(clinux_fcntl, descriptor.register, getFlags)
      _ = try make(
        clinux_fcntl, descriptor.register, setFlags, UInt64(bitPattern: flags | nonBlocking))
    }

    /// Carries out a request once.
    package static func ioctl(
      _ descriptor: Int32, _ request: UInt32, _ argument: UInt64
    ) throws(CallFailure) -> Int32 {
      let result = try make(clinux_ioctl, descriptor.register, UInt64(request), argument)
      return Int32(truncatingIfNeeded: result)
    }

    /// Carries out a request once on a value in its place.
    package static func ioctl<Argument: BitwiseCopyable>(
      _ descriptor: Int32, _ request: UInt32, on argument: inout Argument
    ) throws(CallFailure) -> Int32 {
      // The value lives for the call; a request writes no more than the size that the value states,
      // and a wire structure states its own.
      try unsafe withUnsafeMutablePointer(to: &argument) { place throws(CallFailure) in
        try ioctl(descriptor, request, UInt64(UInt(bitPattern: place)))
      }
    }

    /// Reads into memory.
    package static func read(
      _ descriptor: Int32, _ address: UInt64, _ count: Int
    ) throws(CallFailure) -> Int {
      Int(try repeating(clinux_read, descriptor.register, address, try size(count)))
    }

    /// Writes from memory.
    package static func write(
      _ descriptor: Int32, _ address: UInt64, _ count: Int
    ) throws(CallFailure) -> Int {
      Int(try repeating(clinux_write, descriptor.register, address, try size(count)))
    }

    /// Reads at an offset into memory.
    package static func pread(
      _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
    ) throws(CallFailure) -> Int {
      Int(try repeating(clinux_pread, descriptor.register, address, try size(count), offset))
    }

    /// Writes at an offset from memory.
    package static func pwrite(
      _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
    ) throws(CallFailure) -> Int {
      Int(try repeating(clinux_pwrite, descriptor.register, address, try size(count), offset))
    }

    /// The events of a descriptor that are there now, as `poll`'s bits.
    package static func poll(_ descriptor: Int32) throws(CallFailure) -> Int16 {
      /// `struct pollfd`.
      struct Question: BitwiseCopyable {
        var descriptor: Int32
        var asked: Int16 = 1 | 4
        var found: Int16 = 0
      }
      /// `struct timespec`.
      struct Wait: BitwiseCopyable {
        var seconds: Int64 = 0
        var nanoseconds: Int64 = 0
      }
      let notOpen: Int16 = 0x20
      var question = Question(descriptor: descriptor)
      var wait = Wait()
      // Both values live for the call, and have the sizes that it writes.
      _ = try unsafe withUnsafeMutablePointer(to: &question) { place throws(CallFailure) in
        try unsafe withUnsafeMutablePointer(to: &wait) { time throws(CallFailure) in
          try repeating(
            clinux_ppoll, UInt64(UInt(bitPattern: place)), 1,
            UInt64(UInt(bitPattern: time)), 0, 8)
        }
      }
      guard question.found & notOpen == 0 else {
        throw CallFailure(errno: CallFailure.badDescriptor)
      }
      return question.found
    }

    /// Makes an eventfd with count 0 that never blocks and closes at `exec`.
    package static func makeEventCounter() throws(CallFailure) -> Int32 {
      let closeOnExecNonBlocking: UInt64 = 0o2_004_000
      return Int32(truncatingIfNeeded: try make(clinux_eventfd, 0, closeOnExecNonBlocking))
    }

    /// Makes a file in memory, filled with zeros, that closes at `exec`.
    ///
    /// - Parameters:
    ///   - byteCount: Its size.
    ///   - isFixed: Whether nobody can ever make it shorter or longer, whoever has it.
    /// - Returns: Its descriptor.
    /// - Throws: ``CallFailure``.
    package static func makeMemoryFile(
      _ byteCount: Int, isFixed: Bool = false
    ) throws(CallFailure) -> Int32 {
      let (closeOnExec, allowSealing): (UInt64, UInt64) = (1, 2)
      var name: UInt64 = 0x65_6761_7373_6170  // "passage", with its zero, as little-endian bytes
      // The name lives for the call, and the kernel only reads it.
      let result = try unsafe withUnsafeMutablePointer(to: &name) { place throws(CallFailure) in
        try make(
          clinux_memfd, UInt64(UInt(bitPattern: place)), closeOnExec | (isFixed ? allowSealing : 0))
      }
      let descriptor = Int32(truncatingIfNeeded: result)
      do {
        _ = try repeating(
          clinux_ftruncate, descriptor.register, UInt64(bitPattern: Int64(byteCount)))
        // `F_ADD_SEALS`: no more seals, no shrinking, no growing.
        if isFixed { _ = try make(clinux_fcntl, descriptor.register, 1033, 1 | 2 | 4) }
      } catch {
        try? close(descriptor)
        throw error
      }
      return descriptor
    }

    /// A size as an argument; the kernel would take one below zero for a huge one.
    private static func size(_ count: Int) throws(CallFailure) -> UInt64 {
      guard count >= 0 else { throw CallFailure(errno: CallFailure.invalid) }
      return UInt64(count)
    }
  }
#endif
