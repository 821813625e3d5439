import Hardware
import IOMMU
import TestSupport

/// VT-d first-stage tables in guest memory, and a plain walk of them.
///
/// The walk is written from VT-d §3.6, §3.8, §9.7 and the table of fault reasons, one rule a line,
/// and reads a dictionary for stage 2.
struct VTdReference {
  let guest: GuestMemory
  /// What stage 2 allows for each guest page.
  var stage2: [UInt64: DMAAccess]
  let width: Int
  var levels = 4
  var options: VTdNestedTable.Options = []
  var hostAddressWidth = 52

  enum Answer: Equatable {
    case page(UInt64)
    case fault(UInt8)
  }

  /// What a request gets, and the writes that the walk would do.
  func walk(
    root: UInt64, _ iova: UInt64, _ access: DMAAccess
  ) -> (answer: Answer, writes: [UInt64: UInt64]) {
    var writes: [UInt64: UInt64] = [:]
    let isUser = !access.contains(.privileged)
    if !isUser && !options.contains(.supervisorRequests) { return (.fault(0x5D), writes) }
    if access.contains(.execute) && !options.contains(.executeRequests) {
      return (.fault(0x5C), writes)
    }
    let inputBits = levels == 4 ? 48 : 57
    let high = iova >> UInt64(inputBits - 1)
    if high != 0 && high != .max >> UInt64(inputBits - 1) { return (.fault(0x80), writes) }
    var table = root
    for level in (1...levels).reversed() {
      let shift = UInt64(12 + 9 * (level - 1))
      let place = table + (iova >> shift) % 512 * 8
      if place >> UInt64(width) != 0 { return (.fault(0x74), writes) }
      guard let allowed = stage2[place >> 12], !allowed.isEmpty else {
        return (.fault(0x79), writes)
      }
      if !allowed.contains(.read) { return (.fault(level == levels ? 0x75 : 0x76), writes) }
      let entry = writes[place] ?? guest[place]
      func bit(_ number: UInt64) -> Bool { entry >> number & 1 == 1 }
      if !bit(0) { return (.fault(0x71), writes) }
      let isLarge = level > 1 && bit(7)
      for number in UInt64(hostAddressWidth)..<52 where bit(number) {
        return (.fault(0x72), writes)
      }
      if isLarge && level > 3 { return (.fault(0x72), writes) }
      if isLarge { for number in 13..<shift where bit(number) { return (.fault(0x72), writes) } }
      if isUser && !bit(2) { return (.fault(0x81), writes) }
      if access.contains(.write) && !bit(1) && (isUser || options.contains(.writeProtect)) {
        return (.fault(0x85), writes)
      }
      if access.contains(.execute) && bit(63) { return (.fault(0x82), writes) }
      let isLast = level == 1 || isLarge
      var new = entry | 1 << 5
      if options.contains(.extendedAccessed) { new |= 1 << 10 }
      if isLast && access.contains(.write) { new |= 1 << 6 }
      if new != entry {
        if !allowed.contains(.write) { return (.fault(0x77), writes) }
        writes[place] = new
      }
      let address = entry & 0xF_FFFF_FFFF_F000
      if isLast {
        let size = (1 as UInt64) << shift
        let page = address / size * size + iova % size
        if page >> UInt64(width) != 0 { return (.fault(0x74), writes) }
        guard let allowed = stage2[page >> 12],
          !access.contains(.write) || allowed.contains(.write),
          access.isDisjoint(with: [.read, .execute]) || allowed.contains(.read)
        else { return (.fault(0x79), writes) }
        return (.page(page), writes)
      }
      table = address
    }
    return (.fault(0), writes)
  }
}

/// Random tables: mostly sound, sometimes anything.
struct RandomVTdTables {
  let pages: UInt64
  var random: SplitMix64

  init(pages: Int, seed: UInt64) {
    self.pages = UInt64(pages)
    random = SplitMix64(seed: seed)
  }

  /// An entry that leads to one of the pages.
  mutating func entry() -> UInt64 {
    var entry = UInt64.random(in: 0..<pages, using: &random) << 12 | 7
    func chance(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &random) == 0 }
    if chance(4) { entry |= 1 << 5 }
    if chance(4) { entry |= 1 << 6 }
    if chance(8) { entry ^= 1 << UInt64.random(in: 0...2, using: &random) }
    if chance(12) { entry |= 1 << 7 }
    if chance(12) { entry |= 1 << 63 }
    if chance(16) { entry ^= 1 << UInt64.random(in: 0..<64, using: &random) }
    // Low address bits of large pages have to be zero for anything but a fault.
    if entry >> 7 & 1 == 1, !chance(4) { entry &= ~0x3FFF_E000 }
    if chance(40) { entry = random.next() }
    return entry
  }
}
