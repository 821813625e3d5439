import Hardware

extension [UInt8] {
  /// Copies bytes.
  init(copying bytes: Span<UInt8>) { self.init(copying: bytes, Span()) }

  /// Copies bytes, and more behind them.
  init(copying bytes: Span<UInt8>, _ tail: Span<UInt8>) {
    self.init(repeating: 0, count: bytes.count + tail.count)
    var room = mutableSpan
    room.store(bytes, at: 0)
    room.store(tail, at: bytes.count)
  }
}
