import HostABI
import HostSystem
import Synchronization
import TestSupport
import Testing

@testable import VFIOUser

@Suite("A device reaches the memory of its client")
struct PeerTests {
  private func read(_ peer: any UserPeer, _ address: UInt64, _ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    try peer.read(address, into: &span)
    return bytes
  }

  private func write(_ peer: any UserPeer, _ address: UInt64, _ bytes: [UInt8]) throws {
    try peer.write(address, bytes.span)
  }

  @Test(
    "what was written is read, in pieces of the size that was agreed on",
    arguments: [
      (1, nil), (4096, nil), (1 << 20, nil), (3 << 20, nil), (100_001, 4096), (10_000, 8),
    ] as [(Int, UInt64?)])
  func transfer(count: Int, limit: UInt64?) throws {
    let served = try Served()
    let memory = SampleMemory()
    var capabilities = UserCapabilities()
    capabilities.maximumTransfer = limit
    let client = try served.client(memory, capabilities)
    let peer = try #require(served.device.peer)
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ $0 >> 8) }
    try write(peer, 0x1234, bytes)
    let read = try read(peer, 0x1234, count)
    #expect(read == bytes)
    let largest = memory.writes.withLock { $0.map(\.count).max() } ?? 0
    #expect(largest <= Int(limit ?? 1 << 20))
    #expect(client.end == nil)
  }

  @Test("a posted write arrives, and nobody waits for it")
  func post() throws {
    let served = try Served()
    let memory = SampleMemory()
    let client = try served.client(memory)
    let peer = try #require(served.device.peer)
    for value in UInt8(0)..<100 {
      let message = [value, 0, 0, 0]
      let isTaken = peer.post(0x1000, message.span)
      #expect(isTaken)
    }
    #expect(eventually { memory.writes.withLock { $0.count } == 100 })
    #expect(memory.bytes.withLock { $0[0x1000] } == 99)
    let long = [UInt8](repeating: 0, count: 4097)
    let isTaken = peer.post(0, long.span)
    #expect(!isTaken)
    #expect(client.end == nil)
  }

  @Test("the client's errno is the device's, and a refused posted write is for the log")
  func refusals() throws {
    let served = try Served()
    let client = try served.client(SampleMemory())
    let peer = try #require(served.device.peer)
    #expect(throws: LinuxErrno.EFAULT) { try read(peer, .max - 7, 8) }
    #expect(throws: LinuxErrno.EFAULT) { try write(peer, 1 << 40, [1]) }
    let message: [UInt8] = [1, 2, 3, 4]
    let isTaken = peer.post(1 << 40, message.span)
    #expect(isTaken)
    #expect(eventually { served.events.refusals == ["DMA_WRITE 14"] })
    #expect(client.end == nil)
  }

  @Test("on the connection's own thread a wait fails at once, and a posted write does not")
  func ownThread() throws {
    let served = try Served()
    let memory = SampleMemory()
    let client = try served.client(memory)
    let found = Mutex<[LinuxErrno]>([])
    let device = served.device
    device.state.withLock { state in
      state.atLastByte = { [weak device] in
        guard let peer = device?.peer else { return }
        var bytes = [UInt8](repeating: 0, count: 4)
        do throws(LinuxErrno) {
          var span = bytes.mutableSpan
          try peer.read(0, into: &span)
        } catch {
          found.withLock { $0.append(error) }
        }
        do throws(LinuxErrno) { try peer.write(0, bytes.span) } catch {
          found.withLock { $0.append(error) }
        }
        _ = peer.post(8, bytes.span)
      }
    }
    _ = try client.read(0, at: 4095, count: 1)
    #expect(found.withLock { $0 } == [.EDEADLOCK, .EDEADLOCK])
    #expect(eventually { memory.writes.withLock { $0.count } == 1 })
  }

  @Test("a client that does not answer is not waited for longer than the limit")
  func timeout() throws {
    let served = try Served(replyMilliseconds: 50)
    let client = try served.client()
    let peer = try #require(served.device.peer)
    #expect(throws: LinuxErrno.EIO) { try read(peer, 0, 4) }
    #expect(served.events.all.contains(.replyTimeout(message: "DMA_READ")))
    // The connection goes on.
    #expect(try client.read(0, at: 0, count: 1) == [0])
  }

  @Test("an answer that comes too late, twice, or to nothing does no harm")
  func lateReplies() throws {
    let served = try Served(replyMilliseconds: 50)
    let client = try served.client()
    let peer = try #require(served.device.peer)
    #expect(throws: LinuxErrno.EIO) { try read(peer, 0x40, 4) }
    func reply(_ id: UInt16, _ command: UserCommand = .readDMA) -> [UInt8] {
      Requester.message(
        UserHeader(id: id, command: command, byteCount: 0, flags: UserHeader.reply),
        MessageBuilder().adding(UInt64(0x40)).adding(UInt64(4)).adding([1, 2, 3, 4]).bytes)
    }
    client.sendRaw(reply(0))
    client.sendRaw(reply(0))
    client.sendRaw(reply(999, .reset))
    #expect(try client.read(0, at: 0, count: 1) == [0])
    // The second and the third were to nothing.
    #expect(served.events.refusals == ["DMA_READ 0", "DEVICE_RESET 0"])
    #expect(throws: LinuxErrno.EIO) { try read(peer, 0x40, 4) }
  }

  @Test("an answer of the wrong size, place or kind is none", arguments: 0..<5)
  func wrongReplies(kind: Int) throws {
    let served = try Served(replyMilliseconds: 300)
    let channel = try served.channel()
    var reader = MessageReader()
    var files: [ReceivedFile] = []
    let version = Requester.message(
      UserHeader(id: 7, command: .version, byteCount: 0), [0, 0, 0, 0])
    _ = try channel.send(version.span, [])
    _ = try reader.next(from: channel, files: &files)
    let peer = try #require(served.device.peer)
    let result = Mutex<Result<[UInt8], any Error>?>(nil)
    let thread = ServiceThread {
      let answer = Result { try self.read(peer, 0x1000, 8) }
      result.withLock { $0 = answer }
      return false
    }
    thread.poke()
    let header = try reader.next(from: channel, files: &files)
    #expect(header.command == .readDMA)
    var reply = header
    reply.flags = UserHeader.reply
    var place = MessageBuilder().adding(UInt64(0x1000)).adding(UInt64(8))
    switch kind {
    case 0: break  // The place, and no bytes.
    case 1: place = place.adding([UInt8](repeating: 1, count: 9))
    case 2:
      place = MessageBuilder().adding(UInt64(0x2000)).adding(UInt64(8))
        .adding([UInt8](repeating: 1, count: 8))
    case 3: reply.command = .writeDMA
    default:
      reply.flags |= UserHeader.failed
      place = MessageBuilder()
    }
    let message = Requester.message(reply, place.bytes)
    _ = try channel.send(message.span, [])
    #expect(eventually { result.withLock { $0 != nil } })
    #expect(throws: LinuxErrno.EIO) { try result.withLock { $0 }?.get() }
    thread.stop()
  }

  @Test(
    "no write comes behind the answer to what shut the device's gate", arguments: [true, false])
  func gate(isPosted: Bool) throws {
    let served = try Served()
    let memory = SampleMemory()
    let client = try served.client(memory)
    let peer = try #require(served.device.peer)
    let isOpen = Mutex(false)
    served.device.state.withLock { state in
      state.atLastByte = { isOpen.withLock { $0 = false } }
    }
    for _ in 0..<30 {
      isOpen.withLock { $0 = true }
      let before = memory.writes.withLock { $0.count }
      let ending = Mutex<LinuxErrno?>(nil)
      let thread = ServiceThread {
        let bytes: [UInt8] = [1, 2, 3, 4]
        do throws(LinuxErrno) {
          if isPosted {
            // Refused when the client is behind, too.
            let isTaken = peer.post(0, bytes.span, while: { isOpen.withLock { $0 } })
            if !isTaken, !isOpen.withLock({ $0 }) { throw .EPERM }
          } else {
            try peer.write(0, bytes.span, while: { isOpen.withLock { $0 } })
          }
          return true
        } catch {
          ending.withLock { $0 = error }
          return false
        }
      }
      thread.poke()
      #expect(eventually { memory.writes.withLock { $0.count } > before })
      _ = try client.read(0, at: 4095, count: 1)
      let after = memory.writes.withLock { $0.count }
      #expect(eventually { ending.withLock { $0 } == .EPERM })
      thread.stop()
      // Answers are in order, so whatever came before this one is there.
      _ = try client.read(0, at: 0, count: 1)
      #expect(memory.writes.withLock { $0.count } == after)
    }
    var bytes: [UInt8] = [0]
    #expect(throws: LinuxErrno.EPERM) {
      var span = bytes.mutableSpan
      try peer.read(0, into: &span, while: { false })
    }
    #expect(client.end == nil)
  }

  @Test("whoever waits wakes when the client is gone")
  func disconnection() throws {
    let served = try Served(replyMilliseconds: 60_000)
    let client = try served.client()
    let peer = try #require(served.device.peer)
    let endings = Mutex<[LinuxErrno]>([])
    let threads = (0..<4).map { _ in
      ServiceThread {
        var bytes = [UInt8](repeating: 0, count: 4)
        do throws(LinuxErrno) {
          var span = bytes.mutableSpan
          try peer.read(0, into: &span)
        } catch {
          endings.withLock { $0.append(error) }
        }
        return false
      }
    }
    for thread in threads { thread.poke() }
    #expect(eventually { client.unansweredCount == 4 })
    client.disconnect()
    #expect(eventually { endings.withLock { $0.count } == 4 })
    #expect(endings.withLock { $0 }.allSatisfy { $0 == .EIO })
    for thread in threads { thread.stop() }
    // The way back of a client that is gone stays useless.
    #expect(throws: LinuxErrno.EIO) { try read(peer, 0, 4) }
    let message: [UInt8] = [1]
    let isTaken = peer.post(0, message.span)
    #expect(!isTaken)
    #expect(!served.events.all.contains(.replyTimeout(message: "DMA_READ")))
  }

  @Test("many threads on both sides never mix their messages")
  func threads() throws {
    let served = try Served()
    let memory = SampleMemory()
    let client = try served.client(memory)
    let peer = try #require(served.device.peer)
    let mistakes = Mutex<[String]>([])
    let running = Mutex(8)
    let threads = (0..<8).map { number in
      ServiceThread {
        var random = SplitMix64(seed: UInt64(number))
        for _ in 0..<40 {
          let count = Int.random(in: 1...6000, using: &random)
          let start = UInt64(number) * 0x1_0000
          let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &+ number) }
          do {
            if number < 4 {
              try self.write(peer, start, bytes)
              if try self.read(peer, start, count) != bytes {
                mistakes.withLock { $0.append("memory \(number)") }
              }
              let one: [UInt8] = [1, 2, 3, 4]
              _ = peer.post(0x20_0000, one.span)
            } else {
              try client.write(SampleDevice.bigRegion, at: start, bytes)
              if try client.read(SampleDevice.bigRegion, at: start, count: count) != bytes {
                mistakes.withLock { $0.append("region \(number)") }
              }
            }
          } catch {
            mistakes.withLock { $0.append("\(error)") }
          }
        }
        running.withLock { $0 -= 1 }
        return false
      }
    }
    for thread in threads { thread.poke() }
    #expect(eventually { running.withLock { $0 } == 0 })
    for thread in threads { thread.stop() }
    #expect(mistakes.withLock { $0 } == [])
    #expect(client.end == nil && served.events.refusals.isEmpty)
  }

  @Test("a client that takes nothing stops the posted writes, not who posts them")
  func slowClient() throws {
    let served = try Served()
    let channel = try served.channel()
    let version = Requester.message(
      UserHeader(id: 0, command: .version, byteCount: 0), [0, 0, 0, 0])
    _ = try channel.send(version.span, [])
    #expect(eventually { served.device.peer != nil })
    let peer = try #require(served.device.peer)
    let bytes = [UInt8](repeating: 7, count: 4096)
    var count = 0
    while count < 10_000 {
      let isTaken = peer.post(0, bytes.span)
      guard isTaken else { break }
      count += 1
    }
    #expect(count < 10_000)
    // All that were taken arrive, whole and in order.
    var reader = MessageReader()
    var files: [ReceivedFile] = []
    let first = try reader.next(from: channel, files: &files)
    #expect(first.command == .version)
    for _ in 0..<count {
      let header = try reader.next(from: channel, files: &files)
      #expect(header.command == .writeDMA && header.byteCount == 16 + 16 + 4096)
    }
  }
}
