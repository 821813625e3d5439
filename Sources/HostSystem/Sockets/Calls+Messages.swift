#if os(Linux)
  import CLinux

  /// `struct msghdr` with its `struct iovec`s, as 64-bit machines have them.
  private struct MessageHeader: BitwiseCopyable {
    var name: UInt64 = 0
    var nameByteCount: UInt64 = 0
    var pieces: UInt64 = 0
    var pieceCount: UInt64 = 1
    var control: UInt64 = 0
    var controlByteCount: UInt64 = 0
    var flags: UInt64 = 0
  }

  /// `struct iovec`.
  private struct Piece: BitwiseCopyable {
    var address: UInt64
    var byteCount: UInt64
  }

  /// Room for a control message with descriptors: its header and 64 of them.
  private typealias ControlRoom = InlineArray<34, UInt64>

  extension Calls {
    /// Descriptors that one message may carry here.
    package static let messageDescriptorLimit = 64

    /// `SOL_SOCKET` and `SCM_RIGHTS`, as the second word of a control message.
    private static let descriptorsFollow: UInt64 = 1 | 1 << 32

    /// Receives bytes of a stream and the descriptors that came with them; waits for some.
    ///
    /// - Parameters:
    ///   - socket: The socket.
    ///   - buffer: What is filled.
    ///   - offset: Where the first byte goes; at most as many as there is room behind it.
    ///   - all: How many to wait for, and no more; fewer come at the end of the stream and where
    ///     descriptors end. `nil` for as many as are there.
    ///   - descriptors: Gets the descriptors, which close at `exec` and are the caller's from now on,
    ///     at most ``messageDescriptorLimit``.
    /// - Returns: How many bytes came, 0 at the end of the stream, and whether descriptors were lost
    ///   because there were too many.
    /// - Throws: ``CallFailure``.
    package static func receive(
      _ socket: Int32, into buffer: inout [UInt8], at offset: Int, all: Int? = nil,
      descriptors: inout [Int32]
    ) throws(CallFailure) -> (byteCount: Int, isCut: Bool) {
      guard offset >= 0, offset < buffer.count, (1...buffer.count - offset).contains(all ?? 1)
      else {
        throw CallFailure(errno: CallFailure.invalid)
      }
      let closeOnExec: UInt64 = 0x4000_0000
      let waitForAll: UInt64 = 0x100
      let controlCut: UInt64 = 8
      var control = ControlRoom(repeating: 0)
      var header = MessageHeader()
      // The buffer lives for the call, which is told the room that it has behind the offset.
      let result = unsafe buffer.withUnsafeMutableBytes { bytes in
        var piece = Piece(
          address: UInt64(UInt(bitPattern: bytes.baseAddress)) &+ UInt64(offset),
          byteCount: UInt64(all ?? bytes.count - offset))
        // The three values live for the call, and have the sizes that it is told.
        return unsafe withUnsafeMutablePointer(to: &piece) { piece in
          unsafe withUnsafeMutablePointer(to: &control) { control in
            header.pieces = UInt64(UInt(bitPattern: piece))
            header.control = UInt64(UInt(bitPattern: control))
            header.controlByteCount = UInt64(MemoryLayout<ControlRoom>.size)
            return unsafe withUnsafeMutablePointer(to: &header) { header in
              untilDone(
                clinux_recvmsg, socket.register, UInt64(UInt(bitPattern: header)),
                all == nil ? closeOnExec : closeOnExec | waitForAll)
            }
          }
        }
      }
      guard result >= 0 else { throw CallFailure(errno: Int32(truncatingIfNeeded: -result)) }
      if header.controlByteCount >= 16 {
        take(control, Int(header.controlByteCount), into: &descriptors)
      }
      return (Int(result), header.flags & controlCut != 0)
    }

    /// Sends bytes and descriptors over a stream.
    ///
    /// - Parameters:
    ///   - socket: The socket.
    ///   - bytes: At least one byte.
    ///   - tail: More bytes that follow them.
    ///   - descriptors: At most ``messageDescriptorLimit``; the other side gets its own.
    ///   - waits: Whether to wait until there is room for all of them.
    /// - Returns: How many bytes went; the descriptors went with the first.
    /// - Throws: `EAGAIN` when there is no room now; `EPIPE` when nobody reads any more.
    package static func send(
      _ socket: Int32, _ bytes: Span<UInt8>, _ tail: Span<UInt8> = Span(),
      descriptors: [Int32] = [], waits: Bool = true
    ) throws(CallFailure) -> Int {
      guard descriptors.count <= messageDescriptorLimit else {
        throw CallFailure(errno: CallFailure.invalid)
      }
      let noSignal: UInt64 = 0x4000
      let doNotWait: UInt64 = 0x40
      var control = ControlRoom(repeating: 0)
      var header = MessageHeader()
      if !descriptors.isEmpty {
        header.controlByteCount = put(descriptors, into: &control)
      }
      // The bytes live for the call, which only reads them.
      let result = unsafe bytes.withUnsafeBufferPointer { bytes in
        unsafe tail.withUnsafeBufferPointer { tail in
          var pieces = (
            Piece(
              address: UInt64(UInt(bitPattern: bytes.baseAddress)), byteCount: UInt64(bytes.count)),
            Piece(
              address: UInt64(UInt(bitPattern: tail.baseAddress)), byteCount: UInt64(tail.count))
          )
          header.pieceCount = tail.isEmpty ? 1 : 2
          // The values live for the call, and have the sizes that it is told.
          return unsafe withUnsafeMutablePointer(to: &pieces) { pieces in
            unsafe withUnsafeMutablePointer(to: &control) { control in
              header.pieces = UInt64(UInt(bitPattern: pieces))
              if header.controlByteCount > 0 {
                header.control = UInt64(UInt(bitPattern: control))
              }
              return unsafe withUnsafeMutablePointer(to: &header) { header in
                untilDone(
                  clinux_sendmsg, socket.register, UInt64(UInt(bitPattern: header)),
                  waits ? noSignal : noSignal | doNotWait)
              }
            }
          }
        }
      }
      guard result >= 0 else { throw CallFailure(errno: Int32(truncatingIfNeeded: -result)) }
      return Int(result)
    }

    /// Limits how long a send waits for room; then it ends with what went, or with `EAGAIN`.
    package static func limitSending(
      _ socket: Int32, milliseconds: Int64
    ) throws(CallFailure) {
      let socketLevel: UInt64 = 1
      let sendTimeout: UInt64 = 21
      var time = (milliseconds / 1000, milliseconds % 1000 * 1000)
      // The time, `struct timeval`, lives for the call.
      _ = try unsafe withUnsafeMutablePointer(to: &time) { time throws(CallFailure) in
        try make(
          clinux_setsockopt, socket.register, socketLevel, sendTimeout,
          UInt64(UInt(bitPattern: time)), 16)
      }
    }

    /// Asks for room for so many bytes that were sent and not taken; Linux gives what it allows.
    package static func setSendRoom(_ socket: Int32, byteCount: Int32) throws(CallFailure) {
      let socketLevel: UInt64 = 1
      let sendBuffer: UInt64 = 7
      var count = byteCount
      // The count lives for the call.
      _ = try unsafe withUnsafeMutablePointer(to: &count) { count throws(CallFailure) in
        try make(
          clinux_setsockopt, socket.register, socketLevel, sendBuffer,
          UInt64(UInt(bitPattern: count)), 4)
      }
    }

    /// Makes a call again as long as a signal interrupts it; answers what it answers.
    private static func untilDone(
      _ number: Int32, _ a: UInt64, _ b: UInt64, _ c: UInt64
    ) -> Int64 {
      while true {
        let result = clinux_call(number, a, b, c, 0, 0, 0)
        if result != -Int64(CallFailure.interrupted) { return result }
      }
    }

    /// Puts descriptors into a control message; answers its bytes.
    private static func put(_ descriptors: [Int32], into control: inout ControlRoom) -> UInt64 {
      let byteCount = 16 + 4 * descriptors.count
      control[0] = UInt64(byteCount)
      control[1] = descriptorsFollow
      for (index, descriptor) in descriptors.enumerated() {
        control[2 + index / 2] |=
          UInt64(UInt32(bitPattern: descriptor)) << UInt64(32 * (index & 1))
      }
      return UInt64((byteCount + 7) & ~7)
    }

    /// Takes descriptors out of control messages, which the kernel wrote.
    private static func take(
      _ control: ControlRoom, _ byteCount: Int, into descriptors: inout [Int32]
    ) {
      var word = 0
      while word + 2 <= min(control.count, byteCount / 8) {
        let size = Int(truncatingIfNeeded: control[word])
        guard size >= 16, size <= byteCount - 8 * word else { return }
        if control[word + 1] == descriptorsFollow {
          for index in 0..<(size - 16) / 4 {
            let pair = control[word + 2 + index / 2]
            descriptors.append(
              Int32(bitPattern: UInt32(truncatingIfNeeded: pair >> UInt64(32 * (index & 1)))))
          }
        }
        word += (size + 7) / 8
      }
    }
  }
#endif
