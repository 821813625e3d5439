import HostABI
import HostSystem
import Hardware
import Synchronization

/// A device's way to the memory of the client that is connected.
final class ConnectionPeer: UserPeer {
  /// Bytes that a posted write may have.
  static let postLimit = 4096

  let requester: Requester
  /// Bytes that one message may move, as agreed.
  let transferLimit = Atomic(UserLimits.transfer)

  init(_ requester: Requester) { self.requester = requester }

  func post(_ address: UInt64, _ bytes: Span<UInt8>) -> Bool {
    post(address, bytes, while: { true })
  }

  func post(_ address: UInt64, _ bytes: Span<UInt8>, while isOpen: () -> Bool) -> Bool {
    guard bytes.count <= Self.postLimit else { return false }
    return requester.post(address, bytes, while: isOpen)
  }

  func read(_ address: UInt64, into buffer: inout MutableSpan<UInt8>) throws(LinuxErrno) {
    try read(address, into: &buffer, while: { true })
  }

  func read(
    _ address: UInt64, into buffer: inout MutableSpan<UInt8>, while isOpen: () -> Bool
  ) throws(LinuxErrno) {
    var done = 0
    while done < buffer.count {
      let count = min(buffer.count - done, transferLimit.load(ordering: .relaxed))
      var reply = try requester.ask(
        .readDMA, at: address &+ UInt64(done), byteCount: count, while: isOpen)
      defer { requester.table.recycle(&reply) }
      let payload = reply.payload
      guard payload.count == 16 + count,
        payload.little(UInt64.self, at: 0) == address &+ UInt64(done),
        payload.little(UInt64.self, at: 8) == UInt64(count)
      else { throw .EIO }
      buffer.store(payload.extracting(16..<payload.count), at: done)
      done += count
    }
  }

  func write(_ address: UInt64, _ bytes: Span<UInt8>) throws(LinuxErrno) {
    try write(address, bytes, while: { true })
  }

  func write(
    _ address: UInt64, _ bytes: Span<UInt8>, while isOpen: () -> Bool
  ) throws(LinuxErrno) {
    var done = 0
    while done < bytes.count {
      let count = min(bytes.count - done, transferLimit.load(ordering: .relaxed))
      _ = try requester.ask(
        .writeDMA, at: address &+ UInt64(done), byteCount: count,
        bytes.extracting(done..<(done + count)), while: isOpen)
      done += count
    }
  }
}
