import HostABI
import Synchronization
import Testing

@testable import VFIOUser

@Suite("A device's state moves to another")
struct MigrationTests {
  private static let get: UInt32 = 1 << 16
  private static let set: UInt32 = 1 << 17
  private static let probe: UInt32 = 1 << 18

  private func feature(
    _ client: UserClient, _ flags: UInt32, _ data: [UInt8] = [], room: UInt32 = 4096
  ) throws -> [UInt8] {
    Array(
      try client.ask(
        .feature, MessageBuilder().adding(room).adding(flags).adding(data).bytes
      ).payload.dropFirst(8))
  }

  private func enter(_ client: UserClient, _ state: UInt32) throws {
    _ = try feature(
      client, Self.set | 2, MessageBuilder().adding(state).adding(UInt32.max).bytes)
  }

  @Test("a state is saved by one server and resumed by another")
  func migration() throws {
    let source = SampleMigration()
    let from = try Served(SampleDevice(migrating: source))
    let client = try from.client()
    #expect(try feature(client, Self.get | 1) == hex("0100000000000000"))
    #expect(try feature(client, Self.get | 2) == hex("02000000 ffffffff"))
    let bytes = (0..<64).map { UInt8($0 * 3) }
    try client.write(0, at: 0, bytes)
    try enter(client, 3)
    #expect(source.shared.withLock { $0.path } == [1, 3])
    #expect(try feature(client, Self.get | 2) == hex("03000000 ffffffff"))
    var moved: [UInt8] = []
    while true {
      let reply = try client.ask(.readMigrationData, hex("30000000 28000000")).payload
      #expect(
        Array(reply.prefix(8))
          == MessageBuilder().adding(UInt32(reply.count)).adding(UInt32(reply.count - 8)).bytes)
      moved += reply.dropFirst(8)
      // Less than was asked for says that there is no more.
      if reply.count < 48 { break }
    }
    #expect(moved == bytes)

    let target = SampleMigration()
    let to = try Served(SampleDevice(migrating: target))
    let other = try to.client()
    try enter(other, 4)
    for start in stride(from: 0, to: 64, by: 24) {
      let piece = Array(moved[start..<min(start + 24, 64)])
      let reply = try other.ask(
        .writeMigrationData,
        MessageBuilder().adding(UInt32(8 + piece.count)).adding(UInt32(piece.count))
          .adding(piece).bytes)
      #expect(reply.payload.isEmpty)
    }
    try enter(other, 2)
    #expect(target.shared.withLock { $0.path } == [1, 4, 1, 2])
    #expect(target.shared.withLock { $0.bytes } == bytes)
  }

  @Test(
    "states are entered over the transitions of the specification",
    arguments: [
      (2, 1, 1, [1]), (2, 3, 1, [1, 3]), (2, 4, 1, [1, 4]), (3, 2, 1, [1, 2]), (4, 2, 1, [1, 2]),
      (4, 3, 1, [1, 3]), (3, 4, 1, [1, 4]), (2, 2, 1, []), (2, 6, 1, nil), (2, 0, 1, nil),
      (2, 5, 1, nil), (2, 9, 1, nil), (0, 2, 1, nil), (2, 6, 5, [6]), (6, 3, 5, [3]),
      (2, 3, 5, [1, 3]), (6, 2, 5, [2]), (6, 1, 5, [2, 1]), (1, 6, 5, [2, 6]), (3, 6, 5, nil),
      (4, 6, 5, [1, 2, 6]), (6, 4, 5, [2, 1, 4]),
    ] as [(UInt32, UInt32, UInt64, [UInt32]?)])
  func paths(start: UInt32, end: UInt32, flags: UInt64, steps: [UInt32]?) {
    #expect(MigrationPath.steps(from: start, to: end, flags: flags) == steps)
  }

  @Test("what a state does not allow is refused")
  func wrongState() throws {
    let served = try Served(SampleDevice(migrating: SampleMigration()))
    let client = try served.client()
    let write = hex("0c000000 04000000 01020304")
    #expect(throws: LinuxErrno.EINVAL) {
      try client.ask(.readMigrationData, hex("18000000 10000000"))
    }
    #expect(throws: LinuxErrno.EINVAL) { try client.ask(.writeMigrationData, write) }
    try enter(client, 3)
    #expect(throws: LinuxErrno.EINVAL) { try client.ask(.writeMigrationData, write) }
    #expect(throws: LinuxErrno.EINVAL) {
      try client.ask(.readMigrationData, hex("0c000000 10000000"))
    }
    #expect(throws: LinuxErrno.EINVAL) {
      try client.ask(.readMigrationData, hex("ffffffff 00002000"))
    }
    try enter(client, 4)
    #expect(throws: LinuxErrno.EINVAL) {
      try client.ask(.writeMigrationData, hex("0c000000 05000000 01020304"))
    }
    // What the device says of the data is the reply.
    _ = try client.ask(
      .writeMigrationData,
      MessageBuilder().adding(UInt32(68)).adding(UInt32(60)).adding(
        [UInt8](repeating: 1, count: 60)
      ).bytes)
    #expect(throws: LinuxErrno.EINVAL) {
      try client.ask(.writeMigrationData, hex("0d000000 05000000 0102030405"))
    }
  }

  @Test(
    "features are probed, and used only as they can be",
    arguments: [
      (0x4_0001, nil), (0x5_0001, nil), (0x6_0001, .EINVAL), (0x2_0001, .EINVAL), (0x7_0002, nil),
      (0x3_0002, .EINVAL), (0x0_0002, .EINVAL), (0x6_0006, nil), (0x5_0006, .EINVAL),
      (0x6_0007, nil), (0x5_0008, nil), (0x6_0008, .EINVAL), (0x4_0003, .ENOTTY),
      (0x1_0000, .ENOTTY), (0x1_ffff, .ENOTTY), (0x9_0001, .EINVAL),
    ] as [(UInt32, LinuxErrno?)])
  func probes(flags: UInt32, errno: LinuxErrno?) throws {
    let served = try Served(SampleDevice(migrating: SampleMigration()))
    let client = try served.client()
    if let errno {
      #expect(throws: errno) { try feature(client, flags) }
    } else {
      #expect(try feature(client, flags).isEmpty)
    }
  }

  @Test("a device without migration has none of it")
  func none() throws {
    let served = try Served()
    let client = try served.client()
    for index in [1, 2, 6, 7, 8] as [UInt32] {
      #expect(throws: LinuxErrno.ENOTTY) { try feature(client, Self.probe | index) }
    }
    #expect(throws: LinuxErrno.EOPNOTSUPP) { try client.ask(.dirtyPages, hex("08000000 01000000")) }
    #expect(throws: LinuxErrno.EOPNOTSUPP) {
      try client.ask(.readMigrationData, hex("18000000 10000000"))
    }
    #expect(throws: LinuxErrno.EOPNOTSUPP) {
      try client.ask(.writeMigrationData, hex("08000000 00000000"))
    }
  }

  @Test("pages that the device wrote are told once, by feature")
  func logging() throws {
    let sample = SampleMigration()
    let served = try Served(SampleDevice(migrating: sample))
    let client = try served.client()
    func report(_ address: UInt64, _ byteCount: UInt64, _ pageSize: UInt64) throws -> [UInt8] {
      Array(
        try feature(
          client, Self.get | 8,
          MessageBuilder().adding(address).adding(byteCount).adding(pageSize).bytes
        ).dropFirst(24))
    }
    #expect(throws: LinuxErrno.EINVAL) { try report(0, 0x1000, 0x1000) }
    let start = MessageBuilder().adding(UInt64(4096)).adding(UInt32(1)).adding(UInt32(0))
      .adding(UInt64(0x10000)).adding(UInt64(0x80000)).bytes
    #expect(try feature(client, Self.set | 6, start) == start)
    #expect(throws: LinuxErrno.EINVAL) { try feature(client, Self.set | 6, start) }
    for address in [0x10000, 0x10FFF, 0x13000, 0x8F000, 0x90000] as [UInt64] {
      sample.writes(address)
    }
    #expect(try report(0x10000, 0x80000, 4096) == hex("0900000000000000 0000000000000080"))
    #expect(try report(0x10000, 0x80000, 4096) == hex("0000000000000000 0000000000000000"))
    sample.writes(0x12000)
    // A page twice as large, and a range of few bits.
    #expect(try report(0x10000, 0x8000, 8192) == hex("0200000000000000"))
    for wrong in [
      (0, 0x1000, 0x1001), (0, 0x1000, 0x800), (1, 0x1000, 0x1000), (0, 0, 0x1000),
      (UInt64.max - 0xFFF, 0x2000, 0x1000), (0, 1 << 63, 0x1000),
    ] as [(UInt64, UInt64, UInt64)] {
      #expect(throws: LinuxErrno.EINVAL) { try report(wrong.0, wrong.1, wrong.2) }
    }
    _ = try feature(client, Self.set | 7)
    _ = try feature(client, Self.set | 7)
    #expect(throws: LinuxErrno.EINVAL) { try report(0, 0x1000, 0x1000) }
  }

  @Test("pages that the device wrote are told as early versions asked, and when they are unmapped")
  func dirtyPages() throws {
    let sample = SampleMigration()
    let served = try Served(SampleDevice(migrating: sample))
    let client = try served.client()
    try client.map(
      UserMapping(range: 0x4000...0x7FFF, isReadable: true, isWritable: true, file: nil))
    let start = hex("08000000 01000000")
    #expect(try client.ask(.dirtyPages, start).payload.isEmpty)
    sample.writes(0x4000)
    sample.writes(0x6000)
    let ask = hex(
      "30000000 04000000 0040000000000000 0040000000000000 0010000000000000 0800000000000000")
    #expect(try client.ask(.dirtyPages, ask).payload == ask + hex("0500000000000000"))
    sample.writes(0x7000)
    #expect(try client.unmap(0x4000...0x7FFF, pageSize: 4096) == hex("0800000000000000"))
    #expect(throws: LinuxErrno.ENOENT) { try client.unmap(0x4000...0x7FFF, pageSize: 4096) }
    #expect(throws: LinuxErrno.EINVAL) { try client.ask(.dirtyPages, start) }
    #expect(try client.ask(.dirtyPages, hex("08000000 02000000")).payload.isEmpty)
    #expect(throws: LinuxErrno.EINVAL) { try client.ask(.dirtyPages, ask) }
    #expect(throws: LinuxErrno.EINVAL) { try client.ask(.dirtyPages, hex("08000000 03000000")) }
    #expect(throws: LinuxErrno.EINVAL) { try client.ask(.dirtyPages, hex("08000000 00000000")) }
  }

  @Test("tracking ends with the client")
  func trackingEnds() throws {
    let sample = SampleMigration()
    let served = try Served(SampleDevice(migrating: sample))
    let client = try served.client()
    _ = try client.ask(.dirtyPages, hex("08000000 01000000"))
    #expect(sample.shared.withLock { $0.ranges != nil })
    client.disconnect()
    #expect(eventually { sample.shared.withLock { $0.ranges == nil } })
    let next = try served.client()
    _ = try next.ask(.dirtyPages, hex("08000000 01000000"))
  }
}
