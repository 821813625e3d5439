public import PCIe

/// A device that is to be passed through: where the host has it, and where the guest finds it.
public struct DeviceRequest {
  /// Where the VMM has the device from.
  public enum Source {
    /// A VFIO device node, such as `/dev/vfio/devices/vfio0`, with the token that virtual functions
    /// of a physical one in VFIO's hands need.
    case node(String, token: [UInt8]? = nil)
    /// A VFIO device that somebody else opened and did not bind; it is closed with the device.
    case descriptor(Int32, path: String, token: [UInt8]? = nil)
    /// A device that iommufd does not know: one of a legacy container, or of the VMM's own.
    case foreign(any PhysicalConfigSpace)
  }

  /// What the operator calls the device.
  public var name: String
  /// Where the VMM has it from.
  public var source: Source
  /// Where the guest finds it; the VMM has added it to the hierarchy.
  public var place: PCITopology.FunctionID
  /// The name of the physical function of a virtual one.
  public var parentName: String?
  /// Whether pages that it writes are tracked for migration, where no guest's IOMMU decides that.
  public var tracksDirtyPages: Bool
  /// What is asked of the capabilities that the guest is shown.
  public var synthesis: SynthesisRequest

  /// Describes a device.
  ///
  /// - Parameters:
  ///   - name: What the operator calls it.
  ///   - source: Where the VMM has it from.
  ///   - place: Where the guest finds it.
  ///   - parentName: The name of the physical function of a virtual one.
  ///   - tracksDirtyPages: Whether pages that it writes are tracked.
  ///   - synthesis: What is asked of the capabilities that the guest is shown.
  public init(
    _ name: String, from source: Source, at place: PCITopology.FunctionID,
    parentName: String? = nil, tracksDirtyPages: Bool = true,
    synthesis: SynthesisRequest = SynthesisRequest()
  ) {
    self.name = name
    self.source = source
    self.place = place
    self.parentName = parentName
    self.tracksDirtyPages = tracksDirtyPages
    self.synthesis = synthesis
  }
}
