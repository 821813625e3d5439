import Hardware
import PCIe
import TestSupport
import Testing

@Suite("Real devices, against the index that came with the dumps")
struct RealDumpTests {
  @Test("every file of the index was read", .enabled(if: RealDumps.folder != nil))
  func complete() {
    #expect(Set(RealDumps.all.map(\.file)) == Set(DumpIndexRow.all.keys))
    #expect(RealDumps.all.allSatisfy { $0.config.size == ConfigSpace.extendedSize })
  }

  @Test("the extended list, its soundness and the last byte in use", arguments: RealDumps.all)
  func index(_ dump: RealDump) throws {
    let row = try #require(DumpIndexRow.all[dump.file])
    let walk = dump.config.walkCapabilities()
    let chain = walk.extended.map {
      ReferenceEntry(id: Int($0.id), version: 0, offset: $0.offset)
    }
    #expect(chain == row.chain)
    #expect(walk.isIntact == !row.isBroken, "\(walk.problems)")
    #expect(dump.config.nonZeroBytes.last(through: 4095) == row.last)
  }

  @Test("bytes that nobody owns", arguments: RealDumps.all)
  func stray(_ dump: RealDump) throws {
    let row = try #require(DumpIndexRow.all[dump.file])
    // The lengths that the index's checker knew as we do.
    let known: Set<Int> = [
      0x01, 0x03, 0x04, 0x0B, 0x0D, 0x0E, 0x0F, 0x10, 0x13, 0x15, 0x18, 0x1B, 0x1E, 0x1F, 0x23,
      0x25,
      0x2E,
    ]
    guard !row.isBroken, known.isSuperset(of: row.chain.map(\.id)) else { return }
    let map = LayoutMap(of: dump.config)
    var stray = map.stray
    stray.remove(0...0xFF)
    // It took AER with root error registers, and from version 2 on with a prefix log.
    for entry in map.walk.extended where entry.id == 0x01 {
      stray.remove(entry.offset...entry.offset + (entry.version >= 2 ? 0x47 : 0x37))
    }
    #expect(stray.count == row.stray)
  }
}
