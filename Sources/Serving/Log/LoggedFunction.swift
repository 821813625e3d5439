package import PCIe
package import VirtualIOMMU
import DeviceModels

/// A served function as its log names it and its registers.
package struct LoggedFunction: Sendable {
  /// Whose registers its regions hold.
  package enum Kind: Sendable {
    /// An accelerator's.
    case accelerator
    /// A VT-d unit's, in region 0.
    case unit(VTdConfiguration)
    /// Some that nobody here knows.
    case other
  }

  /// What the operator calls it.
  package let name: String
  /// Where the guest finds it.
  package let place: PCIAddress
  private let registers: ConfigRegisterNames
  private let unit: VTdRegisterNames?
  private let isAccelerator: Bool

  /// Describes a function.
  ///
  /// - Parameters:
  ///   - name: What the operator calls it.
  ///   - place: Where the guest finds it.
  ///   - config: Its config space, for the names of its registers.
  ///   - kind: Whose registers its regions hold.
  package init(_ name: String, at place: PCIAddress, config: ConfigSpace, kind: Kind) {
    self.name = name
    self.place = place
    registers = ConfigRegisterNames(config)
    switch kind {
    case .accelerator: (unit, isAccelerator) = (nil, true)
    case .unit(let configuration): (unit, isAccelerator) = (VTdRegisterNames(configuration), false)
    case .other: (unit, isAccelerator) = (nil, false)
    }
  }

  /// The name of a register; `nil` where none is known.
  func register(_ region: Int, at offset: UInt64) -> String? {
    if region == RegionName.config { return registers.name(at: Int(clamping: offset)) }
    if let unit { return region == 0 ? unit.name(at: offset) : nil }
    return isAccelerator ? DSARegisterNames.name(at: offset, region: region) : nil
  }

  /// What a value of a register means; `nil` when the number says it all.
  func meaning(of value: UInt64, _ region: Int, at offset: UInt64) -> String? {
    guard region == 0 else { return nil }
    if unit != nil { return VTdRegisterNames.meaning(of: value, at: offset) }
    return isAccelerator ? DSARegisterNames.meaning(of: value, at: offset) : nil
  }
}

/// What VFIO's numbers of regions and interrupts stand for.
enum RegionName {
  static let config = 7

  static func text(_ region: Int) -> String {
    switch region {
    case 0...5: "BAR\(region)"
    case 6: "ROM"
    case config: "config"
    case 8: "VGA"
    default: "region \(region)"
    }
  }

  static func interrupt(_ kind: Int) -> String {
    let names = ["INTx", "MSI", "MSI-X", "error", "request"]
    return names.indices.contains(kind) ? names[kind] : "kind \(kind)"
  }
}
