import HostABI
import HostSystem
import Synchronization
import TestSupport
import Testing

@testable import VFIOUser

@Suite("Memory is mapped and unmapped whole")
struct MappingTests {
  private func mapping(
    _ first: UInt64, _ last: UInt64, file: (file: ReceivedFile, offset: UInt64)? = nil
  ) -> UserMapping {
    UserMapping(range: first...last, isReadable: true, isWritable: true, file: file)
  }

  @Test("a mapping reaches the device with its descriptor, which lives as long as it")
  func descriptor() throws {
    let served = try Served()
    let client = try served.client()
    let file = try memoryFile(0x8000)
    try client.map(mapping(0x1000, 0x4FFF, file: (file, 0x2000)))
    try client.map(
      UserMapping(range: 0x10000...0x10FFF, isReadable: true, isWritable: false, file: nil))
    let seen = served.device.state.withLock { $0.mappings }
    #expect(seen.map(\.range) == [0x1000...0x4FFF, 0x10000...0x10FFF])
    #expect(seen[0].isReadable && seen[0].isWritable && seen[1].isReadable && !seen[1].isWritable)
    let received = try #require(seen[0].file)
    #expect(received.offset == 0x2000 && seen[1].file == nil)
    #expect(
      try Calls.facts(of: received.file.descriptor).identity
        == Calls.facts(of: file.descriptor).identity)
  }

  @Test(
    "what overlaps a mapping exists already",
    arguments: [
      (0x1000, 0x1FFF), (0, 0x1FFF), (0x3000, 0x3FFF), (0x3000, 0x9FFF), (0, 0x9FFF),
      (0x2000, 0x2FFF), (0, UInt64.max),
    ] as [(UInt64, UInt64)])
  func overlap(first: UInt64, last: UInt64) throws {
    let served = try Served()
    let client = try served.client()
    try client.map(mapping(0x1000, 0x3FFF))
    if last == .max {
      // All addresses are more bytes than a size says; the top half alone does not overlap.
      try client.map(mapping(1 << 63, .max))
      return
    }
    #expect(throws: LinuxErrno.EEXIST) { try client.map(mapping(first, last)) }
    try client.map(mapping(0x4000, 0x4FFF))
    try client.map(mapping(0, 0xFFF))
  }

  @Test("a range takes the mappings that are wholly in it, and cuts none")
  func unmapping() throws {
    let served = try Served()
    let client = try served.client()
    for page in [0x1000, 0x2000, 0x5000, 0x9000] as [UInt64] {
      try client.map(mapping(page, page + 0xFFF))
    }
    try client.map(mapping(0x10000, 0x1FFFF))
    // Nothing there is no error: a client behind an IOMMU of its own asks for ranges of any size.
    try client.unmap(0x3000...0x4FFF)
    #expect(throws: LinuxErrno.ENOENT) { try client.unmap(0x10000...0x10FFF) }
    #expect(throws: LinuxErrno.ENOENT) { try client.unmap(0x9000...0x10FFF) }
    try client.unmap(0x5000...0x5FFF)
    try client.unmap(0x0000...0x3FFF)
    #expect(
      served.device.calls.suffix(3)
        == ["unmap 20480...24575", "unmap 8192...12287", "unmap 4096...8191"])
    try client.unmap(nil)
    #expect(
      served.device.calls.suffix(2) == ["unmap 65536...131071", "unmap 36864...40959"])
    // Nothing left is no error when all is meant.
    try client.unmap(nil)
    try client.unmap(0x10000...0x1FFFF)
  }

  @Test("one mapping more than is told in the version is refused, until another goes")
  func limit() throws {
    let served = try Served()
    let client = try UserClient(path: served.path)
    let told = try #require(try client.negotiate().capabilities.maximumMappings)
    #expect(told == UInt64(UserMapping.limit))
    func map(_ index: UInt64) throws {
      try client.map(
        UserMapping(
          range: (index << 12)...(index << 12 | 0xFFF), isReadable: true, isWritable: true,
          file: nil))
    }
    for index in 0..<told { try map(index) }
    #expect(throws: LinuxErrno.ENOSPC) { try map(told) }
    #expect(served.device.state.withLock { $0.mappings.count } == UserMapping.limit)
    try client.unmap(0x5000...0x5FFF)
    try map(told)
  }

  @Test("an unmapping is answered with what was asked")
  func reply() throws {
    let served = try Served()
    let client = try served.client()
    try client.map(mapping(0x1000, 0x1FFF))
    let message = hex("18000000 00000000 0010000000000000 0010000000000000")
    #expect(try client.ask(.unmapDMA, message).payload == message)
    #expect(
      try client.ask(
        .mapDMA, hex("20000000 03000000 00000000 00000000 00100000 00000000 00100000 00000000")
      ).payload == [])
  }

  @Test("the table finds what a list finds", arguments: 0..<20 as Range<UInt64>)
  func table(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var table = MappingTable()
    var list: [ClosedRange<UInt64>] = []
    for _ in 0..<400 {
      let first = UInt64.random(in: 0..<64, using: &random)
      let range = first...(first + UInt64.random(in: 0..<8, using: &random))
      let overlapping = list.filter { $0.overlaps(range) }
      #expect(table.overlaps(range) == !overlapping.isEmpty)
      let isWhole = overlapping.allSatisfy {
        range.contains($0.lowerBound) && range.contains($0.upperBound)
      }
      let found = table.whole(in: range)
      #expect((found != nil) == isWhole)
      if overlapping.isEmpty {
        table.insert(range)
        list.append(range)
      } else if let found, Bool.random(using: &random) {
        #expect(Set(table.ranges[found]) == Set(overlapping))
        table.remove(found)
        list.removeAll { overlapping.contains($0) }
      }
      #expect(table.ranges == list.sorted { $0.lowerBound < $1.lowerBound })
    }
  }
}
