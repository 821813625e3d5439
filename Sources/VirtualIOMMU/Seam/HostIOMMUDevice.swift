/// What the host says of one device and the IOMMU in front of it; made after the device is attached.
public struct HostIOMMUDevice: Sendable {
  /// What PASIDs of the device can do.
  public struct PASIDInfo: Hashable, Sendable {
    /// Bits of a PASID, 1 to 20.
    public var width: UInt8
    /// Whether requests may ask for execution.
    public var allowsExecute: Bool
    /// Whether requests may be privileged.
    public var allowsPrivileged: Bool

    /// Describes what PASIDs of the device can do.
    ///
    /// - Parameters:
    ///   - width: Bits of a PASID, 1 to 20.
    ///   - allowsExecute: Whether requests may ask for execution.
    ///   - allowsPrivileged: Whether requests may be privileged.
    public init(width: UInt8, allowsExecute: Bool = false, allowsPrivileged: Bool = false) {
      self.width = width
      self.allowsExecute = allowsExecute
      self.allowsPrivileged = allowsPrivileged
    }
  }

  /// The IOMMU in front of the device, as `IOMMU_GET_HW_INFO` describes it.
  public enum Unit: Hashable, Sendable {
    /// VT-d: `IOMMU_HW_INFO_VTD_*` flags, and the registers CAP and ECAP.
    case vtd(flags: UInt32, capability: UInt64, extendedCapability: UInt64)
    /// SMMUv3: the registers IDR0 to IDR5, IIDR and AIDR.
    case smmuv3(idr: [UInt32], iidr: UInt32, aidr: UInt32)
    /// A unit of another `IOMMU_HW_INFO_TYPE_*`.
    case other(type: UInt32)
  }

  /// What the operator calls the device.
  public var name: String
  /// The device's number in its iommufd context.
  public var deviceID: UInt32
  /// The name of the physical function of a virtual one.
  public var parentName: String?
  /// The IOMMU in front of it.
  public var unit: Unit
  /// What its PASIDs can do; `nil` when it has none that can be used.
  public var pasidInfo: PASIDInfo?
  /// Whether the host tracks pages that the device writes.
  public var tracksDirtyPages: Bool
  /// Whether ATS can be used (`IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED` is clear).
  public var supportsATS: Bool
  /// The width in bits of the addresses that the nesting parent translates.
  public var guestAddressWidth: Int
  /// What carries out the guest's wishes.
  public var backend: any DeviceBackend

  /// Describes a device of the host.
  ///
  /// - Parameters:
  ///   - name: What the operator calls the device.
  ///   - deviceID: The device's number in its iommufd context.
  ///   - parentName: The name of the physical function of a virtual one.
  ///   - unit: The IOMMU in front of it.
  ///   - pasidInfo: What its PASIDs can do.
  ///   - tracksDirtyPages: Whether the host tracks pages that the device writes.
  ///   - supportsATS: Whether ATS can be used.
  ///   - guestAddressWidth: The width in bits of the addresses that the nesting parent translates.
  ///   - backend: What carries out the guest's wishes.
  public init(
    name: String, deviceID: UInt32, parentName: String? = nil, unit: Unit,
    pasidInfo: PASIDInfo? = nil, tracksDirtyPages: Bool = false, supportsATS: Bool = false,
    guestAddressWidth: Int = 48, backend: any DeviceBackend
  ) {
    self.name = name
    self.deviceID = deviceID
    self.parentName = parentName
    self.unit = unit
    self.pasidInfo = pasidInfo
    self.tracksDirtyPages = tracksDirtyPages
    self.supportsATS = supportsATS
    self.guestAddressWidth = guestAddressWidth
    self.backend = backend
  }
}
