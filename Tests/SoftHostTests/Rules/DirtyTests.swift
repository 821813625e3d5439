import HostABI
import Hardware
import IOMMU
import IOMMUClient
import SoftHost
import TestSupport
import Testing

@Suite("Pages that devices write are noted")
struct DirtyTests {
  private static func runs(_ bitmap: DirtyBitmap) -> [ClosedRange<UInt64>] {
    var runs: [ClosedRange<UInt64>] = []
    bitmap.forEachRun { runs.append($0.lowerBound.rawValue...$0.upperBound.rawValue) }
    return runs
  }

  private static func range(_ start: UInt64, _ byteCount: UInt64) -> ClosedRange<IOVA> {
    IOVA(start)...IOVA(start + byteCount - 1)
  }

  @Test("84 to 87: what was written, once, from the request's address on")
  func written() throws {
    let machine = try GuestMachine()
    let table = try machine.space.makePageTable(
      for: machine.device, options: [.dirtyTracking, .pasid])
    try machine.device.attach(to: table)
    try machine.device.attach(try #require(PASID(rawValue: 2)), to: table)
    #expect(machine.write(1, 0x1000) == .done)
    try table.setDirtyTracking(true)
    // What was written before, and what is only read, is clean.
    #expect(machine.read(0x7000) == .value(0))
    let all = Self.range(0, GuestMachine.memorySize)
    #expect(try table.dirtyPages(in: all).dirtyCount == 0)
    for address in [0x3000, 0x4FFC, 0x10_0000] as [UInt64] {
      #expect(machine.write(.max, address) == .done)
    }
    // A PASID's writes count as the RID's.
    #expect(machine.write(1, 0x20_0008, pasid: 2) == .done)
    let expected: [ClosedRange<UInt64>] = [
      0x3000...0x5FFF, 0x10_0000...0x10_0FFF, 0x20_0000...0x20_0FFF,
    ]
    #expect(Self.runs(try table.dirtyPages(in: all, clearing: false)) == expected)
    // Bits are relative to the request's first address.
    let part = try table.dirtyPages(in: Self.range(0x4000, 0x8000), clearing: false)
    #expect(part.bytes.first == 0b11)
    // One bit for 64 KiB, for 1 MiB.
    #expect(
      Self.runs(try table.dirtyPages(in: all, pageSize: 0x1_0000, clearing: false))
        == [0...0xFFFF, 0x10_0000...0x10_FFFF, 0x20_0000...0x20_FFFF])
    #expect(
      Self.runs(try table.dirtyPages(in: all, pageSize: 0x10_0000)) == [0...0x2F_FFFF])
    #expect(try table.dirtyPages(in: all).dirtyCount == 0)
    #expect(machine.write(1, 0x3000) == .done)
    #expect(Self.runs(try table.dirtyPages(in: all)) == [0x3000...0x3FFF])
    // Switched off, nothing is noted; switched on again, all begins clean.
    try table.setDirtyTracking(false)
    #expect(machine.write(1, 0x9000) == .done)
    try table.setDirtyTracking(true)
    #expect(try table.dirtyPages(in: all).dirtyCount == 0)
  }

  @Test("a large bitmap with a gap: what lies behind the gap is not told")
  func gaps() throws {
    let machine = try GuestMachine()
    let table = try machine.space.makePageTable(for: machine.device, options: .dirtyTracking)
    try machine.device.attach(to: table)
    try table.setDirtyTracking(true)
    // Right behind the guest's memory, and far above it.
    let end = GuestMachine.memorySize
    let pages = try machine.process.allocate(1 << 20, [.read, .write])
    _ = try machine.space.map(pages, byteCount: 1 << 20, at: IOVA(end))
    _ = try machine.space.map(pages, byteCount: 1 << 20, at: IOVA(1 << 34))
    for address in [0x1000, end + 0x5000, 1 << 34] { #expect(machine.write(1, address) == .done) }
    let whole = try table.dirtyPages(in: Self.range(0, 1 << 35), clearing: false)
    #expect(whole.bytes.count == 1 << 20)
    #expect(Self.runs(whole) == [0x1000...0x1FFF, end + 0x5000...end + 0x5FFF])
    #expect(
      Self.runs(try table.dirtyPages(in: Self.range(1 << 34, 1 << 21), clearing: false))
        == [1 << 34...1 << 34 + 0xFFF])
    // A range of which nothing is mapped.
    #expect(try table.dirtyPages(in: Self.range(1 << 30, 1 << 30)).dirtyCount == 0)
    // What is unmapped is forgotten, and a fresh mapping is clean.
    _ = try machine.space.unmap(Self.range(1 << 34, 1 << 20))
    _ = try machine.space.map(pages, byteCount: 1 << 20, at: IOVA(1 << 34))
    #expect(try table.dirtyPages(in: Self.range(1 << 34, 1 << 20)).dirtyCount == 0)
  }

  @Test("random writes and questions agree with a set", arguments: UInt64(0)..<10)
  func random(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let machine = try GuestMachine()
    let table = try machine.space.makePageTable(for: machine.device, options: .dirtyTracking)
    try machine.device.attach(to: table)
    try table.setDirtyTracking(true)
    let count = GuestMachine.memorySize >> 12
    var dirty: Set<UInt64> = []
    for _ in 0..<300 {
      if Int.random(in: 0..<4, using: &random) > 0 {
        let address = UInt64.random(in: 0..<GuestMachine.memorySize - 8, using: &random)
        #expect(machine.write(1, address) == .done)
        dirty.formUnion([address >> 12, (address + 7) >> 12])
        continue
      }
      let shift = UInt64.random(in: 0...4, using: &random)
      let first = UInt64.random(in: 0..<count >> shift, using: &random)
      let pages = UInt64.random(in: 1...count >> shift - first, using: &random)
      let clears = Bool.random(using: &random)
      let bitmap = try table.dirtyPages(
        in: Self.range(first << (12 + shift), pages << (12 + shift)), pageSize: 4096 << shift,
        clearing: clears)
      let asked = first << shift..<(first + pages) << shift
      var expected = [UInt8](repeating: 0, count: bitmap.bytes.count)
      for page in dirty where asked.contains(page) {
        let bit = Int(page >> shift - first)
        expected[bit / 8] |= 1 << (bit & 7)
      }
      #expect(bitmap.bytes == expected)
      if clears { dirty = dirty.filter { !asked.contains($0) } }
    }
  }
}
