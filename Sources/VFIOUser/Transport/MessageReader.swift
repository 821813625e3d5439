import HostABI
import Hardware

/// Cuts a stream into messages.
///
/// As many bytes are taken at once as are there, so a message usually costs one receive. The buffer
/// stays, and grows only for messages that are larger than any before.
struct MessageReader: ~Copyable {
  /// Why there is no message.
  enum Stop: Error {
    /// The peer closed the stream between two messages.
    case end
    /// The peer closed the stream within a message.
    case cutShort
    /// A header states a size that no message has.
    case size(UInt32)
    /// Far more descriptors came than a message may carry, or more than one receive takes.
    case descriptors
    /// The stream failed.
    case failed(LinuxErrno)
  }

  private static let startSize = 64 * 1024
  /// So many bytes of a message are waited for in one call.
  private static let largeRest = 16 * 1024

  private var buffer: [UInt8]
  /// The bytes that are there and not taken yet.
  private var first = 0
  private var end = 0
  /// Stream positions: of `first`, and of the end of the bytes that each descriptor came with.
  private var position: UInt64 = 0
  private var waiting: [(end: UInt64, file: ReceivedFile)] = []
  /// Bytes of the message that was lent last.
  private var lent = 0

  /// Makes a reader that has read nothing.
  init() { buffer = [UInt8](repeating: 0, count: Self.startSize) }

  /// Waits for a message.
  ///
  /// - Parameters:
  ///   - channel: Where bytes come from.
  ///   - files: Gets the descriptors that came with the message.
  /// - Returns: The message's header; its payload is ``payload`` until the next call.
  /// - Throws: ``Stop``.
  mutating func next(
    from channel: any Channel, files: inout [ReceivedFile]
  ) throws(Stop) -> UserHeader {
    drop()
    while true {
      var needed = UserHeader.byteCount
      if let header = UserHeader(buffer.span.extracting(first..<end)) {
        guard header.byteCount >= UserHeader.byteCount, header.byteCount <= UserLimits.message
        else { throw .size(header.byteCount) }
        needed = Int(header.byteCount)
        if end - first >= needed {
          lent = needed
          takeFiles(&files)
          return header
        }
      }
      makeRoom(needed)
      try fill(from: channel, until: first + needed)
    }
  }

  /// The bytes behind the header of the message that ``next(from:files:)`` found.
  var payload: Span<UInt8> {
    @_lifetime(borrow self)
    get { buffer.span.extracting((first + min(lent, UserHeader.byteCount))..<(first + lent)) }
  }

  /// Gives the buffer away with the message that ``next(from:files:)`` found, and goes on with another.
  ///
  /// - Parameter other: The buffer to go on with, which is made larger if it must be; the one with the
  ///   message afterwards.
  /// - Returns: Where in it the payload is.
  mutating func exchange(_ other: inout [UInt8]) -> Range<Int> {
    if other.count < buffer.count { other = [UInt8](repeating: 0, count: buffer.count) }
    let place = (first + min(lent, UserHeader.byteCount))..<(first + lent)
    // The start of the messages behind it: few bytes, or many small messages.
    var room = other.mutableSpan
    room.store(buffer.span.extracting(place.upperBound..<end), at: 0)
    swap(&buffer, &other)
    position += UInt64(lent)
    end -= place.upperBound
    first = 0
    lent = 0
    return place
  }

  private mutating func drop() {
    first += lent
    position += UInt64(lent)
    lent = 0
    if first == end {
      first = 0
      end = 0
    }
  }

  /// Sees to it that a message of so many bytes fits, and that there is room to read at all.
  private mutating func makeRoom(_ needed: Int) {
    if first > 0, buffer.count - first < needed || end == buffer.count {
      buffer.removeSubrange(0..<first)
      buffer += repeatElement(0, count: first)
      end -= first
      first = 0
    }
    if buffer.count < needed {
      buffer += [UInt8](repeating: 0, count: UserLimits.message - buffer.count)
    }
  }

  /// Receives at least one byte, or all of a message that is large and has begun.
  private mutating func fill(
    from channel: any Channel, until messageEnd: Int
  ) throws(Stop) {
    var files: [ReceivedFile] = []
    let rest = messageEnd - end
    let result: (byteCount: Int, isCut: Bool)
    do throws(LinuxErrno) {
      result =
        rest >= Self.largeRest
        ? try channel.receive(rest, into: &buffer, at: end, files: &files)
        : try channel.receive(into: &buffer, at: end, files: &files)
    } catch {
      throw .failed(error)
    }
    guard result.byteCount > 0 else { throw first == end ? .end : .cutShort }
    end += result.byteCount
    guard !files.isEmpty || result.isCut else { return }
    for file in files { waiting.append((position + UInt64(end - first), file)) }
    // Those of several messages may wait; who takes a message counts its own.
    guard !result.isCut, waiting.count <= 4 * UserLimits.descriptors else { throw .descriptors }
  }

  /// Takes the descriptors of the message that is lent.
  ///
  /// The kernel ends a receive behind the bytes that descriptors came with, so they are of the last
  /// message that starts before that place.
  private mutating func takeFiles(_ files: inout [ReceivedFile]) {
    guard !waiting.isEmpty else { return }
    let messageEnd = position + UInt64(lent)
    files += waiting.lazy.filter { $0.end <= messageEnd }.map(\.file)
    waiting.removeAll { $0.end <= messageEnd }
  }
}
