import PCIe
import Testing

@Suite("Virtual config space: registers and their state")
struct VirtualConfigSpaceStateTests {
  static let rows = [
    EmulatedRegister(offset: 0x3C, width: .byte, reset: 0xFF, writable: 0xFF),
    EmulatedRegister(
      offset: 0x306, width: .word, reset: 0x0100, writeOneToClear: 0x0003, status: 0x0100),
  ]

  static func emulation() throws -> ConfigEmulation {
    var emulation = try ConfigEmulation(rows)
    try emulation.add(insertPASID(at: 0xFF8))
    return emulation
  }

  @Test("the state of one side is the state of the other")
  func roundTrip() throws {
    var source = VirtualConfigSpace(deviceWithoutPASID, emulation: try Self.emulation())
    source.write(7, .word, at: 0xFFE)
    source.write(0x12, .byte, at: 0x3C)
    source.emulation.set(0x0003, at: 0x306)
    var destination = VirtualConfigSpace(deviceWithoutPASID, emulation: try Self.emulation())
    let changes = try destination.emulation.restore(source.emulation.state)
    #expect(changes.map(\.offset) == [0x3C, 0x306, 0xFFE])
    #expect(changes.pasidControl?.new.isEnabled == true)
    #expect(destination.emulation == source.emulation)
    for offset in 0..<4096 {
      #expect(destination.read(.byte, at: offset) == source.read(.byte, at: offset))
    }
    #expect(try destination.emulation.restore(source.emulation.state).isEmpty)
  }

  @Test("a state from elsewhere is refused by its first difference, and changes nothing")
  func foreign() throws {
    var emulation = try Self.emulation()
    let here = emulation
    var state = emulation.state
    state[0] = EmulatedValue(offset: 0x3C, bytes: 1, value: 0)

    func refusal(_ change: (inout [EmulatedValue]) -> Void) throws -> EmulatedStateError? {
      var foreign = state
      change(&foreign)
      defer { #expect(emulation == here) }
      return #expect(throws: EmulatedStateError.self) { try emulation.restore(foreign) }
    }
    // In order: 0x3c, 0x306, the link at 0x240, … sorted by offset.
    #expect(state.map(\.offset) == [0x3C, 0x240, 0x306, 0xFF8, 0xFFC, 0xFFE])
    #expect(try refusal { $0 = [] } == .layout(offset: 0x3C, here: 1, state: 0))
    #expect(try refusal { $0.removeLast() } == .layout(offset: 0xFFE, here: 2, state: 0))
    #expect(try refusal { $0.remove(at: 1) } == .layout(offset: 0x240, here: 4, state: 0))
    #expect(try refusal { $0.append($0[5]) } == .layout(offset: 0xFFE, here: 0, state: 2))
    #expect(
      try refusal { $0.insert(EmulatedValue(offset: 0x10, bytes: 4, value: 0), at: 0) }
        == .layout(offset: 0x10, here: 0, state: 4))
    #expect(
      try refusal { $0[5] = EmulatedValue(offset: 0xFFE, bytes: 1, value: 0) }
        == .layout(offset: 0xFFE, here: 2, state: 1))
    #expect(
      try refusal { $0[0] = EmulatedValue(offset: .min, bytes: .max, value: 0) }
        == .layout(offset: .min, here: 0, state: .max))
    #expect(
      try refusal { $0[5] = EmulatedValue(offset: 0xFFE, bytes: 2, value: 0x1_0001) }
        == .constantBits(offset: 0xFFE, bytes: 2, here: 0, state: 0x1_0001))
    #expect(
      try refusal { $0[4] = EmulatedValue(offset: 0xFFC, bytes: 2, value: 0x1402) }
        == .constantBits(offset: 0xFFC, bytes: 2, here: 0x1406, state: 0x1402))
  }

  @Test("a refusal names the place and the bytes")
  func words() {
    let errors: [any Error & CustomStringConvertible] = [
      EmulatedStateError.layout(offset: 0xFF8, here: 4, state: 0),
      EmulatedStateError.constantBits(offset: 0xFF8, bytes: 4, here: 0x1B, state: 0x1001B),
      EmulationRefusal.overlaps(offset: 0xFF8, bytes: 4, existing: 0xFFA),
      EmulationRefusal.misaligned(offset: 0xFF8, bytes: 4),
      EmulationRefusal.outOfRange(offset: 0xFF8, bytes: 4),
    ]
    for error in errors {
      #expect(error.description.contains("0xff8"))
      #expect(error.description.contains("4 "))
    }
  }

  @Test("registers that share a byte are refused", arguments: AccessWidth.allCases)
  func overlap(_ width: AccessWidth) throws {
    for existing in AccessWidth.allCases {
      for first in stride(from: 0x100, to: 0x108, by: existing.rawValue) {
        let base = try ConfigEmulation([
          EmulatedRegister(offset: first, width: existing, reset: 0)
        ])
        for second in stride(from: 0xFC, to: 0x10C, by: width.rawValue) {
          var emulation = base
          let shared = (first..<first + existing.rawValue).overlaps(
            second..<second + width.rawValue)
          let row = EmulatedRegister(offset: second, width: width, reset: 0)
          if shared {
            #expect(
              throws: EmulationRefusal.overlaps(
                offset: second, bytes: width.rawValue, existing: first)
            ) { try emulation.add(row) }
            #expect(emulation == base)
          } else {
            try emulation.add(row)
            #expect(emulation.registers.map(\.offset) == [first, second].sorted())
          }
        }
      }
    }
  }

  @Test(
    "registers that no space can hold are refused",
    arguments: [
      (-4, AccessWidth.dword), (4096, .byte), (4096, .dword), (.max - 3, .dword), (.min, .byte),
    ])
  func outside(_ offset: Int, _ width: AccessWidth) {
    #expect(throws: EmulationRefusal.outOfRange(offset: offset, bytes: width.rawValue)) {
      try ConfigEmulation([EmulatedRegister(offset: offset, width: width, reset: 0)])
    }
  }

  @Test("registers are naturally aligned", arguments: [0x101, 0x102, 0x103, 0xFFF])
  func misaligned(_ offset: Int) {
    #expect(throws: EmulationRefusal.misaligned(offset: offset, bytes: 4)) {
      try ConfigEmulation([EmulatedRegister(offset: offset, width: .dword, reset: 0)])
    }
  }

  @Test("the VMM sets what hardware would, and nothing else")
  func hardwareSide() throws {
    var emulation = try Self.emulation()
    #expect(emulation.set(0xFFFF, at: 0x306)?.new == 0x0103)
    emulation.write(0x0101, .word, at: 0x306)
    #expect(emulation.value(at: 0x306) == 0x0102)
    #expect(emulation.set(0, at: 0x306)?.old == 0x0102)
    #expect(emulation.set(0, at: 0x306) == nil)
    #expect(emulation.set(0xFFFF_FFFF, at: 0xFF8) == nil)
    #expect(emulation.set(0, at: 0x307) == nil)
    #expect(emulation.value(at: 0x307) == nil)
    emulation.reset()
    #expect(emulation.value(at: 0x306) == 0x0100)
  }

  @Test("capabilities are added one after the other, each linked by the one before")
  func several() throws {
    var config = deviceWithoutPASID
    var emulation = ConfigEmulation()
    let other = NewExtendedCapability(id: 0x000E, version: 1, body: [1])
    for (new, offset) in [(PASIDCapability().extendedCapability, 0xE00), (other, 0xF00)] {
      let insertion = try LayoutMap(of: config).inserting(new, at: offset, in: config)
      try emulation.add(insertion)
      config = config.applying(insertion.patches)
    }
    try expect(VirtualConfigSpace(deviceWithoutPASID, emulation: emulation), shows: config)
  }

  @Test("a capability may take the place of the placeholder that an earlier one needed")
  func placeholder() throws {
    let empty = ConfigSpaceBuilder(deviceWithoutPASID)
    var builder = ConfigSpaceBuilder()
    for offset in 0..<0x100 { builder.put8(empty.config.read8(offset), at: offset) }
    let device = builder.config
    var config = device
    var emulation = ConfigEmulation()
    let other = NewExtendedCapability(id: 0x000E, version: 1, body: [1])
    for (new, offset) in [(PASIDCapability().extendedCapability, 0xFF8), (other, 0x100)] {
      let insertion = try LayoutMap(of: config).inserting(new, at: offset, in: config)
      try emulation.add(insertion)
      config = config.applying(insertion.patches)
    }
    try expect(VirtualConfigSpace(device, emulation: emulation), shows: config)
  }

  @Test("a capability over an earlier one is refused, and changes nothing")
  func insertionOverlap() throws {
    var emulation = try Self.emulation()
    let before = emulation
    // Found in the device's bytes alone, where the first insertion is not seen.
    let again = try insertPASID(at: 0xFF4)
    #expect(throws: EmulationRefusal.overlaps(offset: 0xFF8, bytes: 2, existing: 0xFF8)) {
      try emulation.add(again)
    }
    #expect(emulation == before)
  }

  private func expect(
    _ space: VirtualConfigSpace<ConfigSpace>, shows config: ConfigSpace
  ) throws {
    var space = space
    for offset in stride(from: 0, to: 4096, by: 4) {
      #expect(space.read(.dword, at: offset) == config.read32(offset))
    }
  }
}

/// A device that has an owner, as one behind a file descriptor does.
private struct OwnedDevice: ~Copyable, PhysicalConfigSpace {
  var register: UInt32 = 0

  mutating func read(_ width: AccessWidth, at offset: Int) -> UInt32 { register }
  mutating func write(_ value: UInt32, _ width: AccessWidth, at offset: Int) { register = value }
}

@Test("a device that cannot be copied can stand behind a virtual config space")
func noncopyableDevice() {
  var space = VirtualConfigSpace(OwnedDevice())
  space.write(0x1234, .word, at: 0x10)
  #expect(space.read(.word, at: 0x10) == 0x1234)
}
