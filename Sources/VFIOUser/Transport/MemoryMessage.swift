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

  /// The message's bytes.
  var span: Span<UInt8> {
    @_lifetime(borrow self)
    get { bytes.span }
  }
}
