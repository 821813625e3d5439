import HostSystem
import Hardware
import IOMMU
import Synchronization
import TestSupport
import Testing

/// Memory of another process, played by an array.
final class PlayedMemory: ForeignMemory {
  static let space = 7
  private let bytes = Mutex([UInt8](repeating: 0, count: 16 * 4096))

  func address(_ page: Int) -> HostAddress { HostAddress(UInt64(page) << 12, space: Self.space) }

  subscript(_ offset: Int) -> UInt8 {
    get { bytes.withLock { $0[offset] } }
    set { bytes.withLock { $0[offset] = newValue } }
  }

  func setWord(_ value: UInt64, at offset: Int) {
    for index in 0..<8 {
      self[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
    }
  }

  private func offset(_ address: HostAddress, _ count: Int) -> Int? {
    let end = address.address + UInt64(count)
    return address.space == Self.space && end <= 16 * 4096 ? Int(address.address) : nil
  }

  func load(at address: HostAddress) -> UInt64? {
    guard let offset = offset(address, 8) else { return nil }
    return (0..<8).reduce(0) { $0 | UInt64(self[offset + $1]) << (8 * UInt64($1)) }
  }

  func compareExchange(at address: HostAddress, _ expected: UInt64, _ desired: UInt64) -> Bool? {
    guard let offset = offset(address, 8) else { return nil }
    guard load(at: address) == expected else { return false }
    setWord(desired, at: offset)
    return true
  }

  func read(from address: HostAddress, into target: inout MutableSpan<UInt8>) -> Bool {
    guard let offset = offset(address, target.count) else { return false }
    for index in 0..<target.count { target[index] = self[offset + index] }
    return true
  }

  func write(to address: HostAddress, from source: Span<UInt8>) -> Bool {
    guard let offset = offset(address, source.count) else { return false }
    for index in 0..<source.count { self[offset + index] = source[index] }
    return true
  }
}

@Suite("Moves of bytes through translations")
struct DMAMoveTests {
  private let guest: GuestMemory
  private let unit = TranslationUnit()
  private let context: TranslationContext

  init() throws {
    guest = try GuestMemory(pages: 16)
    context = TranslationContext(.paging(guest.stage2), tag: 1)
  }

  @Test(
    "what is written is read back, across pages",
    arguments: [(0, 1), (4095, 2), (0, 4096), (1, 4096), (100, 20_000), (5, 0)])
  func writeAndRead(offset: UInt64, count: Int) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
    let written = unit.withDMA { dma in dma.write(to: IOVA(offset), from: bytes.span, for: context)
    }
    #expect(written == .init(byteCount: count))
    var read = [UInt8](repeating: 0, count: count)
    var span = read.mutableSpan
    let outcome = unit.withDMA { dma in dma.read(from: IOVA(offset), into: &span, for: context) }
    #expect(outcome == .init(byteCount: count) && read == bytes)
  }

  @Test("they stop at the first page that is refused, and say how far they came")
  func fault() throws {
    try guest.remap(2, .read)
    let bytes = [UInt8](repeating: 9, count: 3 * 4096)
    let outcome = unit.withDMA { dma in dma.write(to: IOVA(100), from: bytes.span, for: context) }
    #expect(outcome.byteCount == 2 * 4096 - 100)
    guard case .fault(let fault) = outcome.obstacle else { return #expect(Bool(false)) }
    #expect(fault.address == IOVA(2 << 12) && fault.reason == .vtd(.secondStagePermission))
    #expect(
      guest.memory.read(at: Int(guest.host(1).address - guest.memory.address), count: 1) == [9])
  }

  @Test("copies of any alignment", arguments: 0..<20)
  func copies(seed: Int) {
    var random = SplitMix64(seed: UInt64(seed))
    var model = (0..<16 * 4096).map { _ in UInt8.random(in: 0...255, using: &random) }
    _ = unit.withDMA { dma in dma.write(to: IOVA(0), from: model.span, for: context) }
    let count = Int.random(in: 0...20_000, using: &random)
    let source = Int.random(in: 0..<8192, using: &random)
    let target = 32768 + Int.random(in: 0..<8192, using: &random)
    let outcome = unit.withDMA { dma in
      dma.copy(
        count, from: IOVA(UInt64(source)), of: context, to: IOVA(UInt64(target)), of: context)
    }
    #expect(outcome == .init(byteCount: count))
    model.replaceSubrange(target..<target + count, with: model[source..<source + count])
    var found = [UInt8](repeating: 0, count: model.count)
    var span = found.mutableSpan
    _ = unit.withDMA { dma in dma.read(from: IOVA(0), into: &span, for: context) }
    #expect(found == model)
  }

  @Test("addresses wrap at the end of their space, which ends most moves")
  func wrapping() {
    let bytes = [UInt8](repeating: 1, count: 100)
    let outcome = unit.withDMA { dma in
      dma.write(to: IOVA(.max - 10), from: bytes.span, for: context)
    }
    #expect(outcome.byteCount == 0 && outcome.obstacle != nil)
  }

  @Test("pages of another process are reached through whoever answers for them")
  func foreign() throws {
    let other = PlayedMemory()
    try guest.stage2.map(
      IOVA(16 << 12), byteCount: 4 << 12, to: other.address(3), allowing: [.read, .write])
    let asked = TranslationUnit(foreign: other)
    let bytes = (0..<6000).map { UInt8(truncatingIfNeeded: $0) }
    let start = IOVA(15 << 12 | 0x800)
    #expect(
      asked.withDMA { dma in dma.write(to: start, from: bytes.span, for: context) }
        == .init(byteCount: 6000))
    #expect(other[3 << 12] == bytes[2048])
    let copied = asked.withDMA { dma in
      dma.copy(6000, from: start, of: context, to: IOVA(0x123), of: context)
    }
    #expect(copied == .init(byteCount: 6000))
    var read = [UInt8](repeating: 0, count: 6000)
    var span = read.mutableSpan
    _ = asked.withDMA { dma in dma.read(from: IOVA(0x123), into: &span, for: context) }
    #expect(read == bytes)
    // Nobody answers in a unit that was told of nobody.
    let outcome = unit.withDMA { dma in dma.write(to: start, from: bytes.span, for: context) }
    #expect(
      outcome == .init(byteCount: 2048, obstacle: .unreachable(other.address(3))))
  }

  @Test("guest tables may be in another process", arguments: [true, false])
  func foreignTables(isAnswered: Bool) throws {
    let other = PlayedMemory()
    let stage2 = PagingTable(foreign: isAnswered ? other : nil)
    try stage2.map(
      IOVA(0), byteCount: 8 << 12, to: other.address(0), allowing: [.read, .write])
    for level in 0..<4 { other.setWord(UInt64(level + 1) << 12 | 7, at: level << 12) }
    let table = VTdNestedTable(parent: stage2, root: GuestPhysicalAddress(0))
    let context = TranslationContext(.vtdNested(table), tag: 1)
    let found = TranslationUnit().translate(0x10, .write, for: context)
    guard isAnswered else {
      return #expect(found.fault?.reason == .vtd(.firstStageEntryFetch))
    }
    #expect(found.translation?.address == HostAddress(rawValue: other.address(4).rawValue | 0x10))
    #expect(other[3 << 12] == 0x67 && other[0] == 0x27)
  }
}
