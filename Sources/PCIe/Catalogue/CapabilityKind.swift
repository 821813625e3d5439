/// One row of the catalogue: a capability ID, what it is called, and how its length is found.
public struct CapabilityKind: Sendable {
  /// The capability ID.
  public let id: UInt16
  /// The name that the specification gives it.
  public let name: StaticString
  /// The short name that people use.
  public let short: StaticString
  /// How its length is found.
  public let length: LengthRule
  /// Whether vfio-pci shows it to a VMM (Linux 7.2, `vfio_pci_config.c`); all others are hidden.
  public let shownByVFIO: Bool

  package init(
    _ id: UInt16, _ short: StaticString, _ name: StaticString, _ length: LengthRule,
    hidden: Bool = false
  ) {
    self.id = id
    self.name = name
    self.short = short
    self.length = length
    self.shownByVFIO = !hidden
  }
}

/// The capability kinds that Passage knows.
///
/// Sources: PCI Express Base Specification 6.x chapters 7.5 to 7.9, PCI Code and ID Assignment
/// Specification, Linux `pci_regs.h`, pciutils `header.h`.
public enum CapabilityCatalogue {
  /// The row for an ID.
  ///
  /// - Parameters:
  ///   - id: The capability ID.
  ///   - list: The list that the ID belongs to.
  /// - Returns: The row, or `nil` when the catalogue has none. Constant time.
  public static func kind(_ id: UInt16, in list: CapabilityList) -> CapabilityKind? {
    let rows = list == .legacy ? legacy : extended
    // The tables are dense and in order of ID (a test says so), so the ID is the index.
    return Int(id) < rows.count ? rows[Int(id)] : nil
  }
}
