import PCIe
import Testing

@Suite("Virtual config space: every access")
struct VirtualConfigSpaceAccessTests {
  /// Registers of every size at awkward places: neighbours, single bytes, ends of dwords, of words of
  /// the bit set and of the space.
  static let rows = [
    EmulatedRegister(offset: 0x004, width: .word, reset: 0x10, writable: 0x0547),
    EmulatedRegister(offset: 0x00E, width: .byte, reset: 0x80),
    EmulatedRegister(offset: 0x03C, width: .byte, reset: 0xFF, writable: 0xFF),
    EmulatedRegister(offset: 0x301, width: .byte, reset: 0x5A, writable: 0x0F),
    EmulatedRegister(offset: 0x306, width: .word, reset: 0xFFFF, writeOneToClear: 0xF0F0),
    EmulatedRegister(
      offset: 0x308, width: .dword, reset: 0xFF00_00F0, writable: 0x00FF_FF0F,
      writeOneToClear: 0xFF00_0000, locked: 0xFFFF_0F00, lock: 0x0000_8001),
    EmulatedRegister(offset: 0x30D, width: .byte, reset: 1, writable: 0x81),
    EmulatedRegister(offset: 0x30E, width: .byte, reset: 2, writable: 0x82),
    EmulatedRegister(offset: 0x30F, width: .byte, reset: 3, writable: 0x83),
    EmulatedRegister(offset: 0x310, width: .byte, reset: 4, writable: 0x84),
    EmulatedRegister(offset: 0x33E, width: .word, reset: 0xBEEF, writable: 0xFF),
    EmulatedRegister(offset: 0x341, width: .byte, reset: 0x77),
    EmulatedRegister(offset: 0x37F, width: .byte, reset: 0x66, writable: 0x10),
    EmulatedRegister(offset: 0x3C0, width: .byte, reset: 0x55, writable: 0x20),
    EmulatedRegister(offset: 0xFF5, width: .byte, reset: 0x44),
  ]

  @Test("every offset and width reads as the bytes do", arguments: AccessWidth.allCases)
  func reads(_ width: AccessWidth) throws {
    for pasid in [0x230, 0xFF8] {
      var rig = try Rig(pasidAt: pasid, rows: Self.rows)
      rig.space.physical.answersRubbish = true
      for offset in 0..<4096 {
        if let difference = rig.read(width, at: offset) {
          Issue.record("\(difference)")
          return
        }
      }
      #expect(rig.space.physical.bytes == deviceWithoutPASID.bytes)
    }
  }

  @Test(
    "every offset and width writes as the bytes do", arguments: AccessWidth.allCases,
    [0, 0xFFFF_FFFF, 0x8001_00F1, 0x1122_3344])
  func writes(_ width: AccessWidth, _ value: UInt32) throws {
    for pasid in [0x230, 0xFF8] {
      var rig = try Rig(pasidAt: pasid, rows: Self.rows)
      for offset in 0..<4096 {
        // Rotated, so that neighbours write different bytes over each other.
        let written = value << UInt32(offset % 7) | value >> UInt32(32 - offset % 7)
        if let difference = rig.write(written, width, at: offset) {
          Issue.record("\(difference)")
          return
        }
      }
      #expect(rig.space.physical.bytes == rig.model.device)
    }
  }

  @Test("without emulated registers every access is the device's", arguments: AccessWidth.allCases)
  func transparent(_ width: AccessWidth) {
    var space = VirtualConfigSpace(RecordingDevice(bytes: deviceWithoutPASID.bytes))
    for offset in stride(from: 0, to: 4096, by: width.rawValue) {
      space.physical.log = []
      #expect(space.read(width, at: offset) == deviceWithoutPASID.read(width, at: offset))
      space.write(0, width, at: offset)
      #expect(
        space.physical.log == [
          .init(offset: offset, width: width, isWrite: false),
          .init(offset: offset, width: width, isWrite: true),
        ])
    }
  }

  @Test(
    "outside the space reads all ones and writes nothing", arguments: AccessWidth.allCases,
    [-1, -4, .min, 4096, 4097, 1 << 32, .max - 1, .max])
  func outside(_ width: AccessWidth, _ offset: Int) throws {
    var rig = try Rig(pasidAt: 0xFF8)
    let before = rig.space.emulation
    #expect(rig.space.read(width, at: offset) == [1: 0xFF, 2: 0xFFFF, 4: .max][width.rawValue])
    #expect(rig.space.write(0, width, at: offset).isEmpty)
    #expect(rig.space.physical.log.isEmpty)
    #expect(rig.space.emulation == before)
  }

  @Test("a width that no bus carries is not a width", arguments: [-1, 0, 3, 5, 8, 64])
  func widths(_ bytes: Int) {
    #expect(AccessWidth(rawValue: bytes) == nil)
  }

  @Test("a short snapshot reads all ones behind its end, and drops writes")
  func snapshot() throws {
    let config = ConfigSpaceBuilder(size: 256).config
    var space = VirtualConfigSpace(config)
    #expect(space.read(.dword, at: 0xFE) == 0xFFFF_0000)
    #expect(space.read(.dword, at: 0x100) == 0xFFFF_FFFF)
    space.write(0x1234_5678, .dword, at: 0)
    #expect(space.read(.dword, at: 0) == 0)
  }

  @Test("operations in any order leave what the model has", arguments: UInt64(1)...16)
  func anyOrder(seed: UInt64) throws {
    var random = SeededGenerator(state: seed)
    var rig = try Rig(pasidAt: seed % 2 == 0 ? 0x230 : 0xFF8, rows: Self.rows)
    let emulated = (0..<4096).filter(rig.model.isEmulated)
    var saved: (state: [EmulatedValue], values: [UInt8])?
    for _ in 0..<3000 {
      let width = AccessWidth.allCases.randomElement(using: &random) ?? .byte
      // Mostly near emulated bytes, as elsewhere nothing happens.
      let near = (emulated.randomElement(using: &random) ?? 0) + .random(in: -4...4, using: &random)
      let offset = Int.random(in: 0..<8, using: &random) == 0 ? .random(in: 0..<4096) : max(0, near)
      let difference: String?
      switch Int.random(in: 0..<100, using: &random) {
      case 0:
        rig.space.emulation.reset()
        rig.model.reset()
        difference = nil
      case 1:
        saved = (rig.space.emulation.state, rig.model.values)
        difference = nil
      case 2:
        if let saved {
          try rig.space.emulation.restore(saved.state)
          rig.model.values = saved.values
        }
        difference = nil
      case 3..<40: difference = rig.read(width, at: offset)
      default: difference = rig.write(.random(in: 0 ... .max, using: &random), width, at: offset)
      }
      if let difference {
        Issue.record("\(difference)")
        return
      }
    }
    #expect(rig.space.physical.bytes == rig.model.device)
    for offset in 0..<4096 where rig.read(.byte, at: offset) != nil {
      Issue.record("byte \(offset) differs at the end")
    }
  }
}
