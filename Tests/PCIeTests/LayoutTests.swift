import Hardware
import PCIe
import TestSupport
import Testing

@Suite("The layout map")
struct LayoutTests {
  @Test("each fixture", arguments: Fixtures.all)
  func fixtures(_ fixture: Fixture) { check(fixture.config) }

  @Test("each real dump", arguments: RealDumps.all)
  func dumps(_ dump: RealDump) { check(dump.config) }

  @Test("random bytes and random capabilities", arguments: 0..<20 as Range<UInt64>)
  func random(seed: UInt64) {
    check(Fixtures.random(seed: seed))
    for seed in seed * 10..<seed * 10 + 10 { check(Fixtures.randomRegisters(seed: seed)) }
  }

  @Test("the sample device, region by region")
  func sample() {
    let lines = LayoutMap(of: SampleDevice.sapphireRapidsDSA).regions.map(line)
    #expect(
      lines == [
        "000-03f header", "040-041 PCIe header", "042-06b PCIe body", "06c-07f zero",
        "080-081 MSI-X header", "082-08b MSI-X body", "08c-08f zero", "090-091 PM header",
        "092-097 PM body", "098-0ff zero", "100-103 AER header", "104-147 AER body",
        "148-14f zero", "150-153 LTR header", "154-157 LTR body", "158-15f zero",
        "160-163 TPH header", "164-16f TPH body", "170-173 VC header", "174-197 VC body",
        "198-1ff zero", "200-203 DVSEC header", "204-217 DVSEC body", "218-21f zero",
        "220-223 ATS header", "224-227 ATS body", "228-22f zero", "230-233 PASID header",
        "234-237 PASID body", "238-23f zero", "240-243 PRI header", "244-24f PRI body",
        "250-fff zero",
      ])
  }

  @Test("shadows, stray bytes and overlaps")
  func special() {
    func tail(_ name: String) -> [String] {
      LayoutMap(of: Fixtures.named(name)).regions.filter { $0.bytes.lowerBound >= 0x100 }.map(line)
    }
    #expect(
      tail("unknown length in the middle") == [
        "100-103 ATS header", "104-107 ATS body", "108-1ff zero", "200-203 AP header",
        "204-2ff AP shadow", "300-303 DSN header", "304-30b DSN body", "30c-fff zero",
      ])
    #expect(tail("unknown length last").last == "204-fff 0x7f shadow")
    // The register that fails to state the length is the capability's own.
    #expect(
      tail("zero VSEC length") == [
        "100-103 VSEC header", "104-107 VSEC body", "108-1ff VSEC shadow", "200-203 ATS header",
        "204-207 ATS body", "208-fff zero",
      ])
    #expect(
      tail("stray bytes").filter { $0.hasSuffix("used") } == [
        "109-109 used", "3ff-3ff used", "408-408 used", "7fe-7fe used", "801-801 used",
        "fff-fff used",
      ])
    #expect(
      tail("overlap").prefix(6) == [
        "100-103 AER header", "104-11f AER body", "120-123 ATS header", "124-127 LTR header",
        "128-12b LTR body", "12c-1ff zero",
      ])
    #expect(tail("256 bytes").isEmpty)
    #expect(tail("VSEC in the last 16 bytes").last == "ff4-fff VSEC body")
  }

  /// Says of every byte who may own it, with sets of integers.
  private func check(_ config: ConfigSpace) {
    let map = LayoutMap(of: config)
    var known = Set(0...0x3F)
    for entry in map.walk.legacy + map.walk.extended {
      known.formUnion(Array(entry.knownBytes).filter { $0 < config.size })
    }
    #expect(map.size == config.size)
    #expect(members(map.claimed) == known)
    #expect(members(map.nonZero) == Set(config.bytes.indices.filter { config.bytes[$0] != 0 }))
    #expect(members(map.stray) == members(map.nonZero).subtracting(known))
    #expect(
      Set(map.strayExtendedDwords.runs.joined())
        == Set(members(map.stray).filter { $0 >= 0x100 }.map { $0 / 4 }))
    #expect(members(map.shadowed).isDisjoint(with: known))

    let owners = map.owners
    #expect(owners.count == config.size)
    var shadowed: Set<Int> = []
    for (offset, owner) in owners.enumerated() {
      let fits =
        switch owner {
        case .header: offset < 0x40
        case .capabilityHeader(let entry): entry.headerBytes.contains(offset)
        case .capabilityBody(let entry):
          entry.knownBytes.contains(offset) && !entry.headerBytes.contains(offset)
        case .shadow(let entry):
          entry.size == nil && offset > entry.knownBytes.upperBound
            && entry.list.offsets.contains(offset) && shadowed.insert(offset).inserted
        case .unclaimed(let zero): !known.contains(offset) && zero == (config.bytes[offset] == 0)
        }
      if !fits { Issue.record("\(offset.hex) belongs to \(owner)") }
    }
    #expect(members(map.shadowed) == shadowed)
    checkRegions(of: map, owners: owners)
  }

  private func checkRegions(of map: LayoutMap, owners: [ByteOwner]) {
    var next = 0
    var previous: ByteOwner?
    for region in map.regions {
      #expect(region.bytes.lowerBound == next, "no gap and no overlap")
      #expect(region.owner != previous, "a run is as long as it can be")
      #expect(region.bytes.allSatisfy { owners[$0] == region.owner })
      next = region.bytes.upperBound + 1
      previous = region.owner
    }
    #expect(next == map.size)
    let free = map.regions.filter { if case .unclaimed = $0.owner { true } else { false } }
    #expect(map.unclaimed.map(\.bytes) == free.map(\.bytes))
    #expect(map.unclaimed.map { .unclaimed(zero: $0.zero) } == free.map(\.owner))
  }

  private func members(_ set: ConfigByteSet) -> Set<Int> { Set(set.runs.joined()) }

  private func line(_ region: LayoutRegion) -> String {
    let owner =
      switch region.owner {
      case .header: "header"
      case .capabilityHeader(let entry): "\(entry.shortName) header"
      case .capabilityBody(let entry): "\(entry.shortName) body"
      case .shadow(let entry): "\(entry.shortName) shadow"
      case .unclaimed(let zero): zero ? "zero" : "used"
      }
    let bytes = region.bytes
    return "\(bytes.lowerBound.hex(digits: 3))-\(bytes.upperBound.hex(digits: 3)) \(owner)"
  }
}
