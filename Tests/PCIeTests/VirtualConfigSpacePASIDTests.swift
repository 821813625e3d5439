import PCIe
import Testing

/// Which of the optional permissions a capability supports.
struct Support: Sendable, CustomTestStringConvertible {
  let execute: Bool
  let privileged: Bool

  static let all = [(false, false), (true, false), (false, true), (true, true)].map {
    Self(execute: $0.0, privileged: $0.1)
  }

  var testDescription: String { "execute \(execute), privileged \(privileged)" }

  func has(bit: Int) -> Bool { bit == 0 || bit == 1 && execute || bit == 2 && privileged }
}

@Suite("Virtual config space: PASID")
struct VirtualConfigSpacePASIDTests {
  /// What a bit of the control register does with a written value.
  enum Fate { case takes, keeps, zero }

  /// The specification's words as a table: bit, whether it is supported, PASID Enable before.
  static let fates: [(bit: Int, supported: Bool, enabled: Bool, fate: Fate)] =
    [
      (0, true, false, .takes), (0, true, true, .takes),
      (1, true, false, .takes), (1, true, true, .keeps),
      (1, false, false, .zero), (1, false, true, .zero),
      (2, true, false, .takes), (2, true, true, .keeps),
      (2, false, false, .zero), (2, false, true, .zero),
    ] + (3...15).flatMap { [($0, false, false, .zero), ($0, false, true, .zero)] }

  /// The control register after some of its bits were written.
  static func oracle(_ old: UInt16, writing new: UInt16, bits: UInt16, _ support: Support) -> UInt16
  {
    var result: UInt16 = 0
    for row in fates where row.supported == support.has(bit: row.bit) {
      guard row.enabled == (old & 1 == 1) else { continue }
      let mask = UInt16(1) << row.bit
      switch row.fate {
      case .takes: result |= (bits & mask != 0 ? new : old) & mask
      case .keeps: result |= old & mask
      case .zero: break
      }
    }
    return result
  }

  static func states(_ support: Support) -> [UInt16] {
    (UInt16(0)...7).filter { value in
      (0..<3).allSatisfy { value >> $0 & 1 == 0 || support.has(bit: $0) }
    }
  }

  /// All low bytes below some high ones.
  static let values: [UInt16] = [0, 0x01, 0x80, 0xFF].flatMap { high in
    (UInt16(0)...0xFF).map { high << 8 | $0 }
  }

  @Test("the table says each thing once")
  func table() {
    for support in Support.all {
      for enabled in [false, true] {
        let rows = Self.fates.filter {
          $0.enabled == enabled && $0.supported == support.has(bit: $0.bit)
        }
        #expect(rows.map(\.bit) == Array(0...15))
      }
    }
  }

  @Test(
    "the control register answers every write as specified", arguments: Support.all, [0x230, 0xFF8])
  func control(_ support: Support, _ place: Int) throws {
    let insertion = try insertPASID(
      at: place, execute: support.execute, privileged: support.privileged)
    let base = try VirtualConfigSpace(
      RecordingDevice(bytes: deviceWithoutPASID.bytes), inserting: insertion)
    let control = place + 6
    for old in Self.states(support) {
      var start = base
      // Permissions first or together with Enable: one write from disabled reaches every state.
      start.write(UInt32(old), .word, at: control)
      try #require(start.read(.word, at: control) == UInt32(old))
      for new in Self.values {
        for width in AccessWidth.allCases {
          for offset in control + 1 - width.rawValue...control + 1 {
            var space = start
            let skip = control - offset
            var (written, bits): (UInt32, UInt32) = (0xA5A5_A5A5, 0)
            for byte in 0..<2 where (0..<width.rawValue).contains(skip + byte) {
              let at = UInt32(8 * (skip + byte))
              written = written & ~(0xFF << at) | UInt32(new >> (8 * byte) & 0xFF) << at
              bits |= 0xFF << UInt32(8 * byte)
            }
            let changes = space.write(written, width, at: offset)
            let expected = Self.oracle(old, writing: new, bits: UInt16(bits), support)
            let event =
              expected == old
              ? nil
              : PASIDControlChange(
                old: PASIDControl(rawValue: old), new: PASIDControl(rawValue: expected))
            guard space.read(.word, at: control) == UInt32(expected),
              space.emulation.pasidControl?.rawValue == expected, changes.pasidControl == event,
              space.read(.dword, at: place) == base.emulation.read(.dword, at: place),
              space.read(.word, at: place + 4) == base.emulation.read(.word, at: place + 4),
              !space.physical.log.contains(where: {
                $0.isWrite && $0.bytes.overlaps(place..<place + 8)
              })
            else {
              Issue.record("\(old) \(new) \(width) at \(offset): \(space.read(.word, at: control))")
              return
            }
          }
        }
      }
    }
  }

  @Test("header, capability register and link are read-only", arguments: [0x230, 0xFF8, 0x148])
  func readOnly(_ place: Int) throws {
    let insertion = try insertPASID(at: place)
    var space = try VirtualConfigSpace(
      RecordingDevice(bytes: deviceWithoutPASID.bytes), inserting: insertion)
    let link = try #require(insertion.link)
    for (offset, value) in [
      (link.offset, link.value), (place, insertion.capability[0].value), (place + 4, 0x1406),
    ] {
      for written in [0, UInt32.max, ~value] {
        for index in 0..<4 {
          space.write(written, .byte, at: offset + index)
        }
        space.write(written & 0xFFFF, .word, at: offset)
        if offset != place + 4 {
          space.write(written, .word, at: offset + 2)
          space.write(written, .dword, at: offset)
        } else {
          space.emulation.reset()
        }
        #expect(space.read(.dword, at: offset) == value)
      }
    }
    #expect(space.physical.bytes == deviceWithoutPASID.bytes)
  }

  @Test("the guest's own walk finds the capability", arguments: [0x230, 0xFF8, 0x148])
  func walk(_ place: Int) throws {
    var space = try VirtualConfigSpace(deviceWithoutPASID, inserting: insertPASID(at: place))
    let seen = try ConfigSpace((0..<4096).map { UInt8(space.read(.byte, at: $0)) })
    let walk = seen.walkCapabilities()
    #expect(walk.problems.isEmpty)
    let found = walk.extended.filter { $0.id == Capability.pasidID }
    #expect(found.map(\.offset) == [place])
    let old = deviceWithoutPASID.walkCapabilities().extended
    #expect(
      walk.extended.map(\.offset).filter { $0 != place } == old.map(\.offset))
  }

  @Test("reset disables, and tells so")
  func reset() throws {
    var space = try VirtualConfigSpace(deviceWithoutPASID, inserting: insertPASID(at: 0xFF8))
    #expect(space.emulation.pasidControl?.isEnabled == false)
    #expect(space.emulation.reset().isEmpty)
    let change = space.write(0x5, .word, at: 0xFFE).pasidControl
    #expect(change?.old.isEnabled == false)
    #expect(change?.new.isEnabled == true)
    #expect(change?.new.allowsPrivileged == true)
    #expect(change?.new.allowsExecute == false)
    #expect(space.write(0x5, .word, at: 0xFFE).pasidControl == nil)
    let end = space.emulation.reset().pasidControl
    #expect(end?.old.rawValue == 5)
    #expect(end?.new.rawValue == 0)
    #expect(space.read(.word, at: 0xFFE) == 0)
  }

  @Test("without the capability there is no control register")
  func absent() {
    #expect(VirtualConfigSpace(deviceWithoutPASID).emulation.pasidControl == nil)
  }

  @Test("a PASID capability that is cut short or longer than usual is no trap", arguments: 0...3)
  func oddLength(_ dwords: Int) throws {
    let new = NewExtendedCapability(
      id: Capability.pasidID, version: 1, body: Array(repeating: 0xFFFF_FFFF, count: dwords))
    let map = LayoutMap(of: deviceWithoutPASID)
    let insertion = try map.inserting(new, at: 0xE00, in: deviceWithoutPASID)
    var space = try VirtualConfigSpace(deviceWithoutPASID, inserting: insertion)
    space.write(0xFFFF_FFFF, .dword, at: 0xE04)
    #expect(space.emulation.pasidControl?.rawValue == (dwords == 0 ? nil : 7))
    #expect(space.read(.dword, at: 0xE04) == (dwords == 0 ? 0 : 0x0007_FFFF))
  }
}
