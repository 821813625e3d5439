import HostABI
import Hardware
import Synchronization

@testable import VFIOUser

/// A client's side of a connection, made of an input.
///
/// An operation is a byte: bits 1:0 say which, 7:2 are its detail.
/// - 0: as many bytes as the detail says, as they are
/// - 1: a message: bits 3:2 whose flags (none, no reply, reply, reply with error), bits 7:4
///   descriptors, 15 for 17, one more than a message may have; then its number, command, count of
///   payload bytes, and these
/// - 2: the device does something when the stream comes here: bits 3:2 a posted write, a read (which
///   fails on this thread), a write of tracked memory; a byte says which address
/// - 3: a message whose fields are words: as 1, but each token of the payload is a word of 32 bits,
///   of a byte that indexes the numbers that matter, 64 bits with the high bit set
final class UserStream: Channel {
  private struct Piece {
    var bytes: [UInt8]
    var files: Int
    var action: (kind: UInt8, address: UInt64)?
  }

  private struct WeakFile {
    weak var file: ReceivedFile?
  }

  private struct State {
    var pieces: [Piece] = []
    var sent: [UInt8] = []
    var files: [WeakFile] = []
    /// Every message that was made whole, in order.
    var asked: [UInt8] = []
  }

  /// Numbers that mean something to a server.
  private static let numbers: [UInt64] = [
    0, 1, 2, 3, 4, 7, 8, 9, 16, 20, 24, 32, 40, 48, 64, 0x80, 0x100, 0x7F8, 0x800, 0xFFF, 0x1000,
    0x2000, 0x3000, 0x8000, 0x10_0000, 0x10_0001, 0x20_0000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
    0x21, 0x24, 0x22, 0x11, 0x09, 0x14, 0x1_0001, 0x1_0002, 0x2_0002, 0x2_0006, 0x2_0007, 0x1_0008,
    0x4_0001, 0x7_0002, 5, 6, 1 << 32, 1 << 63, .max, .max - 0xFFF, 0x1_0000, 0x4000,
  ]

  private let state = Mutex(State())
  private let device: StrictUserDevice
  private let cutsSmall: Bool

  init(_ device: StrictUserDevice, cutsSmall: Bool) {
    self.device = device
    self.cutsSmall = cutsSmall
  }

  var sent: [UInt8] { state.withLock { $0.sent } }
  var hadFiles: Bool { state.withLock { !$0.files.isEmpty } }

  /// A version, as QEMU proposes it.
  func agree() {
    var offered = UserCapabilities()
    offered.canWriteMany = true
    offered.migrationPageSize = 4096
    add(
      Requester.message(
        UserHeader(id: 0xFFFF, command: .version, byteCount: 0),
        [0, 0, 0, 0] + offered.encoded()))
  }

  func read(_ feed: inout ByteFeed) {
    var steps = 0
    while !feed.isEmpty, steps < 300 {
      steps += 1
      let operation = feed.byte()
      let detail = operation >> 2
      switch operation & 3 {
      case 0: add(feed.bytes(Int(detail)))
      case 2:
        let action = (kind: detail & 3, address: UInt64(feed.byte()) << 9)
        state.withLock { $0.pieces.append(Piece(bytes: [], files: 0, action: action)) }
      default: message(&feed, detail, isWords: operation & 3 == 3)
      }
    }
  }

  private func message(_ feed: inout ByteFeed, _ detail: UInt8, isWords: Bool) {
    let flags = [0, UserHeader.noReply, UserHeader.reply, UserHeader.reply | UserHeader.failed]
    let id = UInt16(feed.byte())
    let command = UserCommand(rawValue: UInt16(feed.byte()))
    let count = Int(feed.byte())
    var payload: [UInt8] = []
    if isWords {
      for _ in 0..<min(count, 64) {
        let token = feed.byte()
        let number = Self.numbers[Int(token & 0x7F) % Self.numbers.count]
        let builder = MessageBuilder()
        payload +=
          (token & 0x80 == 0
          ? builder.adding(UInt32(truncatingIfNeeded: number)) : builder.adding(number)).bytes
      }
    } else {
      payload = feed.bytes(count)
    }
    var header = UserHeader(id: id, command: command, byteCount: 0)
    header.flags = flags[Int(detail & 3)]
    header.error = header.hasError ? 5 : 0
    let files = Int(detail >> 2)
    add(
      Requester.message(header, payload),
      files: files == 15 ? UserLimits.descriptors + 1 : files)
  }

  private func add(_ bytes: [UInt8], files: Int = 0) {
    guard !bytes.isEmpty else { return }
    state.withLock { $0.pieces.append(Piece(bytes: bytes, files: files)) }
  }

  func receive(
    into buffer: inout [UInt8], at offset: Int, files: inout [ReceivedFile]
  ) throws(LinuxErrno) -> (byteCount: Int, isCut: Bool) {
    let room = cutsSmall ? 1 : buffer.count - offset
    while let piece = state.withLock({ $0.pieces.first }) {
      if let action = piece.action {
        state.withLock { _ = $0.pieces.removeFirst() }
        device.act(action.kind, action.address)
        continue
      }
      let taken = Array(piece.bytes.prefix(room))
      let new = (0..<piece.files).map { _ in ReceivedFile(owning: -1) }
      state.withLock { state in
        if taken.count == piece.bytes.count {
          state.pieces.removeFirst()
        } else {
          state.pieces[0].bytes.removeFirst(taken.count)
          state.pieces[0].files = 0
        }
        state.asked += taken
        state.files += new.map { WeakFile(file: $0) }
      }
      for (index, byte) in taken.enumerated() { buffer[offset + index] = byte }
      files += new
      return (taken.count, false)
    }
    return (0, false)
  }

  func send(
    _ bytes: Span<UInt8>, _ tail: Span<UInt8>, _ files: [ReceivedFile]
  ) throws(LinuxErrno) -> Int {
    let copy = [UInt8](copying: bytes, tail)
    state.withLock { $0.sent += copy }
    return copy.count
  }

  func waitForRoom(milliseconds: Int64) -> Bool { true }
  func shutDown() {}

  /// Cuts bytes into messages, as far as they are some.
  private func messages(_ bytes: [UInt8]) -> [(header: UserHeader, byteCount: Int)] {
    var found: [(header: UserHeader, byteCount: Int)] = []
    var place = 0
    while let header = UserHeader(bytes.span, at: place) {
      let count = Int(header.byteCount)
      guard count >= 16, count <= UserLimits.message, count <= bytes.count - place else { break }
      found.append((header, count))
      place += count
    }
    return found
  }

  /// Commands are answered in their order, each once, unless they want no reply; nothing else is sent
  /// but what the device posted.
  func checkReplies() {
    let (asked, sent) = state.withLock { ($0.asked, $0.sent) }
    let out = messages(sent)
    require(out.reduce(0) { $0 + $1.byteCount } == sent.count, "what is sent is no messages")
    let wanted = messages(asked).map(\.header).filter { $0.isCommand && !$0.wantsNoReply }
    let replies = out.filter { $0.header.isReply }
    require(replies.count <= wanted.count, "more replies than commands")
    for (reply, command) in zip(replies, wanted) {
      require(reply.header.id == command.id, "a reply with another number")
      require(reply.header.command == command.command, "a reply to another command")
      require(!reply.header.hasError || reply.byteCount == 16, "an error with a payload")
      require(!reply.header.hasError || reply.header.error != 0, "an error without a number")
      require(reply.header.hasError || reply.header.error == 0, "a number without an error")
      require(reply.header.flags & ~0x21 == 0, "a reply with other flags")
    }
    for (header, _) in out where !header.isReply {
      require(header.isCommand && header.command == .writeDMA, "a command that nobody posted")
    }
  }

  /// Nobody holds a descriptor after the connection.
  func checkFiles() {
    require(
      state.withLock { $0.files.allSatisfy { $0.file == nil } }, "a descriptor is kept")
  }
}
