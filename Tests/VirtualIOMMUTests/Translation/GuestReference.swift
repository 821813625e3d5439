import Hardware
import TestSupport
import VirtualIOMMU

/// A plain walk of a guest's stages, one rule a line, over a copy of its memory.
///
/// Written from VT-d §3.6 to §3.8, §9.7, §9.8 and the table of fault reasons. Slow, and read by
/// nobody else.
struct GuestReference {
  enum Answer: Equatable {
    case page(UInt64)
    case outside(UInt64)
    case fault(UInt8)
  }

  struct First {
    var root: UInt64
    var levels = 4
    var sre = false
    var ere = false
    var wpe = false
    var eafe = false
  }

  struct Second {
    var root: UInt64
    var levels = 4
    var slade = false
    var slee = false
    var isLegacy = false
  }

  /// What memory allows for each guest page.
  var memory: [UInt64: DMAAccess]
  let read: (UInt64) -> UInt64
  var writes: [UInt64: UInt64] = [:]
  var hostAddressWidth = 46
  var guestAddressWidth = 57
  var first: First?
  var second: Second?

  private struct Fault: Error { let code: UInt8 }

  private func word(_ place: UInt64) -> UInt64 { writes[place] ?? read(place) }

  private func allows(_ address: UInt64, _ access: DMAAccess) -> Bool {
    memory[address >> 12]?.isSuperset(of: access) ?? false
  }

  mutating func walk(_ iova: UInt64, _ access: DMAAccess) -> Answer {
    do {
      var target = iova
      if let first {
        target = try walkFirst(first, iova, access)
      } else if second != nil {
        target = try walkSecond(iova, access, .page)
      } else if iova >> UInt64(hostAddressWidth) != 0 {
        throw Fault(code: 0x84)
      }
      if target >> 20 == 0xFEE { throw Fault(code: second?.isLegacy == true ? 0x0E : 0x87) }
      var needed = access.intersection([.read, .write])
      if access.contains(.execute) { needed.insert(.read) }
      return allows(target, needed) ? .page(target) : .outside(target)
    } catch let fault as Fault {
      return .fault(fault.code)
    } catch {
      return .fault(0xFF)
    }
  }

  private mutating func walkFirst(
    _ first: First, _ iova: UInt64, _ access: DMAAccess
  ) throws -> UInt64 {
    let isUser = !access.contains(.privileged)
    if !isUser && !first.sre { throw Fault(code: 0x5D) }
    if access.contains(.execute) && !first.ere { throw Fault(code: 0x5C) }
    let bits = UInt64(first.levels == 4 ? 48 : 57)
    let high = iova >> (bits - 1)
    if high != 0 && high != UInt64.max >> (bits - 1) { throw Fault(code: 0x80) }
    var table = first.root
    for level in (1...first.levels).reversed() {
      let shift = UInt64(3 + 9 * level)
      let isTop = level == first.levels
      var place = table + (iova >> shift) % 512 * 8
      let guestPlace = place
      if second != nil { place = try walkSecond(place, .read, isTop ? .top : .lower) }
      if !allows(place, .read) { throw Fault(code: isTop ? 0x73 : 0x70) }
      let entry = word(place)
      func bit(_ number: UInt64) -> Bool { entry >> number & 1 == 1 }
      if !bit(0) { throw Fault(code: 0x71) }
      let isLarge = level > 1 && bit(7)
      for number in UInt64(hostAddressWidth)..<52 where bit(number) { throw Fault(code: 0x72) }
      if isLarge && level > 3 { throw Fault(code: 0x72) }
      if isLarge { for number in 13..<shift where bit(number) { throw Fault(code: 0x72) } }
      if isUser && !bit(2) { throw Fault(code: 0x81) }
      if access.contains(.write) && !bit(1) && (isUser || first.wpe) { throw Fault(code: 0x85) }
      if access.contains(.execute) && bit(63) { throw Fault(code: 0x82) }
      let isLast = level == 1 || isLarge
      var new = entry | 1 << 5
      if first.eafe { new |= 1 << 10 }
      if isLast && access.contains(.write) { new |= 1 << 6 }
      if new != entry {
        if second != nil {
          let again = try walkSecond(guestPlace, [.read, .write], .update)
          if again != place { throw Fault(code: 0x91) }
        }
        if !allows(place, .write) { throw Fault(code: 0x91) }
        // The second stage's own bits may have changed this very word.
        if word(place) != entry { throw Fault(code: 0xFE) }
        writes[place] = new
      }
      let address = entry & 0xF_FFFF_FFFF_F000
      if isLast {
        let size = (1 as UInt64) << shift
        let page = address / size * size + iova % size
        return second == nil ? page : try walkSecond(page, access, .page)
      }
      table = address
    }
    throw Fault(code: 0xFF)
  }

  private enum Purpose { case top, lower, update, page }

  private mutating func walkSecond(
    _ address: UInt64, _ access: DMAAccess, _ purpose: Purpose
  ) throws -> UInt64 {
    guard let second else { throw Fault(code: 0xFF) }
    let isNested = first != nil
    let legacy = second.isLegacy
    func denied(_ isPresent: Bool) -> Fault {
      if isNested {
        let codes: [Purpose: UInt8] = [.top: 0x75, .lower: 0x76, .update: 0x77, .page: 0x79]
        return Fault(code: isPresent ? codes[purpose] ?? 0xFF : 0x79)
      }
      return Fault(code: !legacy ? 0x79 : access.contains(.write) ? 5 : 6)
    }
    if address >> UInt64(min(12 + 9 * second.levels, guestAddressWidth)) != 0 {
      throw Fault(code: isNested ? 0x74 : legacy ? 4 : 0x83)
    }
    var needed = access.intersection([.read, .write])
    if access.contains(.execute) { needed.insert(second.slee ? .execute : .read) }
    var table = second.root
    for level in (1...second.levels).reversed() {
      let shift = UInt64(3 + 9 * level)
      let isTop = level == second.levels
      let fetch = Fault(code: legacy ? (isTop ? 3 : 7) : isTop ? 0x7B : 0x78)
      let place = table + (address >> shift) % 512 * 8
      if !allows(place, .read) { throw fetch }
      let entry = word(place)
      if entry & 3 == 0 { throw denied(false) }
      if !DMAAccess(rawValue: UInt8(entry & 7)).isSuperset(of: needed) { throw denied(true) }
      let isLarge = level > 1 && entry >> 7 & 1 == 1
      let isLast = level == 1 || isLarge
      let reserved = Fault(code: legacy ? 0x0C : 0x7A)
      for number in UInt64(hostAddressWidth)..<52 where entry >> number & 1 == 1 {
        throw reserved
      }
      if isLarge && level > 3 { throw reserved }
      if isLarge { for number in 12..<shift where entry >> number & 1 == 1 { throw reserved } }
      if second.slade {
        var new = entry | 1 << 8
        if isLast && access.contains(.write) { new |= 1 << 9 }
        if new != entry {
          if !allows(place, .write) { throw Fault(code: legacy ? 7 : 0x78) }
          writes[place] = new
        }
      }
      let base = entry & 0xF_FFFF_FFFF_F000
      if isLast {
        let size = (1 as UInt64) << shift
        return base / size * size + address % size
      }
      table = base
    }
    throw Fault(code: 0xFF)
  }
}

/// Random tables in a few pages: mostly sound, sometimes anything.
struct RandomTables {
  let pages: UInt64
  var random: SplitMix64

  init(pages: Int, seed: UInt64) {
    self.pages = UInt64(pages)
    random = SplitMix64(seed: seed)
  }

  mutating func chance(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &random) == 0 }

  /// The address of a page, behind those of the structures before page tables.
  mutating func page() -> UInt64 { UInt64.random(in: 8..<pages, using: &random) << 12 }

  /// An entry that may be one of a first stage as well as of a second.
  mutating func entry() -> UInt64 {
    var entry = page() | 7
    for bit in [5, 6, 8, 9] as [UInt64] where chance(4) { entry |= 1 << bit }
    if chance(8) { entry ^= 1 << UInt64.random(in: 0...2, using: &random) }
    if chance(12) { entry |= 1 << 7 }
    if chance(12) { entry |= 1 << 63 }
    if chance(16) { entry ^= 1 << UInt64.random(in: 0..<64, using: &random) }
    // Low address bits of large pages have to be zero for anything but a fault.
    if entry >> 7 & 1 == 1, !chance(4) { entry &= ~0x3FFF_F000 }
    if chance(40) { entry = random.next() }
    return entry
  }

  /// An address whose indices are small, so that it goes deep.
  mutating func address(levels: Int) -> UInt64 {
    var address = UInt64.random(in: 0..<4096, using: &random)
    for level in 0..<levels {
      address |= UInt64.random(in: 0..<4, using: &random) << UInt64(12 + 9 * level)
    }
    if chance(8) { address = ~address }
    if chance(30) { address = random.next() }
    return address
  }

  mutating func access() -> DMAAccess {
    DMAAccess(rawValue: [1, 1, 2, 2, 3, 5, 9, 10][Int.random(in: 0..<8, using: &random)])
  }
}
