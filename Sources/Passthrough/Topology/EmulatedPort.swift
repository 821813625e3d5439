public import PCIe

/// Config spaces of ports that carry PASIDs, for VMMs that emulate their ports with ours.
///
/// A port has a PCI Express capability of version 2 with End-End TLP prefixes (Device Capabilities 2
/// bits 20 and 21) and Access Control Services, which Linux turns on by itself at boot.
public enum EmulatedPort {
  /// Where the PCI Express capability is.
  public static let expressOffset = 0x40
  /// Where the Access Control Services are.
  public static let accessControlOffset = 0x100

  /// Makes a port as it comes out of reset.
  ///
  /// - Parameters:
  ///   - kind: A root port, or a switch's upstream or downstream port; anything else is a bug of
  ///     ours and traps.
  ///   - vendorID: PCI vendor ID.
  ///   - deviceID: PCI device ID.
  ///   - isMultiFunction: Whether its device has several functions.
  /// - Returns: The config space; the VMM passes changes of the secondary bus number, at 0x19, on
  ///   to ``PCITopology/setNumber(_:of:)``.
  public static func make(
    _ kind: PCIFunction.Kind = .rootPort, vendorID: UInt16, deviceID: UInt16,
    isMultiFunction: Bool = false
  ) -> VirtualConfigSpace<ConfigSpace> {
    let config = bytes(kind, vendorID, deviceID, isMultiFunction)
    let walk = config.walkCapabilities()
    var rows = headerRows + expressRows(config)
    if walk.first(AccessControl.capabilityID, in: .extended) != nil {
      rows.append(
        EmulatedRegister(
          offset: accessControlOffset + 6, width: .word, reset: 0,
          writable: UInt32(AccessControl.Services.offered.rawValue)))
    }
    do {
      return VirtualConfigSpace(config, emulation: try ConfigEmulation(rows))
    } catch {
      preconditionFailure("rows of a port overlap: \(error)")
    }
  }

  private static func bytes(
    _ kind: PCIFunction.Kind, _ vendorID: UInt16, _ deviceID: UInt16, _ isMultiFunction: Bool
  ) -> ConfigSpace {
    let type: UInt16 =
      switch kind {
      case .rootPort: 4
      case .upstreamPort: 5
      case .downstreamPort: 6
      default: preconditionFailure("only ports are made here")
      }
    let hasSlot = kind != .upstreamPort
    var port = ConfigSpaceBuilder()
    port.put16(vendorID, at: 0x00)
    port.put16(deviceID, at: 0x02)
    // A capability list; a PCI-to-PCI bridge.
    port.put16(0x10, at: 0x06)
    port.put32(0x0604_0000, at: 0x08)
    port.put8(isMultiFunction ? 0x81 : 0x01, at: 0x0E)
    // 64-bit prefetchable window, and 32-bit ports.
    port.put32(0x0000_0101, at: 0x1C)
    port.put32(0x0001_0001, at: 0x24)
    port.put8(UInt8(expressOffset), at: 0x34)
    port.put16(0x0010, at: expressOffset)
    port.put16(2 | type << 4 | (hasSlot ? 1 << 8 : 0), at: expressOffset + 2)
    // Role-based error reporting.
    port.put32(0x0000_8000, at: expressOffset + 4)
    // Sixteen lanes at 16 GT/s, active state reporting for hot-plug.
    port.put32(0x0000_0104 | (hasSlot ? 1 << 20 : 0), at: expressOffset + 0x0C)
    port.put16(0x0104 | (hasSlot ? 1 << 13 : 0), at: expressOffset + 0x12)
    // ARI forwarding, extended formats, and End-End TLP prefixes, up to four.
    port.put32(1 << 5 | 1 << 20 | 1 << 21, at: expressOffset + 0x24)
    // 2.5 to 16 GT/s.
    port.put32(0x0000_001E, at: expressOffset + 0x2C)
    // A switch's upstream port alone in its device is never asked for these services.
    if kind != .upstreamPort || isMultiFunction {
      port.putExtendedHeader(id: AccessControl.capabilityID, next: 0, at: accessControlOffset)
      port.put16(AccessControl.Services.offered.rawValue, at: accessControlOffset + 4)
    }
    return port.config
  }

  /// The writable registers of a bridge's header (PCI Express Base Specification 7.5.1.3).
  private static var headerRows: [EmulatedRegister] {
    [
      EmulatedRegister(offset: 0x04, width: .word, reset: 0, writable: 0x0547),
      EmulatedRegister(
        offset: 0x06, width: .word, reset: 0x0010, writeOneToClear: 0xF900),
      EmulatedRegister(offset: 0x0C, width: .byte, reset: 0, writable: 0xFF),
      // Primary, secondary and subordinate bus.
      EmulatedRegister(offset: 0x18, width: .byte, reset: 0, writable: 0xFF),
      EmulatedRegister(offset: 0x19, width: .byte, reset: 0, writable: 0xFF),
      EmulatedRegister(offset: 0x1A, width: .byte, reset: 0, writable: 0xFF),
      EmulatedRegister(offset: 0x1C, width: .word, reset: 0x0101, writable: 0xF0F0),
      EmulatedRegister(offset: 0x1E, width: .word, reset: 0, writeOneToClear: 0xF900),
      EmulatedRegister(offset: 0x20, width: .dword, reset: 0, writable: 0xFFF0_FFF0),
      EmulatedRegister(offset: 0x24, width: .dword, reset: 0x0001_0001, writable: 0xFFF0_FFF0),
      EmulatedRegister(offset: 0x28, width: .dword, reset: 0, writable: .max),
      EmulatedRegister(offset: 0x2C, width: .dword, reset: 0, writable: .max),
      EmulatedRegister(offset: 0x30, width: .dword, reset: 0, writable: .max),
      EmulatedRegister(offset: 0x3C, width: .byte, reset: 0, writable: 0xFF),
      EmulatedRegister(offset: 0x3E, width: .word, reset: 0, writable: 0x0043),
    ]
  }

  /// The control registers of the PCI Express capability.
  private static func expressRows(_ config: ConfigSpace) -> [EmulatedRegister] {
    let at = expressOffset
    return [
      EmulatedRegister(offset: at + 0x08, width: .word, reset: 0, writable: 0x70FF),
      EmulatedRegister(offset: at + 0x0A, width: .word, reset: 0, writeOneToClear: 0x000F),
      EmulatedRegister(offset: at + 0x10, width: .word, reset: 0, writable: 0x0FFB),
      // ARI forwarding enable, and End-End TLP prefix blocking.
      EmulatedRegister(offset: at + 0x28, width: .word, reset: 0, writable: 1 << 5 | 1 << 15),
    ]
  }
}
