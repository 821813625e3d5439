import HostABI
import Synchronization
import Testing

@testable import VFIOUser

@Suite("Clients read messages about their memory in two ways")
struct MemoryFormTests {
  private func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
  }

  @Test(
    "what is written to QEMU 10.1 is there, where it should be, and is read again",
    arguments: [1, 3, 4, 4096, 100_000])
  func transfer(count: Int) throws {
    let served = try Served()
    let client = try NarrowClient(served)
    defer { client.disconnect() }
    #expect(eventually { served.device.peer != nil })
    let peer = try #require(served.device.peer)
    let bytes = bytes(count)
    try peer.write(0x1000, bytes.span)
    let seen = client.memory.withLock { Array($0[0xFFC..<0x1000 + count + 8]) }
    #expect(seen == [0, 0, 0, 0] + bytes + [UInt8](repeating: 0, count: 8))
    var read = [UInt8](repeating: 0xAA, count: count)
    var span = read.mutableSpan
    try peer.read(0x1000, into: &span)
    #expect(read == bytes)
    #expect(served.events.refusals == [])
    // The question first, once.
    #expect(client.writes.withLock { $0 } == [0, count])
  }

  @Test("zeros are read as zeros, and what follows them in its place")
  func zeros() throws {
    let served = try Served()
    let client = try NarrowClient(served)
    defer { client.disconnect() }
    #expect(eventually { served.device.peer != nil })
    let peer = try #require(served.device.peer)
    client.memory.withLock { $0[0x2004] = 9 }
    var read = [UInt8](repeating: 0xAA, count: 8)
    var span = read.mutableSpan
    try peer.read(0x2000, into: &span)
    #expect(read == [0, 0, 0, 0, 9, 0, 0, 0])
  }

  @Test("posted writes wait for the answer, and go in their order", arguments: [true, false])
  func post(isNarrow: Bool) throws {
    let served = try Served()
    let narrow = isNarrow ? try NarrowClient(served) : nil
    defer { narrow?.disconnect() }
    let memory = SampleMemory()
    var capabilities = UserCapabilities()
    capabilities.canWriteMany = true
    let usual = isNarrow ? nil : try served.client(memory, capabilities)
    #expect(eventually { served.device.peer != nil })
    let peer = try #require(served.device.peer)
    for value in UInt8(1)...40 {
      let message = [value, 0xB0, 0xC0, 0xD0]
      let isTaken = peer.post(0x1000, message.span)
      #expect(isTaken)
    }
    let last: [UInt8] = [40, 0xB0, 0xC0, 0xD0, 0]
    #expect(
      eventually {
        narrow?.memory.withLock { Array($0[0x1000..<0x1005]) == last }
          ?? memory.bytes.withLock { Array($0[0x1000..<0x1005]) == last }
      })
    let question = isNarrow ? [0] : []
    let counts =
      narrow?.writes.withLock { $0 } ?? memory.writes.withLock { $0.map(\.count) }
    #expect(counts == question + [Int](repeating: 4, count: 40))
    #expect(served.events.refusals == [])
    withExtendedLifetime(usual) {}
  }

  @Test("a client that does not answer holds a few posted writes, and no more")
  func silence() throws {
    let served = try Served(replyMilliseconds: 50)
    var capabilities = UserCapabilities()
    capabilities.canWriteMany = true
    let client = try served.client(nil, capabilities)
    let peer = try #require(served.device.peer)
    let message: [UInt8] = [1, 2, 3, 4]
    let taken = (0..<100).count { _ in peer.post(0, message.span) }
    #expect(taken == 64)
    #expect(throws: LinuxErrno.EIO) { try peer.write(0, message.span) }
    // The connection goes on.
    #expect(try client.read(0, at: 0, count: 1) == [0])
    client.disconnect()
    #expect(eventually { served.device.peer == nil })
    let isTaken = peer.post(0, message.span)
    #expect(!isTaken)
  }

  @Test("who says what no QEMU says is asked nothing")
  func others() throws {
    let served = try Served()
    let memory = SampleMemory()
    let client = try UserClient(path: served.path, memory: memory)
    var capabilities = UserCapabilities()
    capabilities.canWriteMany = true
    _ = try client.negotiate(version: (0, 1), capabilities)
    let peer = try #require(served.device.peer)
    let message: [UInt8] = [1, 2, 3, 4]
    var asked = 0
    let isTaken = peer.post(
      0x10, message.span,
      while: {
        asked += 1; return true
      })
    #expect(isTaken && asked == 1)
    #expect(eventually { memory.writes.withLock { $0.count } == 1 })
  }

  @Test("a gate that cannot be asked in time lets nothing through")
  func gate() throws {
    let served = try Served()
    let client = try NarrowClient(served)
    defer { client.disconnect() }
    #expect(eventually { served.device.peer != nil })
    let peer = try #require(served.device.peer)
    let message: [UInt8] = [1, 2, 3, 4]
    let calls = Mutex(0)
    peer.whenReady {
      // Nothing of the peer's is locked, so that what was refused can go from here.
      let isTaken = peer.post(0x10, message.span, while: { true })
      if isTaken { calls.withLock { $0 += 1 } }
    }
    let early = peer.post(0x10, message.span, while: { true })
    #expect(!early)
    #expect(eventually { calls.withLock { $0 } == 1 })
    #expect(eventually { client.memory.withLock { Array($0[0x10..<0x14]) } == message })
  }
}
