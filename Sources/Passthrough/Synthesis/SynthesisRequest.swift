public import PCIe
public import Placement

/// What an operator asks of the capabilities that a guest is shown.
public struct SynthesisRequest: Sendable {
  /// Whether PASIDs are wanted at all.
  public var wantsPASID: Bool
  /// Where the capability is to stand; without it a place is found.
  ///
  /// It is never moved, and a risky place is used only when it is asked for here or pinned.
  public var offset: Int?
  /// The plan that every host of a fleet keeps (`passage plan`).
  public var pin: Pin?
  /// What users and quirk files declare of the device model.
  public var declarations: Declarations
  /// The device's own config space as the host's sysfs shows it, which tells more than VFIO does.
  public var ownConfig: ConfigSpace?
  /// What all dumps of the model show, this device's included.
  public var model: ModelGround?

  /// Describes what is asked.
  ///
  /// - Parameters:
  ///   - wantsPASID: Whether PASIDs are wanted at all.
  ///   - offset: Where the capability is to stand.
  ///   - pin: The plan to keep.
  ///   - declarations: What is declared of the device model.
  ///   - ownConfig: The device's own config space.
  ///   - model: What all dumps of the model show.
  public init(
    wantsPASID: Bool = true, offset: Int? = nil, pin: Pin? = nil,
    declarations: Declarations = .none, ownConfig: ConfigSpace? = nil, model: ModelGround? = nil
  ) {
    self.wantsPASID = wantsPASID
    self.offset = offset
    self.pin = pin
    self.declarations = declarations
    self.ownConfig = ownConfig
    self.model = model
  }
}

/// Why a device has no host IOMMU that a guest's could be told of.
public enum NoHostIOMMU: String, Hashable, Sendable, Codable, CustomStringConvertible {
  /// It is mediated or emulated: the kernel answers for its DMA, and no IOMMU sees it.
  case emulated
  /// The VMM has it through a legacy container, or emulates it: iommufd does not know it.
  case foreign

  /// The reason in words.
  public var description: String {
    switch self {
    case .emulated: "the device is mediated or emulated, and no IOMMU of the host sees its DMA"
    case .foreign: "the device is not bound to iommufd (a legacy container, or the VMM's own)"
    }
  }
}
