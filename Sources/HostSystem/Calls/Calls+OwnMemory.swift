#if os(Linux)
  import CLinux

  extension Calls {
    /// Bytes that one step of ``load(_:_:)`` may take, so that a size that nothing backs costs no
    /// memory.
    private static let step = 1 << 20

    /// Copies bytes out of this process's memory, wherever the address points.
    ///
    /// The kernel does the copying, so that an address that cannot be read is an answer and not a
    /// crash. Memory of a device that is mapped is read too, in accesses of whatever width the
    /// kernel's copying makes.
    ///
    /// - Throws: `EFAULT` when any byte cannot be read.
    package static func load(
      _ address: UInt64, _ byteCount: Int
    ) throws(CallFailure) -> [UInt8] {
      try checkRange(address, byteCount)
      var bytes: [UInt8] = []
      bytes.reserveCapacity(min(byteCount, step))
      while bytes.count < byteCount {
        var piece = [UInt8](repeating: 0, count: min(step, byteCount - bytes.count))
        try transfer(&piece, address + UInt64(bytes.count), writes: false)
        bytes += piece
      }
      return bytes
    }

    /// Copies bytes into this process's memory, wherever the address points.
    ///
    /// - Throws: `EFAULT` when any byte cannot be written; those before it may have been.
    package static func store(_ bytes: [UInt8], _ address: UInt64) throws(CallFailure) {
      try checkRange(address, bytes.count)
      guard !bytes.isEmpty else { return }
      var bytes = bytes
      try transfer(&bytes, address, writes: true)
    }

    private static func checkRange(
      _ address: UInt64, _ byteCount: Int
    ) throws(CallFailure) {
      guard byteCount >= 0 else { throw CallFailure(errno: CallFailure.invalid) }
      let isRangeWrapped = address.addingReportingOverflow(UInt64(byteCount)).overflow
      guard !isRangeWrapped else { throw CallFailure(errno: CallFailure.badAddress) }
    }

    /// Moves a whole array from or to an address.
    private static func transfer(
      _ bytes: inout [UInt8], _ address: UInt64, writes: Bool
    ) throws(CallFailure) {
      var failure: CallFailure?
      // The array outlives the call, and neither way moves more than its size.
      unsafe bytes.withUnsafeMutableBytes { buffer in
        let local = UInt64(UInt(bitPattern: buffer.baseAddress))
        do throws(CallFailure) {
          try directly(local, address, buffer.count, writes: writes)
        } catch {
          // Pages of a device cannot be reached this way, and some containers forbid the call. The
          // other way answers for all of them; where it fails too, its errno is the true one.
          do throws(CallFailure) {
            try throughFile(local, address, buffer.count, writes: writes)
          } catch let second {
            failure = second
          }
        }
      }
      if let failure { throw failure }
    }

    /// Copies as one process does to another, both of them this one.
    private static func directly(
      _ local: UInt64, _ remote: UInt64, _ count: Int, writes: Bool
    ) throws(CallFailure) {
      /// `struct iovec`.
      struct Piece: BitwiseCopyable {
        var address: UInt64
        var count: UInt64
      }
      let process = UInt64(try make(clinux_getpid))
      var near = Piece(address: local, count: UInt64(count))
      var far = Piece(address: remote, count: UInt64(count))
      // Both descriptions live for the call, and the kernel only reads them.
      let moved = try unsafe withUnsafeMutablePointer(to: &near) { near throws(CallFailure) in
        try unsafe withUnsafeMutablePointer(to: &far) { far throws(CallFailure) in
          try make(
            writes ? clinux_process_write : clinux_process_read, process,
            UInt64(UInt(bitPattern: near)), 1, UInt64(UInt(bitPattern: far)), 1)
        }
      }
      guard moved == count else { throw CallFailure(errno: CallFailure.badAddress) }
    }

    /// Copies into a file in memory and out of it again.
    private static func throughFile(
      _ local: UInt64, _ remote: UInt64, _ count: Int, writes: Bool
    ) throws(CallFailure) {
      let file = try makeMemoryFile(count)
      defer { try? close(file) }
      try wholly(clinux_pwrite, file, writes ? local : remote, count)
      try wholly(clinux_pread, file, writes ? remote : local, count)
    }

    /// Repeats a transfer at an offset until everything is moved.
    private static func wholly(
      _ call: Int32, _ file: Int32, _ address: UInt64, _ count: Int
    ) throws(CallFailure) {
      var done: UInt64 = 0
      while done < UInt64(count) {
        let moved = try repeating(call, file.register, address + done, UInt64(count) - done, done)
        guard moved > 0 else { throw CallFailure(errno: CallFailure.badAddress) }
        done += UInt64(moved)
      }
    }
  }
#endif
