public import Hardware
import HostABI

/// What a guest says of a page table that it wrote itself.
public enum GuestStage1: Hashable, Sendable {
  /// A first-stage table of VT-d.
  case vtd(VTdFirstStage)
  /// A stream table entry of SMMUv3, its first two words; it needs a ``VirtualIOMMU``.
  case smmuv3(word0: UInt64, word1: UInt64)

  /// The structure's type and bytes in `IOMMU_HWPT_ALLOC`.
  var data: (type: UInt32, bytes: [UInt8]) {
    var bytes: [UInt8] = []
    switch self {
    case .vtd(let stage):
      bytes.append(little: stage.options.rawValue)
      bytes.append(little: stage.tableAddress.rawValue)
      bytes.append(little: stage.addressWidth)
      bytes.append(little: UInt32(0))
      return (HWPTDataType.vtdStage1, bytes)
    case .smmuv3(let word0, let word1):
      bytes.append(little: word0)
      bytes.append(little: word1)
      return (HWPTDataType.armSMMUv3, bytes)
    }
  }
}

/// A guest's first-stage table under VT-d (`struct iommu_hwpt_vtd_s1`).
public struct VTdFirstStage: Hashable, Sendable {
  /// What the table asks of the hardware.
  public struct Options: OptionSet, Hashable, Sendable {
    /// The bits as in the structure.
    public let rawValue: UInt64

    /// Makes a set of the structure's bits.
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// SRE: supervisor requests are translated.
    public static let supervisorRequests = Self(rawValue: 1)
    /// EAFE: extended accessed flags are set.
    public static let extendedAccessedFlag = Self(rawValue: 2)
    /// WPE: write protection holds for supervisor requests too; without those it does nothing.
    public static let writeProtection = Self(rawValue: 4)
  }

  /// Guest-physical address of the top table; its low 12 bits are left out.
  public var tableAddress: GuestPhysicalAddress
  /// Bits of an address that the table translates: 48, or 57 where the unit has five levels.
  public var addressWidth: UInt32
  /// What the table asks of the hardware.
  public var options: Options

  /// Describes a table.
  ///
  /// - Parameters:
  ///   - tableAddress: Guest-physical address of the top table. Linux neither checks nor masks its
  ///     low 12 bits, so they are cleared here.
  ///   - addressWidth: Bits of an address, 48 or 57.
  ///   - options: What the table asks of the hardware.
  public init(
    tableAddress: GuestPhysicalAddress, addressWidth: UInt32 = 48, options: Options = []
  ) {
    self.tableAddress = GuestPhysicalAddress(tableAddress.rawValue & ~0xFFF)
    self.addressWidth = addressWidth
    self.options = options
  }
}
