import Hardware

/// Names of a function's config registers: those of the header, and capabilities with an offset.
package struct ConfigRegisterNames: Sendable {
  private let capabilities: [(offset: Int, end: Int, name: String)]
  private let names: [Int: String]

  /// Learns the capabilities of a config space.
  package init(_ config: ConfigSpace) {
    let walk = config.walkCapabilities()
    let all = (walk.legacy + walk.extended).sorted { $0.offset < $1.offset }
    capabilities = all.enumerated().map { index, capability in
      let next = index + 1 < all.count ? all[index + 1].offset : config.size
      let limit = capability.offset < 0x100 ? min(next, 0x100) : next
      let end = capability.size.map { min(limit, capability.offset + $0) } ?? limit
      return (capability.offset, end, capability.shortName)
    }
    names = Self.header
  }

  /// The name of the register at an offset; `nil` where there is none.
  package func name(at offset: Int) -> String? {
    if offset < 0x40 {
      if let name = names[offset] { return name }
      // The middle of a register that is wider than the access.
      return (0x10..<0x28).contains(offset)
        ? "BAR\((offset - 0x10) / 4)+\((offset - 0x10) % 4)" : nil
    }
    guard let found = capabilities.last(where: { $0.offset <= offset }), offset < found.end else {
      return nil
    }
    let inside = offset - found.offset
    return inside == 0 ? found.name : "\(found.name)+\(inside.hex)"
  }

  /// Registers of a type 0 header, PCI Local Bus Specification 6.1.
  private static let header: [Int: String] = [
    0x00: "Vendor ID", 0x02: "Device ID", 0x04: "Command", 0x06: "Status", 0x08: "Revision ID",
    0x09: "Class Code", 0x0A: "Subclass", 0x0B: "Base Class", 0x0C: "Cache Line Size",
    0x0D: "Latency Timer", 0x0E: "Header Type", 0x0F: "BIST", 0x10: "BAR0", 0x14: "BAR1",
    0x18: "BAR2", 0x1C: "BAR3", 0x20: "BAR4", 0x24: "BAR5", 0x28: "CardBus CIS",
    0x2C: "Subsystem Vendor ID", 0x2E: "Subsystem ID", 0x30: "Expansion ROM",
    0x34: "Capabilities Pointer", 0x3C: "Interrupt Line", 0x3D: "Interrupt Pin", 0x3E: "Min Gnt",
    0x3F: "Max Lat",
  ]
}
