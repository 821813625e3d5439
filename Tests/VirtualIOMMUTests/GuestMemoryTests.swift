import HostSystem
import Hardware
import IOMMU
import Synchronization
import Testing
import VirtualIOMMU

/// Pages of another process, as a VMM may answer for them.
private final class OtherMemory: ForeignMemory {
  private let bytes = Mutex([UInt8](repeating: 0, count: 8192))

  private func offset(_ address: HostAddress) -> Int { Int(address.address - 0x4000) }

  func load(at address: HostAddress) -> UInt64? {
    bytes.withLock { $0.span.little(at: offset(address)) }
  }

  func compareExchange(
    at address: HostAddress, _ expected: UInt64, _ desired: UInt64
  ) -> Bool? {
    bytes.withLock { bytes in
      guard bytes.span.little(UInt64.self, at: offset(address)) == expected else { return false }
      var span = bytes.mutableSpan
      span.storeLittle(desired, at: offset(address))
      return true
    }
  }

  func read(from address: HostAddress, into target: inout MutableSpan<UInt8>) -> Bool {
    bytes.withLock { bytes in
      for index in 0..<target.count { target[index] = bytes[offset(address) + index] }
      return true
    }
  }

  func write(to address: HostAddress, from source: Span<UInt8>) -> Bool {
    bytes.withLock { bytes in
      for index in 0..<source.count { bytes[offset(address) + index] = source[index] }
      return true
    }
  }
}

@Suite("Guest memory")
struct GuestMemoryTests {
  private static func memory(_ isForeign: Bool) throws -> (GuestMemory, AnonymousMemory) {
    let pages = try AnonymousMemory(byteCount: 8192)
    let table = PagingTable(foreign: OtherMemory())
    try table.map(
      IOVA(0x10000), byteCount: 8192,
      to: isForeign ? HostAddress(0x4000, space: 3) : HostAddress(pages.address),
      allowing: [.read, .write])
    return (GuestMemory(table), pages)
  }

  @Test("words and entries come back as they were written", arguments: [false, true])
  func words(isForeign: Bool) throws {
    let (memory, pages) = try Self.memory(isForeign)
    let place = GuestPhysicalAddress(0x10040)
    let four: InlineArray<4, UInt64> = [1, 2, 3, 4]
    #expect(memory.write(four, at: place))
    #expect(memory.load(GuestPhysicalAddress(0x10058)) == 4)
    guard let back: InlineArray<4, UInt64> = memory.words(at: place),
      let eight: InlineArray<8, UInt64> = memory.words(at: place)
    else {
      Issue.record("no words")
      return
    }
    #expect(back.indices.map { back[$0] } == [1, 2, 3, 4])
    #expect(eight.indices.map { eight[$0] } == [1, 2, 3, 4, 0, 0, 0, 0])
    #expect(memory.store(0xDEAD_BEEF as UInt32, at: GuestPhysicalAddress(0x1004C)))
    #expect(memory.load(GuestPhysicalAddress(0x10048)) == 0xDEAD_BEEF_0000_0002)
    #expect(memory.store(7 as UInt64, at: place))
    #expect(memory.compareExchange(place, 8, 9) == false)
    #expect(memory.compareExchange(place, 7, 9) == true)
    #expect(memory.load(place) == 9)
    _ = pages
  }

  @Test("bytes go across pages", arguments: [false, true])
  func bytes(isForeign: Bool) throws {
    let (memory, pages) = try Self.memory(isForeign)
    let bytes = (0..<32).map { UInt8($0) }
    let isWritten = memory.write(to: GuestPhysicalAddress(0x10FF0), from: bytes.span)
    var back = [UInt8](repeating: 0, count: 32)
    var span = back.mutableSpan
    let isRead = memory.read(from: GuestPhysicalAddress(0x10FF0), into: &span)
    #expect(isWritten && isRead && back == bytes)
    let isBeyond = memory.write(to: GuestPhysicalAddress(0x11FF0), from: bytes.span)
    #expect(!isBeyond)
    _ = pages
  }

  @Test(
    "what is misaligned or not there is nothing",
    arguments: [0x10001, 0x10004, 0x0, 0x12000, 0xFFF8, .max & ~7, 1 << 63] as [UInt64])
  func nothing(address: UInt64) throws {
    let (memory, pages) = try Self.memory(false)
    let place = GuestPhysicalAddress(address)
    #expect(memory.load(place) == nil)
    #expect(!memory.store(1 as UInt64, at: place))
    #expect(memory.compareExchange(place, 0, 1) == nil)
    if address != 0x10004 { #expect(!memory.store(1 as UInt32, at: place)) }
    let words: InlineArray<8, UInt64>? = memory.words(at: place)
    #expect(words == nil)
    _ = pages
  }

  @Test("memory that was taken away is not used after the invalidation")
  func removal() throws {
    let (memory, pages) = try Self.memory(false)
    let place = GuestPhysicalAddress(0x10000)
    #expect(memory.load(place) == 0)
    try memory.table.unmap(IOVA(0x10000), byteCount: 4096)
    memory.invalidateAll()
    #expect(memory.load(place) == nil)
    _ = pages
  }

  @Test("what is written is noted as dirty")
  func dirty() throws {
    let (memory, pages) = try Self.memory(false)
    memory.table.setDirtyTracking(true)
    memory.invalidateAll()
    _ = memory.load(GuestPhysicalAddress(0x10000))
    #expect(memory.store(1 as UInt32, at: GuestPhysicalAddress(0x11000)))
    var found: [UInt64] = []
    try memory.table.forEachDirtyPage(from: IOVA(0x10000), byteCount: 8192, clearing: false) {
      found.append($0.rawValue)
    }
    #expect(found == [0x11000])
    _ = pages
  }
}
