import Hardware

/// How a client reads `VFIO_USER_DMA_READ` and `VFIO_USER_DMA_WRITE`, and answers the former.
///
/// QEMU 10.1, where vfio-user came in, is the exception; 11.1 keeps to the specification. Both say
/// version 0.0 and the same capabilities, so whoever may be either is asked.
enum MemoryForm: Sendable {
  /// Address and count of 64 bits each, then the bytes.
  case specified
  /// A count of 32 bits and the bytes right behind it; four bytes at the end that mean nothing.
  case narrow

  /// The count of a write without bytes that asks which it is.
  ///
  /// In 32 bits that is a write of nothing, which succeeds; in 64 bits there are fewer bytes than
  /// are told, which is refused. Nothing is written either way.
  static let question = 1 << 32

  /// Takes the answer to the question.
  init(refusesQuestion: Bool) { self = refusesQuestion ? .specified : .narrow }

  /// The bytes that a client answers a read with.
  ///
  /// - Parameters:
  ///   - payload: The answer behind its header.
  ///   - address: What was asked for.
  ///   - count: How many bytes; at most 32 bits' worth.
  /// - Returns: Where in the payload they are; `nil` when that is no answer to the question.
  func place(in payload: Span<UInt8>, at address: UInt64, count: Int) -> Range<Int>? {
    guard payload.count == 16 + count, payload.little(UInt64.self, at: 0) == address else {
      return nil
    }
    switch self {
    case .specified:
      return payload.little(UInt64.self, at: 8) == UInt64(count) ? 16..<(16 + count) : nil
    case .narrow:
      return payload.little(UInt32.self, at: 8).map { Int($0) } == count ? 12..<(12 + count) : nil
    }
  }
}
