import Hardware

/// The fixed part of a `VFIO_USER_DMA_READ` or `VFIO_USER_DMA_WRITE`, header included.
///
/// One is made for each transfer, on the stack.
struct MemoryMessage {
  private var bytes: InlineArray<32, UInt8>

  /// Makes a message.
  ///
  /// - Parameters:
  ///   - id: The request's number.
  ///   - command: Which of the two.
  ///   - address: Where the first byte is.
  ///   - byteCount: How many bytes it is about.
  ///   - tailByteCount: How many bytes follow it.
  init(
    _ id: UInt16, _ command: UserCommand, _ address: UInt64, _ byteCount: Int,
    _ tailByteCount: Int
  ) {
    bytes = InlineArray(repeating: 0)
    var span = bytes.mutableSpan
    UserHeader(id: id, command: command, byteCount: 32 + tailByteCount).write(into: &span)
    span.storeLittle(address, at: UserHeader.byteCount)
    span.storeLittle(UInt64(byteCount), at: UserHeader.byteCount + 8)
  }

  /// A write as ``MemoryForm/narrow`` has it.
  ///
  /// - Parameters:
  ///   - id: The request's number.
  ///   - command: What is asked.
  ///   - address: Where the first byte goes.
  ///   - data: The bytes.
  /// - Returns: The whole message.
  static func narrow(
    _ id: UInt16, _ command: UserCommand, _ address: UInt64, _ data: Span<UInt8>
  ) -> [UInt8] {
    // As long as in the other form, which is what the size is checked against.
    var bytes = [UInt8](repeating: 0, count: 32 + data.count)
    var span = bytes.mutableSpan
    UserHeader(id: id, command: command, byteCount: 32 + data.count).write(into: &span)
    span.storeLittle(address, at: UserHeader.byteCount)
    span.storeLittle(UInt32(truncatingIfNeeded: data.count), at: UserHeader.byteCount + 8)
    span.store(data, at: UserHeader.byteCount + 12)
    return bytes
  }

  /// The message's bytes.
  var span: Span<UInt8> {
    @_lifetime(borrow self)
    get { bytes.span }
  }
}
