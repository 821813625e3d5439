import HostABI
import HostSystem
import Synchronization
import Testing

@testable import VFIOUser

@Suite("A server comes and goes in order")
struct LifetimeTests {
  @Test("the next client finds the device as the last left it, without mappings")
  func reconnection() throws {
    let served = try Served()
    for round in UInt8(1)...5 {
      let client = try served.client()
      #expect(try client.read(0, at: 0, count: 1) == [round - 1])
      try client.write(0, at: 0, [round])
      try client.map(UserMapping(range: 0...0xFFF, isReadable: true, isWritable: true, file: nil))
      client.disconnect()
    }
    #expect(eventually { served.events.endings.count == 5 })
    #expect(Set(served.events.endings) == ["the client closed the connection"])
    #expect(
      served.device.calls
        == (1...5).flatMap { _ in
          ["attached", "write 0 0 1", "map 0...4095", "detached"]
        })
  }

  @Test("a client beside another one is answered, and then its connection ends")
  func turnedAway() throws {
    let served = try Served(patience: (1, 60_000, 60_000))
    let first = try served.client()
    let channel = try served.channel()
    var message = [UInt8](repeating: 0, count: UserHeader.byteCount)
    var span = message.mutableSpan
    UserHeader(id: 77, command: .version, byteCount: UserHeader.byteCount).write(into: &span)
    _ = try channel.send(message.span, Span(), [])
    var reader = MessageReader()
    var files: [ReceivedFile] = []
    let reply = try reader.next(from: channel, files: &files)
    #expect(reply.id == 77 && reply.isReply && reply.hasError && reply.error == 16)
    #expect(throws: MessageReader.Stop.self) { try reader.next(from: channel, files: &files) }
    #expect(served.events.refusals == ["connection 16"])
    withExtendedLifetime(first) {}
  }

  @Test("a second client waits until the first is gone")
  func second() throws {
    let served = try Served()
    let first = try served.client()
    let second = try UserClient(path: served.path)
    let agreed = Mutex(false)
    let thread = ServiceThread {
      let answer = try? second.negotiate()
      agreed.withLock { $0 = answer != nil }
      return false
    }
    thread.poke()
    #expect(try first.read(0, at: 0, count: 1) == [0])
    #expect(!agreed.withLock { $0 })
    first.disconnect()
    #expect(eventually { agreed.withLock { $0 } })
    thread.stop()
    #expect(try second.read(0, at: 0, count: 1) == [0])
  }

  @Test("clients that come and go at once are all served")
  func crowd() throws {
    let served = try Served()
    for _ in 0..<5000 {
      let client = try served.client()
      client.disconnect()
    }
    #expect(served.events.refusals == [])
  }

  @Test("a second client is refused when the first stays")
  func refused() throws {
    let served = try Served(patience: (30, 60_000, 60_000))
    let first = try served.client()
    let second = try UserClient(path: served.path)
    #expect(throws: LinuxErrno.EBUSY) { try second.negotiate() }
    #expect(eventually { served.events.refusals == ["connection 16"] })
    #expect(try first.read(0, at: 0, count: 1) == [0])
    first.disconnect()
    #expect(eventually { served.events.endings.count == 1 })
    // The first has its place until a little later.
    _ = try served.promptClient()
  }

  @Test(
    "who agrees on no version does not keep others out for ever, whatever else is said",
    arguments: [
      [], [7], [UInt8](repeating: 0, count: 15),
      // The start of a VERSION of 1 MiB; a reply to nothing.
      hex("01000100 00001000 00000000 00000000 0000"),
      hex("01000100 10000000 01000000 00000000"),
    ] as [[UInt8]])
  func silent(bytes: [UInt8]) throws {
    let served = try Served(patience: (60_000, 500, 60_000))
    var silent = try served.channel()
    // Its time may be over before it has said anything.
    while !bytes.isEmpty, (try? silent.send(bytes.span, [])) != bytes.count {
      silent = try served.channel()
    }
    let client = try served.promptClient()
    #expect(Set(served.events.endings) == ["no version was agreed on in time"])
    #expect(client.end == nil)
    silent.shutDown()
  }

  @Test("who has agreed on a version may be silent for longer")
  func patient() throws {
    let served = try Served(patience: (60_000, 1000, 60_000))
    let client = try served.promptClient()
    let before = served.events.endings
    Calls.pause(microseconds: 1_100_000)
    #expect(try client.read(0, at: 0, count: 1) == [0])
    #expect(served.events.endings == before)
  }

  @Test("a limit holds for all that is received before it is taken away")
  func limit() throws {
    let served = try Served()
    let channel = try served.channel()
    let version = Requester.message(
      UserHeader(id: 7, command: .version, byteCount: 0), [0, 0, 0, 0])
    _ = try channel.send(version.span, [])
    var reader = MessageReader()
    var files: [ReceivedFile] = []
    channel.limitReceiving(milliseconds: 0)
    do throws(MessageReader.Stop) {
      _ = try reader.next(from: channel, files: &files)
      Issue.record("a message came after the time")
    } catch {
      #expect(error.words == MessageReader.Stop.failed(.ETIMEDOUT).words)
    }
    channel.limitReceiving(milliseconds: nil)
    #expect(try reader.next(from: channel, files: &files).id == 7)
  }

  @Test("an end takes the client's connection and the socket file, and the device hears of it")
  func end() throws {
    let served = try Served()
    let client = try served.client()
    served.server.stop()
    #expect(served.device.calls.last == "detached")
    #expect(eventually { client.end != nil })
    #expect(throws: CallFailure.self) { try Calls.facts(of: served.path, followingLinks: false) }
    #expect(throws: LinuxErrno.ENOENT) { try UserClient(path: served.path) }
    served.server.stop()
    #expect(served.events.all.first == .listening(path: served.path))
  }

  @Test("the socket of a server that died is replaced, that of a living one is not")
  func stale() throws {
    let path = Served.freshPath()
    do {
      let socket = ReceivedFile(owning: try Calls.makeSocket())
      try Calls.bind(socket.descriptor, to: path)
      try Calls.listen(socket.descriptor, backlog: 1)
    }
    let first = Served.server(at: path)
    try first.start()
    let second = Served.server(at: path)
    #expect(throws: UserServer.Problem.isServed(path)) { try second.start() }
    second.stop()
    let client = try UserClient(path: path)
    _ = try client.negotiate()
    first.stop()
    let third = Served.server(at: path)
    try third.start()
    third.stop()
  }

  @Test("what is no socket stays")
  func occupied() throws {
    let path = Served.freshPath()
    try Calls.makeFile(path, [1, 2, 3], mode: 0o600)
    defer { try? Calls.removeFile(path) }
    let server = UserServer(path: path, device: SampleDevice())
    #expect(throws: UserServer.Problem.isOccupied(path)) { try server.start() }
    server.stop()
    #expect(try Calls.contents(path) == [1, 2, 3])
  }

  @Test(
    "a path that no socket can have is refused",
    arguments: ["", "/tmp/" + String(repeating: "x", count: 103), "/tmp/a\u{0}b"])
  func paths(path: String) {
    let server = UserServer(path: path, device: SampleDevice())
    #expect(throws: UserServer.Problem.path(path)) { try server.start() }
  }

  @Test("a folder that is not there is the system's error")
  func folder() {
    let server = UserServer(path: "/nowhere/at/all.sock", device: SampleDevice())
    #expect(throws: UserServer.Problem.system("bind to /nowhere/at/all.sock", .ENOENT)) {
      try server.start()
    }
  }

  @Test("another server's file is not removed")
  func replaced() throws {
    let path = Served.freshPath()
    let first = Served.server(at: path)
    try first.start()
    try Calls.removeFile(path)
    let second = Served.server(at: path)
    try second.start()
    first.stop()
    let client = try UserClient(path: path)
    _ = try client.negotiate()
    second.stop()
  }

  @Test("servers come and go without descriptors left")
  func descriptors() throws {
    let file = try memoryFile()
    for _ in 0..<20 {
      let served = try Served(SampleDevice(sharing: file))
      let client = try served.client()
      try client.map(
        UserMapping(range: 0...0xFFF, isReadable: true, isWritable: true, file: (file, 0)))
      _ = try client.region(SampleDevice.sharedRegion)
    }
    #expect(eventually { (try? openDescriptors(of: file)) == 1 })
  }
}
