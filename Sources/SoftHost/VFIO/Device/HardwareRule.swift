import PCIe

/// How a function's own register answers writes (PCI Express Base Specification 7.5 to 7.9).
struct HardwareRule: Hashable, Sendable {
  /// The offset of the lowest byte, from the start of the header or capability.
  let offset: Int
  /// The size in bytes.
  let byteCount: Int
  /// The bits that take what is written.
  let writable: UInt32
  /// The bits that a written one clears.
  let clears: UInt32
  /// What becomes of its value in a function reset.
  let keeping: Keeping

  /// Who remembers a register over a function reset.
  enum Keeping: Hashable, Sendable {
    /// Nobody: it starts anew.
    case none
    /// The kernel's saved state, which also comes back when the function is closed.
    case saved
    /// The part of the kernel that turned the feature on, for as long as it is on.
    case driver
  }

  init(
    _ offset: Int, _ byteCount: Int, writable: UInt32 = 0, clears: UInt32 = 0,
    _ keeping: Keeping = .saved
  ) {
    self.offset = offset
    self.byteCount = byteCount
    self.writable = writable
    self.clears = clears
    self.keeping = keeping
  }

  /// The header's registers.
  static func header(of description: FunctionDescription) -> [HardwareRule] {
    var rules: [HardwareRule] = [
      // A virtual function has bus mastering alone.
      .init(4, 2, writable: description.isVirtualFunction ? 0x0004 : 0x0547),
      .init(6, 2, clears: 0xF900, .none),
      .init(0x0C, 1, writable: 0xFF),
      .init(0x3C, 1, writable: 0xFF),
    ]
    guard !description.isVirtualFunction else { return rules }
    for bar in description.bars {
      let mask = ~(bar.byteCount &- 1)
      let low = UInt32(truncatingIfNeeded: mask) & (bar.kind == .io ? ~3 : ~0xF)
      rules.append(.init(bar.registerOffset, 4, writable: low))
      if bar.kind == .memory64 {
        rules.append(
          .init(bar.registerOffset + 4, 4, writable: UInt32(truncatingIfNeeded: mask >> 32)))
      }
    }
    if let rom = description.rom {
      rules.append(
        .init(0x30, 4, writable: ~(UInt32(truncatingIfNeeded: rom.byteCount) &- 1) | 1))
    }
    return rules
  }

  /// The registers of a legacy capability.
  static func legacy(_ entry: Capability, in config: ConfigSpace) -> [HardwareRule] {
    switch entry.id {
    case 0x01: return [.init(4, 2, writable: 0x0103, clears: 0x8000, .none)]
    case 0x05: return messages(control: config.read16(entry.offset + 2))
    case 0x07: return [.init(2, 2, writable: 0x007F)]
    case 0x10:
      var rules: [HardwareRule] = [
        .init(0x08, 2, writable: 0x7FFF), .init(0x0A, 2, clears: 0x000F, .none),
      ]
      let size = entry.size ?? 0
      if size >= 0x14 { rules.append(.init(0x10, 2, writable: 0x0FFB)) }
      // The entry may be cut by what follows; a version 1 capability ends before these.
      if size >= 0x2C { rules.append(.init(0x28, 2, writable: 0xFFFF)) }
      return rules
    case 0x11: return [.init(2, 2, writable: 0xC000)]
    default: return []
    }
  }

  private static func messages(control: UInt16) -> [HardwareRule] {
    let isWide = control >> 7 & 1 == 1
    let data = isWide ? 12 : 8
    var rules: [HardwareRule] = [
      .init(2, 2, writable: 0x0071), .init(4, 4, writable: ~3), .init(data, 2, writable: 0xFFFF),
    ]
    if isWide { rules.append(.init(8, 4, writable: .max)) }
    if control >> 8 & 1 == 1 { rules.append(.init(data + 4, 4, writable: .max)) }
    return rules
  }

  /// The registers of an extended capability.
  static func extended(_ entry: Capability, in config: ConfigSpace) -> [HardwareRule] {
    let capability = config.read32(entry.offset + 4)
    switch entry.id {
    case 0x01:
      let control = config.read32(entry.offset + 0x18)
      return [
        .init(0x04, 4, clears: 0x03FF_F031), .init(0x08, 4, writable: 0x03FF_F031),
        .init(0x0C, 4, writable: 0x03FF_F031), .init(0x10, 4, clears: 0xF1C1),
        .init(0x14, 4, writable: 0xF1C1),
        // Each enable exists where its capability bit, one below, is set.
        .init(0x18, 4, writable: (control & (1 << 5 | 1 << 7)) << 1),
      ]
    case 0x04: return [.init(4, 1, writable: 0xFF, .none)]
    case 0x0F: return [.init(6, 2, writable: 0x801F, .driver)]
    case 0x10:
      return [
        .init(0x08, 2, writable: 0x001F), .init(0x10, 2, writable: 0xFFFF),
        .init(0x20, 4, writable: .max),
      ]
    case 0x13:
      return [
        .init(4, 2, writable: 0x0001, .driver), .init(6, 2, clears: 0x0003, .none),
        .init(12, 4, writable: .max, .driver),
      ]
    case 0x17: return [.init(8, 4, writable: 0x0307)]
    case 0x18: return [.init(4, 4, writable: 0x1FFF_1FFF)]
    case 0x1B:
      return [.init(6, 2, writable: 1 | capability & 0b110, .driver)]
    // DOE control: interrupt enable; abort and go are commands that read zero.
    case 0x2E: return [.init(8, 4, writable: 1 << 1, .none)]
    default: return []
    }
  }
}
