import HostABI
import Synchronization
import TestSupport
import Testing

@testable import VFIOUser

/// A stream that is written beforehand, in pieces that come one at a time.
final class WrittenStream: Channel {
  let pieces: Mutex<[(bytes: [UInt8], files: [ReceivedFile])]>
  let sent = Mutex<[UInt8]>([])

  init(_ pieces: [(bytes: [UInt8], files: [ReceivedFile])]) { self.pieces = Mutex(pieces) }

  func receive(
    into buffer: inout [UInt8], at offset: Int, files: inout [ReceivedFile]
  ) throws(LinuxErrno) -> (byteCount: Int, isCut: Bool) {
    let room = buffer.count - offset
    let (bytes, new) = pieces.withLock { pieces -> ([UInt8], [ReceivedFile]) in
      guard let first = pieces.first else { return ([], []) }
      let taken = Array(first.bytes.prefix(room))
      if taken.count == first.bytes.count {
        pieces.removeFirst()
      } else {
        pieces[0] = (Array(first.bytes.dropFirst(taken.count)), [])
      }
      return (taken, first.files)
    }
    buffer.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    files += new
    return (bytes.count, false)
  }

  func send(
    _ bytes: Span<UInt8>, _ tail: Span<UInt8>, _ files: [ReceivedFile]
  ) throws(LinuxErrno) -> Int {
    let copy = [UInt8](copying: bytes, tail)
    sent.withLock { $0 += copy }
    return copy.count
  }

  func waitForRoom(milliseconds: Int64) -> Bool { true }
  func shutDown() {}
}

@Suite("A stream is cut into messages")
struct ReaderTests {
  private func message(_ id: UInt16, _ payload: [UInt8]) -> [UInt8] {
    Requester.message(UserHeader(id: id, command: .regionWrite, byteCount: 0), payload)
  }

  @Test("whatever the pieces are, the messages are the same", arguments: 0..<12 as Range<UInt64>)
  func pieces(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let sizes = (0..<30).map { _ in
      Bool.random(using: &random)
        ? Int.random(in: 0...40, using: &random) : Int.random(in: 0...80_000, using: &random)
    }
    let messages = sizes.enumerated().map { id, size in
      message(UInt16(id), (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ id) })
    }
    var rest = messages.reduce([], +)[...]
    var pieces: [(bytes: [UInt8], files: [ReceivedFile])] = []
    while !rest.isEmpty {
      let count =
        Bool.random(using: &random)
        ? Int.random(in: 1...20, using: &random) : Int.random(in: 1...100_000, using: &random)
      pieces.append((Array(rest.prefix(count)), []))
      rest = rest.dropFirst(count)
    }
    let stream = WrittenStream(pieces)
    var reader = MessageReader()
    var files: [ReceivedFile] = []
    for (id, expected) in messages.enumerated() {
      let header = try reader.next(from: stream, files: &files)
      let payload = [UInt8](copying: reader.payload)
      #expect(Int(header.id) == id && payload == Array(expected.dropFirst(16)))
    }
    #expect(throws: MessageReader.Stop.self) { try reader.next(from: stream, files: &files) }
  }

  @Test("descriptors are of the last message that begins in their piece")
  func descriptors() throws {
    let first = try memoryFile()
    let second = try memoryFile()
    let long = message(3, [UInt8](repeating: 9, count: 100))
    let stream = WrittenStream([
      (message(0, []) + message(1, [1]), [first]), (message(2, []), []),
      (Array(long.prefix(30)), [second]), (Array(long.dropFirst(30)) + message(4, []), []),
    ])
    var reader = MessageReader()
    var found: [Int] = []
    for _ in 0..<5 {
      var files: [ReceivedFile] = []
      _ = try reader.next(from: stream, files: &files)
      found.append(files.count)
      if files.count == 1 { #expect(files[0] === (found.count == 2 ? first : second)) }
    }
    #expect(found == [0, 1, 0, 1, 0])
  }

  @Test(
    "a size that no message has ends the stream",
    arguments: [0, 15, UInt32(UserLimits.message) + 1, .max])
  func sizes(size: UInt32) {
    var bytes = message(0, [])
    for index in 0..<4 { bytes[4 + index] = UInt8(truncatingIfNeeded: size >> UInt32(8 * index)) }
    let stream = WrittenStream([(bytes, [])])
    var reader = MessageReader()
    var files: [ReceivedFile] = []
    do throws(MessageReader.Stop) {
      _ = try reader.next(from: stream, files: &files)
      Issue.record("a size of \(size) was taken")
    } catch {
      guard case .size(size) = error else {
        Issue.record("\(error)")
        return
      }
    }
  }

  @Test("an end within a message is not one between two", arguments: 1..<40)
  func end(count: Int) {
    let stream = WrittenStream([
      (Array(message(0, [UInt8](repeating: 1, count: 24)).prefix(count)), [])
    ])
    var reader = MessageReader()
    var files: [ReceivedFile] = []
    do throws(MessageReader.Stop) {
      _ = try reader.next(from: stream, files: &files)
      Issue.record("half a message was taken")
    } catch {
      guard case .cutShort = error else {
        Issue.record("\(error)")
        return
      }
    }
  }
}
