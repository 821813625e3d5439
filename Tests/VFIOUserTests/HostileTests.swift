import HostABI
import HostSystem
import Synchronization
import TestSupport
import Testing

@testable import VFIOUser

@Suite("A peer may send anything", .serialized)
struct HostileTests {
  /// Messages of a conversation that is in order, after the version.
  private static let conversation: [(command: UserCommand, payload: [UInt8])] = [
    (.deviceInfo, hex("10000000 00000000 00000000 00000000")),
    (.regionInfo, hex("20000000 00000000 00000000 00000000 0000000000000000 0000000000000000")),
    (.interruptInfo, hex("10000000 00000000 02000000 00000000")),
    (.regionIOFiles, hex("10000000 00000000 00000000 00000000")),
    (.mapDMA, hex("20000000 03000000 0000000000000000 0010000000000000 0010000000000000")),
    (.regionWrite, hex("1000000000000000 00000000 04000000 01020304")),
    (.regionRead, hex("1000000000000000 00000000 04000000")),
    (.regionWriteMany, hex("0100000000000000 2000000000000000 00000000 01000000 0900000000000000")),
    (.setInterrupts, hex("14000000 21000000 02000000 01000000 02000000")),
    (.feature, hex("10000000 01000100")),
    (.feature, hex("20000000 06000200 0010000000000000 00000000 00000000")),
    (.feature, hex("28000000 08000100 0000000000000000 0010000000000000 0010000000000000")),
    (.dirtyPages, hex("08000000 02000000")),
    (.readMigrationData, hex("18000000 10000000")),
    (.unmapDMA, hex("18000000 00000000 0010000000000000 0010000000000000")),
    (.reset, []),
  ]

  private static let version = Requester.message(
    UserHeader(id: 1, command: .version, byteCount: 0),
    MessageBuilder().adding(UInt32(0)).adding(UserCapabilities().encoded()).bytes)

  private static func bytes(_ index: Int) -> [UInt8] {
    let (command, payload) = conversation[index]
    return Requester.message(
      UserHeader(id: UInt16(index), command: command, byteCount: 0), payload)
  }

  private func served() throws -> Served {
    try Served(
      SampleDevice(migrating: SampleMigration(), sharing: try memoryFile()))
  }

  /// Sends bytes, closes the way out and reads replies until the server ends the connection.
  private func replies(
    _ served: Served, _ bytes: [UInt8], files: [ReceivedFile] = []
  ) throws -> [UserHeader] {
    let socket = ReceivedFile(owning: try Calls.makeSocket())
    try Calls.connect(socket.descriptor, to: served.path)
    let channel = SocketChannel(socket)
    _ = try Calls.send(
      socket.descriptor, bytes.span, descriptors: files.map(\.descriptor))
    Calls.finishSending(socket.descriptor)
    var reader = MessageReader()
    var replies: [UserHeader] = []
    while true {
      var files: [ReceivedFile] = []
      do throws(MessageReader.Stop) {
        replies.append(try reader.next(from: channel, files: &files))
      } catch {
        return replies
      }
    }
  }

  @Test("the conversation itself is answered without an error")
  func control() throws {
    let served = try served()
    let all = Self.version + Self.conversation.indices.flatMap(Self.bytes)
    let replies = try replies(served, all)
    #expect(replies.count == 1 + Self.conversation.count)
    // Only the state cannot be read, of a device that runs.
    #expect(replies.filter(\.hasError).map(\.command) == [.readMigrationData])
    #expect(replies.dropFirst().map(\.id) == Self.conversation.indices.map { UInt16($0) })
  }

  @Test(
    "garbage in any byte of it is refused, done or the end; the server goes on",
    arguments: Self.conversation.indices)
  func garbage(index: Int) throws {
    let served = try served()
    let before = Self.conversation.indices.prefix(index).flatMap(Self.bytes)
    let message = Self.bytes(index)
    var random = SplitMix64(seed: UInt64(index))
    for place in message.indices {
      for value in [0, 0xFF, UInt8.random(in: 1...254, using: &random)] {
        var changed = message
        changed[place] = value
        _ = try replies(served, Self.version + before + changed)
      }
    }
    let client = try served.client()
    #expect(try client.read(0, at: 0, count: 4).count == 4)
  }

  @Test(
    "a message with fewer or more bytes than its kind has is refused, or the bytes do not count",
    arguments: Self.conversation.indices)
  func lengths(index: Int) throws {
    let served = try served()
    let (command, payload) = Self.conversation[index]
    for count in 0..<payload.count + 9 where count != payload.count {
      let cut = Array((payload + [UInt8](repeating: 0x5A, count: 9)).prefix(count))
      let message = Requester.message(UserHeader(id: 5, command: command, byteCount: 0), cut)
      let replies = try replies(
        served, Self.version + Self.conversation.indices.prefix(index).flatMap(Self.bytes) + message
      )
      #expect(replies.last?.id == 5)
      if count < min(payload.count, 8) { #expect(replies.last?.hasError == true) }
    }
  }

  @Test("the connection may end at any byte, and no descriptor is left")
  func ends() throws {
    let served = try served()
    let file = try memoryFile()
    let map = Requester.message(
      UserHeader(id: 3, command: .mapDMA, byteCount: 0),
      hex("20000000 03000000 0000000000000000 0000100000000000 0010000000000000"))
    let all = Self.version + Self.bytes(0) + map + Self.bytes(5)
    for count in 1..<all.count {
      _ = try replies(served, Array(all.prefix(count)), files: [file])
    }
    #expect(eventually { (try? openDescriptors(of: file)) == 1 })
    #expect(eventually { served.device.state.withLock { $0.mappings }.isEmpty })
  }

  @Test(
    "a message with more descriptors than were agreed on is refused, and the connection goes on",
    arguments: [(1, nil), (16, "a mapping has one descriptor")]
      + [17, 64].map { ($0, "more descriptors than were agreed on") } as [(Int, String?)])
  func descriptors(count: Int, why: String?) throws {
    let served = try served()
    let client = try served.client()
    let file = try memoryFile()
    let map = hex("20000000 03000000 0000000000000000 0000100000000000 0010000000000000")
    let files = [ReceivedFile](repeating: file, count: count)
    if let why {
      #expect(throws: LinuxErrno.EINVAL) { try client.ask(.mapDMA, map, files: files) }
      #expect(
        served.events.all.last == .refused(message: "DMA_MAP", why: why, errno: 22))
      #expect(eventually { (try? openDescriptors(of: file)) == 1 })
    } else {
      _ = try client.ask(.mapDMA, map, files: files)
      #expect(try openDescriptors(of: file) == 2)
    }
    #expect(try client.read(0, at: 0, count: 1) == [0])
  }

  @Test("descriptors that nobody wants are closed", arguments: 0..<16)
  func unwanted(index: Int) throws {
    let served = try served()
    let file = try memoryFile()
    for count in [1, 2, 16, 17, 64] {
      let socket = ReceivedFile(owning: try Calls.makeSocket())
      try Calls.connect(socket.descriptor, to: served.path)
      _ = try Calls.send(socket.descriptor, Self.version.span)
      let message = Self.bytes(index)
      _ = try Calls.send(
        socket.descriptor, message.span,
        descriptors: [Int32](repeating: file.descriptor, count: count))
      Calls.finishSending(socket.descriptor)
      var reader = MessageReader()
      var last: UserHeader?
      var files: [ReceivedFile] = []
      let channel = SocketChannel(socket)
      while let header = try? reader.next(from: channel, files: &files) { last = header }
      let isWanted = Self.conversation[index].command == .mapDMA && count == 1
      #expect(last?.hasError == !isWanted || last?.command == .version)
    }
    #expect(eventually { (try? openDescriptors(of: file)) == 1 })
  }

  @Test("random messages, with sizes that fit, end no server", arguments: 0..<8 as Range<UInt64>)
  func random(seed: UInt64) throws {
    let served = try served()
    var random = SplitMix64(seed: seed)
    for _ in 0..<20 {
      var bytes = Self.version
      for _ in 0..<40 {
        let command = UserCommand(rawValue: UInt16.random(in: 0...20, using: &random))
        var payload = Self.conversation.randomElement(using: &random)?.payload ?? []
        if Bool.random(using: &random) {
          payload = (0..<Int.random(in: 0...64, using: &random)).map { _ in
            Bool.random(using: &random) ? 0 : UInt8.random(in: 0...255, using: &random)
          }
        }
        bytes += Requester.message(
          UserHeader(
            id: UInt16.random(in: 0...3, using: &random), command: command, byteCount: 0,
            flags: UInt32([0, 0, 0, 0x10, 1, 0x21].randomElement(using: &random) ?? 0)),
          payload)
      }
      _ = try replies(served, bytes)
    }
    let client = try served.client()
    #expect(try client.deviceInformation().regionCount == 9)
  }

  @Test("a client that reads no replies stops only itself")
  func slowReader() throws {
    let served = try served()
    let socket = ReceivedFile(owning: try Calls.makeSocket())
    try Calls.connect(socket.descriptor, to: served.path)
    let channel = SocketChannel(socket)
    _ = try channel.send(Self.version.span, [])
    let ask = Requester.message(
      UserHeader(id: 9, command: .regionRead, byteCount: 0),
      MessageBuilder().adding(UInt64(0)).adding(UInt32(1)).adding(UInt32(1 << 20)).bytes)
    #expect(eventually { served.device.peer != nil })
    var sent = 0
    var tries = 0
    while sent < 100_000, tries < 100 {
      if let count = try? channel.send(ask.span, []), count == ask.count {
        sent += 1
        tries = 0
      } else {
        Calls.pause(microseconds: 2000)
        tries += 1
      }
    }
    // The server stopped reading, rather than keep replies without end.
    #expect(sent < 100_000)
    served.server.stop()
    #expect(served.device.calls == ["attached", "detached"])
  }
}

/// How many descriptors of this process are of a file.
func openDescriptors(of file: ReceivedFile) throws -> Int {
  let identity = try Calls.facts(of: file.descriptor).identity
  return try Folder.names(in: "/proc/self/fd").compactMap { Int32($0) }
    .count { (try? Calls.facts(of: $0).identity) == identity }
}
