import Hardware

/// What a function says about itself that the lengths of its capabilities depend on.
///
/// All of it comes from the PCI Express capability (PCI Express Base Specification 7.5.3).
public struct PortFacts: Hashable, Sendable {
  /// Device/Port Type, PCI Express Capabilities register bits 7:4; `nil` without that capability.
  public let portType: UInt8?
  /// Maximum Link Width in lanes, Link Capabilities bits 9:4; `nil` when there is no link.
  public let lanes: Int?
  /// Whether End-End TLP prefixes are supported, Device Capabilities 2 bit 21.
  public let hasEndEndPrefixes: Bool

  /// A function without a PCI Express capability.
  public static let conventional = PortFacts(portType: nil, lanes: nil, hasEndEndPrefixes: false)

  /// Whether the function is a root port or a switch port.
  public var isPort: Bool { portType.map { (4...6).contains($0) } ?? false }

  /// Whether the function has root error registers: root port or root complex event collector.
  public var hasRootErrors: Bool { portType == 4 || portType == 0xA }

  init(portType: UInt8?, lanes: Int?, hasEndEndPrefixes: Bool) {
    self.portType = portType
    self.lanes = lanes
    self.hasEndEndPrefixes = hasEndEndPrefixes
  }

  /// Reads them from the PCI Express capability at `offset`.
  init(pciExpressAt offset: Int, in config: ConfigSpace) {
    let flags = config.read16(offset + 2)
    let type = UInt8(flags >> 4 & 0xF)
    portType = type
    // Integrated endpoints and event collectors have no link; register 0x0C may not exist there.
    let width = Int(config.read32(offset + 0x0C) >> 4 & 0x3F)
    lanes = type == 9 || type == 0xA || !(1...32).contains(width) ? nil : width
    // Version 1 ends before Device Capabilities 2.
    let second = offset + 0x24 <= 0xFC && flags & 0xF >= 2 ? config.read32(offset + 0x24) : 0
    hasEndEndPrefixes = second >> 21 & 1 == 1
  }
}
