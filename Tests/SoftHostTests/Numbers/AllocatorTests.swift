import HostABI
import SoftHost
import TestSupport
import Testing

@Suite("Numbers of objects")
struct ObjectNumbersTests {
  @Test("are always the lowest free ones, and buried ones never come back", arguments: 0..<6)
  func model(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var (numbers, taken, buried) = (ObjectNumbers(), Set<UInt32>(), Set<UInt32>())
    for step in 0..<4000 {
      let candidate = UInt32(random.next() % 600)
      switch random.next() % 16 {
      case 0:
        #expect(numbers.bury(candidate) == taken.contains(candidate))
        if taken.contains(candidate) { buried.insert(candidate) }
      case 1...(step % 1000 < 600 ? 5 : 10):
        let isFreed = taken.contains(candidate) && !buried.contains(candidate)
        #expect(numbers.free(candidate) == isFreed)
        if isFreed { taken.remove(candidate) }
      default:
        let expected = (1...UInt32.max).first { !taken.contains($0) }
        let number = try numbers.take()
        #expect(number == expected)
        taken.insert(number)
      }
      #expect(numbers.count == taken.count)
      #expect(numbers.isTaken(candidate) == taken.contains(candidate))
      #expect(numbers.isBuried(candidate) == buried.contains(candidate))
    }
  }

  @Test("start at 1, end, and are reused at once")
  func ends() throws {
    var numbers = ObjectNumbers(highest: 3)
    for number in 1...3 as ClosedRange<UInt32> { #expect(try numbers.take() == number) }
    #expect(throws: LinuxErrno.EBUSY) { try numbers.take() }
    #expect(numbers.free(2) == true)
    for free in [2, 0, .max] as [UInt32] { #expect(numbers.free(free) == false) }
    #expect(try numbers.take() == 2)
    #expect(numbers.bury(1) == true)
    #expect(numbers.free(1) == false)
    #expect(numbers.bury(9) == false)
    #expect(throws: LinuxErrno.EBUSY) { try numbers.take() }
    #expect(ObjectNumbers.highest == 0x7FFF_FFFF)
  }
}

@Suite("Identifiers as Linux gives them out")
struct IDAllocatorTests {
  @Test("answer as a plain set does", arguments: [40, 5000, UInt32.max], 0..<3 as Range<UInt64>)
  func model(limit: UInt32, seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var (ids, model) = (IDAllocator(), Set<UInt32>())
    for _ in 0..<4000 {
      let low = UInt32(truncatingIfNeeded: random.next()) % limit
      let width = UInt32(truncatingIfNeeded: random.next()) % 8
      let range = low...(low.addingReportingOverflow(width).overflow ? .max : low + width)
      switch random.next() % 4 {
      case 0, 1:
        let expected = range.first { $0 < 1 << 31 && !model.contains($0) }
        #expect((try? ids.allocate(in: range)) == expected)
        if let expected { model.insert(expected) }
      case 2: #expect(ids.free(low) == (model.remove(low) != nil))
      default:
        let expected = range.first { model.contains($0) }
        #expect((try? ids.findFirst(in: range)) == expected)
      }
      #expect(ids.exists(low) == (model.contains(low) || low == 0xFFFF_FFEA))
      #expect(ids.count == model.count && ids.isEmpty == model.isEmpty)
    }
    #expect(Array(ids) == model.sorted())
    ids.removeAll()
    #expect(ids.isEmpty && ids.byteCount == 0)
  }

  @Test("fail as Linux's do")
  func failures() throws {
    var ids = IDAllocator()
    #expect(throws: LinuxErrno.ENOSPC) { try ids.allocate(in: 0x8000_0000...0xFFFF_FFFF) }
    #expect(throws: LinuxErrno.EINVAL) { try ids.findFirst(in: 0x8000_0000...0xFFFF_FFFF) }
    #expect(throws: LinuxErrno.ENOENT) { try ids.findFirst(in: 0...0xFFFF_FFFF) }
    #expect(try ids.allocate(in: 7...7) == 7)
    #expect(throws: LinuxErrno.ENOSPC) { try ids.allocate(in: 7...7) }
    #expect(try ids.allocate(in: 0x7FFF_FFFF...0xFFFF_FFFF) == 0x7FFF_FFFF)
    #expect(throws: LinuxErrno.ENOSPC) { try ids.allocate(in: 0x7FFF_FFFF...0xFFFF_FFFF) }
    #expect(try ids.findFirst(in: 8...0xFFFF_FFFF) == 0x7FFF_FFFF)
    #expect(throws: LinuxErrno.ENOENT) { try ids.findFirst(in: 8...0x7FFF_FFFE) }
    for id in [0x8000_0000, 0xFFFF_FFFF, 8] as [UInt32] { #expect(ids.free(id) == false) }
  }

  @Test("one number above the limit seems to exist, because it looks like an error")
  func unsignedCompare() {
    let ids = IDAllocator()
    #expect(ids.exists(0xFFFF_FFEA))
    #expect(!ids.exists(0xFFFF_FFFE) && !ids.exists(0x8000_0000) && !ids.exists(0xFFFF_FFFF))
  }

  @Test("many take less than 16 bytes each")
  func memory() throws {
    var ids = IDAllocator()
    for id in 0..<1 << 17 as Range<UInt32> {
      let given = try ids.allocate(in: 0...UInt32.max)
      if given != id { Issue.record("\(given) in place of \(id)") }
    }
    #expect(ids.byteCount < 16 << 17)
  }
}

@Suite("A map of PASIDs")
struct PASIDMapTests {
  @Test("answers as a dictionary does", arguments: [700, 1 << 20, 1 << 31], 0..<3 as Range<UInt64>)
  func model(limit: UInt32, seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var (map, model) = (PASIDMap<UInt64>(), [UInt32: UInt64]())
    for step in 0..<3000 {
      let drawn = UInt32(truncatingIfNeeded: random.next()) % limit
      let pasid = random.next() % 3 == 0 ? model.first?.key ?? drawn : drawn
      if random.next() % 10 < (step % 1000 < 600 ? 8 : 2) {
        let value = random.next()
        #expect(map.updateValue(value, for: pasid) == model.updateValue(value, forKey: pasid))
      } else {
        #expect(map.removeValue(for: pasid) == model.removeValue(forKey: pasid))
      }
      #expect(map[drawn] == model[drawn] && map.count == model.count)
      if step % 100 == 0 {
        let sorted = model.sorted { $0.key < $1.key }
        #expect(map.map(\.pasid) == sorted.map(\.key) && map.map(\.value) == sorted.map(\.value))
        #expect(map.first(from: drawn)?.pasid == sorted.first { $0.key >= drawn }?.key)
      }
    }
    for pasid in model.keys { map.removeValue(for: pasid) }
    #expect(map.isEmpty && map.first(from: 0) == nil)
  }

  @Test("the ends")
  func ends() {
    var map = PASIDMap<UInt32>()
    #expect(map[0] == nil && map[.max] == nil)
    #expect(map.removeValue(for: .max) == nil)
    map.updateValue(1, for: 0)
    map.updateValue(2, for: 0x7FFF_FFFF)
    #expect(map.map(\.pasid) == [0, 0x7FFF_FFFF] && map.map(\.value) == [1, 2])
    #expect(map[0x8000_0000] == nil && map[0xFFFF_FFFF] == nil)
    map.removeAll()
    #expect(map.isEmpty && map.byteCount == 0)
  }

  @Test("a dense one takes less than 24 bytes an entry")
  func memory() {
    var map = PASIDMap<UInt64>()
    for pasid in 0..<1 << 17 as Range<UInt32> { map.updateValue(UInt64(pasid), for: pasid) }
    #expect(map.byteCount < 24 << 17)
  }
}
