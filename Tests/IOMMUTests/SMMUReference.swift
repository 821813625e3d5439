import Hardware
import IOMMU
import TestSupport

/// A plain reading of SMMUv3 streams: stream table entry, context descriptor, AArch64 tables.
///
/// Written from SMMUv3 §3.3, §5.2, §5.4, §7.3 and VMSAv8-64; stage 2 is a dictionary.
struct SMMUReference {
  let guest: GuestMemory
  var stage2: [UInt64: DMAAccess]
  let width: Int
  var features = SMMUFeatures()

  struct Refusal: Error, Equatable {
    let event: UInt8
    /// 0 context descriptor, 1 table, 2 input.
    let kind: UInt8
    var isStage2 = false
  }

  typealias Writes = [UInt64: UInt64]

  func translate(
    _ ste: SMMUStreamTableEntry, _ iova: UInt64, _ access: DMAAccess, ssid: UInt32?,
    _ writes: inout Writes
  ) throws(Refusal) -> UInt64 {
    guard ste.word0 & 1 == 1 else { throw Refusal(event: 0, kind: 0) }
    let number: UInt64
    switch ste.word0 >> 1 & 7 {
    case 0: throw Refusal(event: 0, kind: 0)
    case 4:
      if ssid != nil { throw Refusal(event: 8, kind: 0) }
      try check(iova, access, kind: 2)
      return iova
    case 5: break
    default: throw Refusal(event: 4, kind: 0)
    }
    let max = ste.word0 >> 59
    let format = ste.word0 >> 4 & 3
    let dss = ste.word1 & 3
    if max == 0 {
      if ssid != nil { throw Refusal(event: 8, kind: 0) }
      number = 0
    } else {
      if max > features.substreamBits || format == 3 || dss == 3 {
        throw Refusal(event: 4, kind: 0)
      }
      if format != 0 && !features.hasTwoLevelTables { throw Refusal(event: 4, kind: 0) }
      if let ssid {
        if UInt64(ssid) >= 1 << max { throw Refusal(event: 8, kind: 0) }
        if ssid == 0 && dss == 2 { throw Refusal(event: 6, kind: 0) }
        number = UInt64(ssid)
      } else if dss == 0 {
        throw Refusal(event: 6, kind: 0)
      } else if dss == 1 {
        try check(iova, access, kind: 2)
        return iova
      } else {
        number = 0
      }
    }
    var place = ste.word0 & 0xF_FFFF_FFFF_FFC0
    if max == 0 || format == 0 {
      place += number * 64
    } else {
      let leaf: UInt64 = format == 1 ? 64 : 1024
      let first = try word(place + number / leaf * 8, kind: 0, [:])
      if first & 1 == 0 { throw Refusal(event: 8, kind: 0) }
      place = (first & 0xF_FFFF_FFFF_F000) / (leaf * 64) * (leaf * 64) + number % leaf * 64
    }
    let cd = try [
      word(place, kind: 0, [:]), word(place + 8, kind: 0, [:]), word(place + 16, kind: 0, [:]),
    ]
    return try walk(cd, ste, iova, access, &writes)
  }

  private func bits(_ word: UInt64, _ range: ClosedRange<Int>) -> Int {
    Int(word >> UInt64(range.lowerBound) & ((1 << UInt64(range.count)) - 1))
  }

  private func walk(
    _ cd: [UInt64], _ ste: SMMUStreamTableEntry, _ iova: UInt64, _ access: DMAAccess,
    _ writes: inout Writes
  ) throws(Refusal) -> UInt64 {
    func flag(_ bit: Int) -> Bool { bits(cd[0], bit...bit) == 1 }
    let bad = Refusal(event: 0xA, kind: 0)
    if !flag(31) || !flag(41) || flag(15) { throw bad }
    if features.alwaysAborts && !flag(46) { throw bad }
    if features.stallModel == .terminateOnly && flag(44) { throw bad }
    if features.stallModel == .stallOnly && !flag(44) { throw bad }
    if features.stallModel == .stallOrTerminate && flag(44) && ste.word1 >> 27 & 1 == 1 {
      throw bad
    }
    let ips = min([32, 36, 40, 42, 44, 48, 52, 52][bits(cd[0], 32...34)], features.outputBits)
    let halves = [
      (epd: 14, size: 0...5, granule: [12, 16, 14, 0][bits(cd[0], 6...7)], tbi: 38, ttb: cd[1]),
      (
        epd: 30, size: 16...21, granule: [0, 14, 12, 16][bits(cd[0], 22...23)], tbi: 39, ttb: cd[2]
      ),
    ]
    for half in halves where !flag(half.epd) {
      if half.granule == 0 || !(16...39).contains(bits(cd[0], half.size)) { throw bad }
      let name: SMMUFeatures.Granules =
        half.granule == 12 ? .size4K : half.granule == 14 ? .size16K : .size64K
      if !features.granules.contains(name) { throw bad }
      if (half.ttb & 0xF_FFFF_FFFF_FFF0) >> UInt64(ips) != 0 { throw bad }
    }
    let isUpper = iova >> 55 & 1 == 1
    let half = halves[isUpper ? 1 : 0]
    let absent = Refusal(event: 0x10, kind: 2)
    if flag(half.epd) { throw absent }
    let size = 64 - bits(cd[0], half.size)
    let top = flag(half.tbi) ? 55 : 63
    for bit in size...top where (iova >> UInt64(bit) & 1 == 1) != isUpper { throw absent }
    let stride = half.granule - 3
    let outer = half.granule == 16 ? ips : min(ips, 48)
    let updates = features.hardwareUpdates
    let setsAccess = flag(43) && updates != .none
    let setsDirty = flag(43) && flag(42) && updates == .accessAndDirty
    // The level at which the walk starts, after the Arm ARM.
    let first = 4 - (size - 4) / stride
    var table = half.ttb & 0xF_FFFF_FFFF_FFF0
    var down = (user: true, write: true, userRun: true, run: true)
    for level in first...3 {
      let shift = half.granule + stride * (3 - level)
      let width = level == first ? size - shift : stride
      if level == first { table = table / (8 << UInt64(width)) * (8 << UInt64(width)) }
      let place = table + UInt64(bits(iova, shift...(shift + width - 1))) * 8
      let entry = try word(place, kind: 1, writes)
      if entry & 1 == 0 { throw absent }
      var address = entry & 0xFFFF_FFFF_F000
      if half.granule > 12 { address = (address >> UInt64(half.granule)) << UInt64(half.granule) }
      if half.granule == 16 && outer == 52 { address += UInt64(bits(entry, 12...15)) << 48 }
      let tooBig = Refusal(event: 0x11, kind: 2)
      if entry & 2 != 0 && level < 3 {
        if address >> UInt64(outer) != 0 { throw tooBig }
        if half.ttb & 2 == 0 {
          if entry >> 61 & 1 == 1 { down.user = false }
          if entry >> 62 & 1 == 1 { down.write = false }
          if entry >> 60 & 1 == 1 { down.userRun = false }
          if entry >> 59 & 1 == 1 { down.run = false }
        }
        table = address
        continue
      }
      let isBlock = level == 2 || level == 1 && half.granule == 12
      if level == 3 ? entry & 2 == 0 : !isBlock { throw absent }
      address = (address >> UInt64(shift)) << UInt64(shift)
      if address >> UInt64(outer) != 0 { throw tooBig }
      var new = entry
      if entry >> 10 & 1 == 0 {
        if setsAccess { new |= 1 << 10 } else if !flag(35) { throw Refusal(event: 0x12, kind: 2) }
      }
      let denied = Refusal(event: 0x13, kind: 2)
      let user = entry >> 6 & 1 == 1 && down.user
      let isClean = entry >> 7 & 1 == 1 && entry >> 51 & 1 == 1 && setsDirty
      let write = (entry >> 7 & 1 == 0 || isClean) && down.write
      let isPrivileged = access.contains(.privileged)
      if !isPrivileged && !user { throw denied }
      if access.contains(.write) && !write { throw denied }
      if access.contains(.execute) {
        let run =
          isPrivileged
          ? entry >> 53 & 1 == 0 && down.run && !(user && write)
          : entry >> 54 & 1 == 0 && down.userRun
        if !run { throw denied }
      }
      if access.contains(.write) && isClean { new &= ~(1 << 7) }
      if new != entry {
        if !(stage2[place >> 12] ?? []).contains(.write) {
          throw Refusal(event: 0x13, kind: 1, isStage2: true)
        }
        writes[place] = new
      }
      let page = address + iova % (1 << UInt64(shift))
      try check(page, access, kind: 2)
      return page
    }
    throw absent
  }

  private func word(_ place: UInt64, kind: UInt8, _ writes: Writes) throws(Refusal) -> UInt64 {
    try check(place, .read, kind: kind)
    return writes[place] ?? guest[place]
  }

  private func check(_ place: UInt64, _ access: DMAAccess, kind: UInt8) throws(Refusal) {
    guard place >> UInt64(width) == 0, let rights = stage2[place >> 12], !rights.isEmpty else {
      throw Refusal(event: 0x10, kind: kind, isStage2: true)
    }
    var needed = access.intersection([.read, .write])
    if access.contains(.execute) { needed.insert(.read) }
    if !rights.isSuperset(of: needed) { throw Refusal(event: 0x13, kind: kind, isStage2: true) }
  }
}
