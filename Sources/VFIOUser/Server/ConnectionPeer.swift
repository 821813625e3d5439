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
  private let question = MemoryQuestion()

  init(_ requester: Requester) { self.requester = requester }

  /// The client may be one that reads messages about its memory in a form of its own: it is asked
  /// before the first.
  func doubtForm() { question.doubt() }

  func post(_ address: UInt64, _ bytes: Span<UInt8>) -> Bool {
    guard bytes.count <= Self.postLimit else { return false }
    guard let form = question.answer else { return question.hold(address, bytes, requester) }
    return requester.post(address, bytes, form, while: { true })
  }

  func post(_ address: UInt64, _ bytes: Span<UInt8>, while isOpen: () -> Bool) -> Bool {
    guard bytes.count <= Self.postLimit else { return false }
    guard let form = question.answer else {
      // The gate cannot be asked later, when it goes.
      question.ask(requester)
      return false
    }
    return requester.post(address, bytes, form, while: isOpen)
  }

  func whenReady(_ body: @escaping @Sendable () -> Void) { question.whenLearnt(body) }

  func read(_ address: UInt64, into buffer: inout MutableSpan<UInt8>) throws(LinuxErrno) {
    try read(address, into: &buffer, while: { true })
  }

  func read(
    _ address: UInt64, into buffer: inout MutableSpan<UInt8>, while isOpen: () -> Bool
  ) throws(LinuxErrno) {
    let form = try question.wait(requester, while: isOpen)
    var done = 0
    while done < buffer.count {
      let count = min(buffer.count - done, transferLimit.load(ordering: .relaxed))
      let at = address &+ UInt64(done)
      var reply = try requester.ask(.readDMA, at: at, byteCount: count, while: isOpen)
      defer { requester.table.recycle(&reply) }
      let payload = reply.payload
      guard let place = form.place(in: payload, at: at, count: count) else { throw .EIO }
      buffer.store(payload.extracting(place), at: done)
      done += count
    }
  }

  func write(_ address: UInt64, _ bytes: Span<UInt8>) throws(LinuxErrno) {
    try write(address, bytes, while: { true })
  }

  func write(
    _ address: UInt64, _ bytes: Span<UInt8>, while isOpen: () -> Bool
  ) throws(LinuxErrno) {
    let form = try question.wait(requester, while: isOpen)
    var done = 0
    while done < bytes.count {
      let count = min(bytes.count - done, transferLimit.load(ordering: .relaxed))
      _ = try requester.ask(
        .writeDMA, at: address &+ UInt64(done), byteCount: count,
        bytes.extracting(done..<(done + count)), form, while: isOpen)
      done += count
    }
  }
}
