extension [UInt8] {
  /// Copies bytes.
  init(copying bytes: Span<UInt8>) {
    self.init(repeating: 0, count: bytes.count)
    var room = mutableSpan
    for index in bytes.indices { room[index] = bytes[index] }
  }
}
