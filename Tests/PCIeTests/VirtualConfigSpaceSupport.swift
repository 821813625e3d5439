import PCIe
import Testing

/// A device whose bytes can all be written, and that keeps a record of what was asked of it.
struct RecordingDevice: PhysicalConfigSpace {
  struct Access: Hashable {
    let offset: Int
    let width: AccessWidth
    let isWrite: Bool

    var bytes: Range<Int> { offset..<offset + width.rawValue }
  }

  var bytes: [UInt8]
  var log: [Access] = []
  /// Whether answers carry rubbish beyond their width, as a careless conformance might.
  var answersRubbish = false

  mutating func read(_ width: AccessWidth, at offset: Int) -> UInt32 {
    log.append(Access(offset: offset, width: width, isWrite: false))
    var value: UInt32 = 0
    for index in (0..<4).reversed() {
      value = value << 8
      if index < width.rawValue {
        value |= UInt32(bytes[offset + index])
      } else if answersRubbish {
        value |= 0xA5
      }
    }
    return value
  }

  mutating func write(_ value: UInt32, _ width: AccessWidth, at offset: Int) {
    log.append(Access(offset: offset, width: width, isWrite: true))
    for index in 0..<width.rawValue {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
    }
    if width != .dword, value >> (8 * width.rawValue) != 0 {
      Issue.record("a write of \(width) at \(offset) carries bits beyond its width")
    }
  }
}

/// What a guest should see, one byte at a time.
struct ByteModel {
  /// How one emulated byte answers.
  struct Rule {
    var reset: UInt8 = 0
    var writable: UInt8 = 0
    var writeOneToClear: UInt8 = 0
    /// Bits that keep their value while any of the bits in `locks` is set.
    var locked: UInt8 = 0
    var locks: [(offset: Int, mask: UInt8)] = []
  }

  var device: [UInt8]
  var rules: [Rule?]
  var values: [UInt8]

  init(device: [UInt8], rules: [Int: Rule]) {
    self.device = device
    self.rules = (0..<4096).map { rules[$0] }
    values = (0..<4096).map { rules[$0]?.reset ?? 0 }
  }

  func isEmulated(_ offset: Int) -> Bool { rules[offset] != nil }

  func byte(_ offset: Int) -> UInt8 {
    guard (0..<4096).contains(offset) else { return 0xFF }
    return isEmulated(offset) ? values[offset] : device[offset]
  }

  func read(_ width: AccessWidth, at offset: Int) -> UInt32 {
    (0..<width.rawValue).reduce(0) { $0 | UInt32(byte(offset + $1)) << (8 * $1) }
  }

  mutating func write(_ value: UInt32, _ width: AccessWidth, at offset: Int) {
    let before = values
    for index in 0..<width.rawValue where (0..<4096).contains(offset + index) {
      let at = offset + index
      let written = UInt8(truncatingIfNeeded: value >> (8 * index))
      guard let rule = rules[at] else {
        device[at] = written
        continue
      }
      let isLocked = rule.locks.contains { before[$0.offset] & $0.mask != 0 }
      for bit in 0..<8 {
        let mask = UInt8(1) << bit
        if isLocked, rule.locked & mask != 0 { continue }
        if rule.writable & mask != 0 { values[at] = values[at] & ~mask | written & mask }
        if rule.writeOneToClear & mask != 0, written & mask != 0 { values[at] &= ~mask }
      }
    }
  }

  mutating func reset() {
    for offset in 0..<4096 { values[offset] = rules[offset]?.reset ?? 0 }
  }

  /// The fewest naturally aligned accesses that cover the device's bytes of a range and no others.
  func fewestAccesses(_ range: Range<Int>) -> Int {
    var best = [Int](repeating: .max / 2, count: range.count + 1)
    best[range.count] = 0
    for index in range.indices.reversed() {
      let place = index - range.lowerBound
      if index >= 4096 || isEmulated(index) {
        best[place] = best[place + 1]
        continue
      }
      for width in [1, 2, 4] where index % width == 0 && index + width <= range.upperBound {
        let isWhole = (index..<index + width).allSatisfy { $0 < 4096 && !isEmulated($0) }
        if isWhole { best[place] = min(best[place], 1 + best[place + width]) }
      }
    }
    return best[0]
  }
}

extension ByteModel.Rule {
  /// The bytes of a row, with the row's masks cut up.
  static func bytes(of row: EmulatedRegister) -> [(Int, Self)] {
    let locks = (0..<row.width.rawValue).map {
      (offset: row.offset + $0, mask: UInt8(truncatingIfNeeded: row.lock >> (8 * $0)))
    }
    return (0..<row.width.rawValue).map { index in
      let cut = { (mask: UInt32) in UInt8(truncatingIfNeeded: mask >> (8 * index)) }
      return (
        row.offset + index,
        Self(
          reset: cut(row.reset), writable: cut(row.writable),
          writeOneToClear: cut(row.writeOneToClear), locked: cut(row.locked), locks: locks)
      )
    }
  }

  /// The eight bytes of a PASID capability, from the specification's table of its fields.
  static func pasid(at offset: Int, next: Int, execute: Bool, privileged: Bool) -> [Int: Self] {
    let support: UInt8 = (execute ? 2 : 0) | (privileged ? 4 : 0)
    return [
      offset: Self(reset: 0x1B),
      offset + 1: Self(),
      offset + 2: Self(reset: 1 | UInt8(next & 0xF) << 4),
      offset + 3: Self(reset: UInt8(next >> 4)),
      offset + 4: Self(reset: support),
      offset + 5: Self(reset: 20),
      offset + 6: Self(writable: 1 | support, locked: support, locks: [(offset + 6, 1)]),
      offset + 7: Self(),
    ]
  }
}

/// A repeatable source of numbers (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}

/// The sample device as VFIO shows it: its PASID capability taken out of the list.
let deviceWithoutPASID: ConfigSpace = {
  var builder = ConfigSpaceBuilder(SampleDevice.sapphireRapidsDSA)
  builder.putExtendedHeader(id: 0x0F, next: 0x240, at: 0x220)
  builder.put32(0, 0, at: 0x230)
  return builder.config
}()

/// Finds the place of a new PASID capability in a space.
func insertPASID(
  at offset: Int, in config: ConfigSpace = deviceWithoutPASID, execute: Bool = true,
  privileged: Bool = true
) throws -> CapabilityInsertion {
  let pasid = PASIDCapability(width: 20, execute: execute, privileged: privileged)
  return try LayoutMap(of: config).inserting(pasid.extendedCapability, at: offset, in: config)
}

/// A virtual space over a recording device beside the model of what it should do.
struct Rig {
  var space: VirtualConfigSpace<RecordingDevice>
  var model: ByteModel

  /// A device with PASID at 0x230 between ATS and PRI, its link in ATS's header, and some rows more.
  init(pasidAt offset: Int = 0x230, rows: [EmulatedRegister] = []) throws {
    let insertion = try insertPASID(at: offset)
    var emulation = try ConfigEmulation(insertion.registers)
    for row in rows { try emulation.add(row) }
    let device = deviceWithoutPASID.bytes
    space = VirtualConfigSpace(RecordingDevice(bytes: device), emulation: emulation)

    // In front of 0x240 its predecessor is ATS at 0x220; at the end it is PRI at 0x240.
    let (before, next) = offset < 0x240 ? (0x220, 0x240) : (0x240, 0)
    var rules = ByteModel.Rule.pasid(at: offset, next: next, execute: true, privileged: true)
    let pointer = [UInt8(offset & 0xF) << 4 | 1, UInt8(offset >> 4)]
    for (index, value) in ([before == 0x220 ? 0x0F : 0x13, 0] + pointer).enumerated() {
      rules[before + index] = ByteModel.Rule(reset: value)
    }
    for row in rows { for (at, rule) in ByteModel.Rule.bytes(of: row) { rules[at] = rule } }
    model = ByteModel(device: device, rules: rules)
  }

  /// Reads on both sides; tells what differs, `nil` when nothing does.
  mutating func read(_ width: AccessWidth, at offset: Int) -> String? {
    space.physical.log = []
    let (found, expected) = (space.read(width, at: offset), model.read(width, at: offset))
    return found != expected
      ? "read \(width) at \(offset): \(found), expected \(expected)"
      : differingAccesses(width, at: offset, isWrite: false)
  }

  /// Writes on both sides; tells what differs.
  mutating func write(_ value: UInt32, _ width: AccessWidth, at offset: Int) -> String? {
    space.physical.log = []
    let before = space.emulation.state
    let changes = space.write(value, width, at: offset)
    model.write(value, width, at: offset)
    let what = "write \(width) of \(value) at \(offset)"
    for at in max(0, offset - 8)..<max(0, min(4096, offset + 12)) {
      if model.device[at] != space.physical.bytes[at] { return "\(what): device byte \(at)" }
      let value = UInt8(truncatingIfNeeded: space.emulation.read(.byte, at: at))
      if value != model.values[at] { return "\(what): emulated byte \(at) is \(value)" }
    }
    let changed = zip(before, space.emulation.state).filter { $0 != $1 }
    if changed.map({ [$0.offset, Int($0.value), Int($1.value)] })
      != changes.map({ [$0.offset, Int($0.old), Int($0.new)] })
    {
      return "\(what): reported \(Array(changes)), happened \(changed)"
    }
    return differingAccesses(width, at: offset, isWrite: true)
  }

  /// Judges the device's log of one access.
  private func differingAccesses(_ width: AccessWidth, at offset: Int, isWrite: Bool) -> String? {
    let log = space.physical.log
    let range = offset..<offset + width.rawValue
    let what = "\(width) at \(offset): \(log)"
    let wanted = range.filter { (0..<4096).contains($0) && !model.isEmulated($0) }
    if log.flatMap(\.bytes) != wanted { return "\(what): expected the bytes \(wanted)" }
    if log.contains(where: { $0.isWrite != isWrite }) { return "\(what): wrong direction" }
    if log.contains(where: { $0.offset % $0.width.rawValue != 0 }) { return "\(what): unaligned" }
    if log.count != (offset < 0 ? 0 : model.fewestAccesses(range)) { return "\(what): too many" }
    return nil
  }
}
