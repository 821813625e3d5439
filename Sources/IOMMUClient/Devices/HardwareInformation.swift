public import HostABI

/// What the kernel says about a device's IOMMU and the device's PASIDs (`IOMMU_GET_HW_INFO`).
public struct HardwareInformation: Hashable, Sendable {
  /// The IOMMU in front of the device.
  public enum Unit: Hashable, Sendable {
    /// The kernel tells nothing.
    case untold
    /// An Intel VT-d unit.
    case vtd(VTdHardware)
    /// An Arm SMMUv3.
    case smmuv3(SMMUv3Hardware)
    /// A kind that this library does not decode, with its bytes.
    case other(type: UInt32, bytes: [UInt8])
  }

  /// The IOMMU.
  public let unit: Unit
  /// Bits of a PASID that the device and its IOMMU can both do; 0 when one of them does none.
  ///
  /// A virtual function has those of its physical function.
  public let pasidWidth: Int
  /// What the kernel lets the device do.
  public let capabilities: HardwareCapabilities

  /// Whether written pages can be recorded.
  public var tracksDirtyPages: Bool { capabilities.contains(.dirtyTracking) }
  /// Whether the device may be told to use ATS.
  public var allowsATS: Bool { !capabilities.contains(.noATS) }
  /// Whether requests with a PASID may ask to execute.
  public var allowsPASIDExecute: Bool {
    pasidWidth > 0 && capabilities.contains(.pasidExecute)
  }
  /// Whether requests with a PASID may be privileged.
  public var allowsPASIDPrivileged: Bool {
    pasidWidth > 0 && capabilities.contains(.pasidPrivileged)
  }
}

extension BoundDevice {
  /// Bytes of the longest structure that any IOMMU's information takes, and some more.
  private static var informationSize: Int { 256 }

  /// What the kernel says about the device's IOMMU and PASIDs.
  ///
  /// - Returns: The facts, decoded.
  /// - Throws: ``IOMMUError`` with `ENOENT` for a device that has no IOMMU of its own (mediated).
  public func hardwareInformation() throws(IOMMUError) -> HardwareInformation {
    let size = Self.informationSize
    return try context.scratch.with(size) { (scratch) throws(IOMMUError) in
      var argument = HardwareInfoArgument()
      argument.deviceID = id
      argument.dataLength = UInt32(size)
      argument.dataAddress = scratch.address
      try context.perform(.getHardwareInfo, &argument, about: [handle.name])
      let bytes = try scratch.load(min(size, Int(argument.dataLength)))
      return HardwareInformation(
        unit: .init(argument.dataType, bytes), pasidWidth: Int(argument.outMaxPASIDLog2),
        capabilities: HardwareCapabilities(rawValue: argument.outCapabilities))
    }
  }
}

extension HardwareInformation.Unit {
  /// Decodes a structure; one that ends early has zeros in what is missing.
  init(_ type: UInt32, _ bytes: [UInt8]) {
    switch type {
    case HardwareInfoType.none where bytes.isEmpty: self = .untold
    case HardwareInfoType.vtd:
      self = .vtd(
        VTdHardware(
          flags: bytes.little(UInt32.self, at: 0),
          capability: VTdCapability(rawValue: bytes.little(UInt64.self, at: 8)),
          extended: VTdExtendedCapability(rawValue: bytes.little(UInt64.self, at: 16))))
    case HardwareInfoType.armSMMUv3:
      self = .smmuv3(
        SMMUv3Hardware(
          flags: bytes.little(UInt32.self, at: 0),
          idr0: SMMUv3IDR0(rawValue: bytes.little(UInt32.self, at: 8)),
          idr1: SMMUv3IDR1(rawValue: bytes.little(UInt32.self, at: 12)),
          idr3: SMMUv3IDR3(rawValue: bytes.little(UInt32.self, at: 20)),
          idr5: SMMUv3IDR5(rawValue: bytes.little(UInt32.self, at: 28)),
          iidr: bytes.little(UInt32.self, at: 32), aidr: bytes.little(UInt32.self, at: 36)))
    default: self = .other(type: type, bytes: bytes)
    }
  }
}
