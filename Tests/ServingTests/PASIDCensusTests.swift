import Testing
import TestSupport
import VirtualIOMMU

@testable import Serving

@Suite("How many PASIDs a guest's tables give a device")
struct PASIDCensusTests {
  /// Where tables of PASIDs lie, a page each.
  private static let tables: UInt64 = 0x50_0000

  @Test(
    "all that are present are counted, and the lowest named", arguments: 0..<20 as Range<UInt64>)
  func counted(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let guest = try ServedGuest()
    try guest.turnOn()
    var present: Set<UInt32> = []
    for index in 0..<512 as Range<UInt64> where Bool.random(using: &random) {
      let place = ServedGuest.directory + index * 8
      // Some lead where no memory is.
      guard Int.random(in: 0..<8, using: &random) > 0 else {
        guest[place] = 0x4000_0000 | 1
        continue
      }
      let table = Self.tables + index * 4096
      guest[place] = table | 1
      for slot in 0..<64 as Range<UInt64> where Int.random(in: 0..<4, using: &random) == 0 {
        guest[table + slot * 64] = 1
        present.insert(UInt32(index * 64 + slot))
      }
    }
    // The first belongs to requests without a PASID.
    present.remove(0)
    let status = try #require(guest.machine.status().devices.first)
    #expect(status.pasidCount == present.count)
    #expect(status.firstPASIDs == Array(present.sorted().prefix(8)))
  }

  @Test("a million are counted, all of them in one table that the directory names again and again")
  func million() throws {
    let guest = try ServedGuest()
    try guest.turnOn()
    let (directory, table) = (Self.tables, ServedGuest.pasids)
    guest[ServedGuest.contexts + 64 * 32] = directory | 7 << 9 | 0x1D
    for slot in 0..<64 as Range<UInt64> { guest[table + slot * 64] = 1 }
    for index in 0..<16384 as Range<UInt64> { guest[directory + index * 8] = table | 1 }
    let status = try #require(guest.machine.status().devices.first)
    #expect(status.pasidCount == (1 << 20) - 1)
    #expect(status.firstPASIDs == [1, 2, 3, 4, 5, 6, 7, 8])
  }

  @Test("without a unit that translates, nobody can tell")
  func off() throws {
    let guest = try ServedGuest()
    #expect(try #require(guest.machine.status().devices.first).pasidCount == nil)
  }
}
