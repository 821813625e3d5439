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

  /// Whether the function is a bridge between PCI Express and conventional PCI or PCI-X.
  public var isConventionalBridge: Bool { portType == 7 || portType == 8 }

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
    // A register that would lie past the list's part of config space is somebody else's bytes.
    let end = min(config.size, CapabilityList.legacy.offsets.upperBound + 1)
    // Integrated endpoints and event collectors have no link; register 0x0C may not exist there.
    let width = offset + 0x10 <= end ? Int(config.read32(offset + 0x0C) >> 4 & 0x3F) : 0
    lanes = type == 9 || type == 0xA || !(1...32).contains(width) ? nil : width
    // Version 1 ends before Device Capabilities 2.
    let second = offset + 0x28 <= end && flags & 0xF >= 2 ? config.read32(offset + 0x24) : 0
    hasEndEndPrefixes = second >> 21 & 1 == 1
  }
}
