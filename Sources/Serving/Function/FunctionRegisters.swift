import DeviceModels
import Hardware
import PCIe
import Passthrough

/// The registers of a function that answer writes, as rows of data; every other byte is read-only.
///
/// PCI Express Base Specification 7.5 to 7.9 and 10.5. A bit is writable where the function's own
/// capabilities say that it has the feature, and where a served function can honour it: nothing that
/// would make other functions appear, move the link, or change what power it takes.
enum FunctionRegisters {
  /// A register with what it holds after a reset.
  ///
  /// - Parameters:
  ///   - offset: Where it is.
  ///   - width: Its size.
  ///   - config: The function; read-only bits are as in there.
  ///   - writable: The bits that take what is written.
  ///   - clears: The bits that a written one clears.
  ///   - status: The read-only bits that change by themselves.
  ///   - initial: What the changing bits are after a reset.
  /// - Returns: The row.
  static func row(
    _ offset: Int, _ width: AccessWidth, of config: ConfigSpace, writable: UInt32 = 0,
    clears: UInt32 = 0, status: UInt32 = 0, initial: UInt32 = 0
  ) -> EmulatedRegister {
    let changing = writable | clears | status
    let stated = config.read(width, at: offset) & width.mask
    return EmulatedRegister(
      offset: offset, width: width, reset: stated & ~changing | initial & changing,
      writable: writable, writeOneToClear: clears, status: status)
  }

  /// The rows of the header, type 0.
  static func header(of config: ConfigSpace, _ regions: [DeviceRegion]) -> [EmulatedRegister] {
    // Memory, bus master, parity and SERR# enable, INTx disable; regions of I/O are not served.
    var rows = [
      row(0x04, .word, of: config, writable: 0x0546, clears: 0, status: 1),
      // The error bits clear; interrupt status follows the line.
      row(0x06, .word, of: config, clears: 0xF900, status: 1 << 3),
      row(0x0C, .byte, of: config, writable: 0xFF),
      row(0x3C, .byte, of: config, writable: 0xFF),
      EmulatedRegister(offset: 0x0E, width: .byte, reset: UInt32(config.headerType)),
      // No ROM.
      EmulatedRegister(offset: 0x30, width: .dword, reset: 0),
    ]
    var registers: [EmulatedRegister?] = Array(repeating: nil, count: 6)
    for region in regions {
      let mask = ~(region.byteCount &- 1)
      let low = UInt32(truncatingIfNeeded: mask) & ~0xF
      let kind: UInt32 = region.kind == .memory64 ? 4 : 0
      registers[region.index] = EmulatedRegister(
        offset: 0x10 + 4 * region.index, width: .dword,
        reset: kind | (region.isPrefetchable ? 8 : 0), writable: low)
      guard region.kind == .memory64 else { continue }
      registers[region.index + 1] = EmulatedRegister(
        offset: 0x14 + 4 * region.index, width: .dword, reset: 0,
        writable: UInt32(truncatingIfNeeded: mask >> 32))
    }
    for (index, register) in registers.enumerated() {
      // One that is not served reads zero, whatever a dump has there.
      rows.append(
        register ?? EmulatedRegister(offset: 0x10 + 4 * index, width: .dword, reset: 0))
    }
    return rows
  }

  /// The rows of a capability of the legacy list.
  static func legacy(_ entry: Capability, of config: ConfigSpace) -> [EmulatedRegister] {
    let start = entry.offset
    switch entry.id {
    case 0x01:
      // Power state and PME enable; PME status would have to be set to be cleared.
      return [row(start + 4, .word, of: config, writable: 0x0103, clears: 0x8000)]
    case 0x05: return messages(at: start, of: config)
    case Capability.pciExpressID: return express(entry, of: config)
    case 0x11: return [row(start + 2, .word, of: config, writable: 0xC000)]
    default: return []
    }
  }

  private static func messages(at start: Int, of config: ConfigSpace) -> [EmulatedRegister] {
    let control = config.read16(start + 2)
    let isWide = control >> 7 & 1 == 1
    // As many bits of Multiple Message Enable as the largest count takes, at most five (32).
    let most = min(UInt32(control >> 1 & 7), 5)
    let counts: UInt32 = most == 0 ? 0 : most == 1 ? 1 : most < 4 ? 3 : 7
    let extendedData: UInt32 = control >> 9 & 1 == 1 ? 1 << 10 : 0
    let data = start + (isWide ? 12 : 8)
    var rows = [
      row(start + 2, .word, of: config, writable: 1 | counts << 4 | extendedData),
      row(start + 4, .dword, of: config, writable: ~3),
      row(data, .word, of: config, writable: 0xFFFF),
    ]
    if isWide { rows.append(row(start + 8, .dword, of: config, writable: .max)) }
    if extendedData != 0 { rows.append(row(data + 2, .word, of: config, writable: 0xFFFF)) }
    if control >> 8 & 1 == 1 {
      let vectors = UInt32(1) << most
      let mask = vectors == 32 ? .max : UInt32(1) << vectors - 1
      rows.append(row(data + 4, .dword, of: config, writable: mask))
      rows.append(row(data + 8, .dword, of: config, status: mask))
    }
    return rows
  }

  private static func express(_ entry: Capability, of config: ConfigSpace) -> [EmulatedRegister] {
    let start = entry.offset
    let capabilities = config.read32(start + 4)
    let hasPhantom = capabilities >> 3 & 3 != 0
    let hasWideTags = capabilities >> 5 & 1 == 1
    // Errors to report, ordering, payload, no snoop, read request; auxiliary power keeps off.
    let control: UInt32 = 0x78FF | (hasWideTags ? 1 << 8 : 0) | (hasPhantom ? 1 << 9 : 0)
    var rows = [
      // After a reset: relaxed ordering, no snoop, read requests of 512 bytes.
      row(start + 8, .word, of: config, writable: control, initial: 0x2810),
      row(start + 0xA, .word, of: config, clears: 0x000F),
    ]
    let size = entry.size ?? 0
    // Link: power states, read boundary, common clock, extended synch, clock power, interrupts.
    let hasLink = config.read16(start + 2) >> 4 & 0xF != 9
    if size >= 0x14, hasLink {
      rows.append(row(start + 0x10, .word, of: config, writable: 0x01CB))
    }
    if size >= 0x2C {
      let second = config.read32(start + 0x24)
      // Each enable with the field of Device Capabilities 2 that says it is there.
      let features: [(enable: UInt32, stated: UInt32)] = [
        (0x000F, 0x000F), (1 << 4, 1 << 4), (1 << 10, 1 << 11), (1 << 12, 1 << 17),
        (3 << 13, 3 << 18),
      ]
      // IDO needs no capability.
      let writable = features.reduce(3 << 8 as UInt32) {
        second & $1.stated != 0 ? $0 | $1.enable : $0
      }
      rows.append(row(start + 0x28, .word, of: config, writable: writable))
    }
    return rows
  }

  /// The rows of a capability of the extended list.
  static func extended(_ entry: Capability, of config: ConfigSpace) -> [EmulatedRegister] {
    let start = entry.offset
    switch entry.id {
    case 0x01:
      let control = config.read32(start + 0x18)
      return [
        row(start + 0x04, .dword, of: config, clears: 0x03FF_F031),
        row(start + 0x08, .dword, of: config, writable: 0x03FF_F031),
        row(start + 0x0C, .dword, of: config, writable: 0x03FF_F031, initial: 0x0046_2030),
        row(start + 0x10, .dword, of: config, clears: 0xF1C1),
        row(start + 0x14, .dword, of: config, writable: 0xF1C1, initial: 0x2000),
        // Each enable exists where its capability bit, one below, is set.
        row(start + 0x18, .dword, of: config, writable: (control & (1 << 5 | 1 << 7)) << 1),
      ]
    case 0x18: return [row(start + 4, .dword, of: config, writable: 0x1FFF_1FFF)]
    case 0x17: return [row(start + 8, .dword, of: config, writable: 0x0307)]
    case TranslationServices.atsID: return TranslationServices.atsRows(at: start)
    case TranslationServices.priID: return TranslationServices.priRows(at: start, in: config)
    case Capability.pasidID:
      return PASIDCapability.registers(config.read16(start + 4), at: start + 4)
    default: return []
    }
  }
}
