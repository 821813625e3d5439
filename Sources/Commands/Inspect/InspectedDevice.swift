import Hardware
public import PCIe
public import Placement

/// Everything that `passage inspect` finds out about one device.
public struct InspectedDevice: Sendable {
  /// The device as it was read.
  public let device: LoadedDevice
  /// The config space that the guest's is made of: the VFIO view where one was given.
  public let base: ConfigSpace
  /// The layout of the device's own config space.
  public let layout: LayoutMap
  /// What placement knows of the device.
  public let evidence: PlacementEvidence
  /// Where the capability goes.
  public let decision: PlacementDecision
  /// The capability that is placed: as asked for, else as the device has it, else as wide as any.
  public let capability: PASIDCapability
  /// The device's own capability, when it is hidden from the VMM.
  public let own: PASIDCapability?
  /// What is written into ``base`` to place it; `nil` when nothing is.
  public let insertion: CapabilityInsertion?

  /// The guest's config space; `nil` when the placement was refused.
  public var guestConfig: ConfigSpace? {
    switch decision.outcome {
    case .refused: nil
    case .present: base
    case .placed: insertion.map { base.applying($0.patches) }
    }
  }

  /// Whether the list was empty, so that a placeholder at 0x100 is written to lead to the capability.
  var addsPlaceholder: Bool {
    insertion?.link.map {
      ExtendedHeader(rawValue: $0.value).id == 0 && base.read32($0.offset) == 0
    }
      ?? false
  }

  /// What goes to QEMU; `nil` when nothing is to be synthesised.
  public var qemuOption: String? {
    guard case .placed(let offset, _) = decision.outcome else { return nil }
    return "x-vpasid-cap-offset=\(offset.hex)"
  }
}

/// What `passage inspect` was asked besides its sources.
public struct InspectRequest: Sendable {
  /// The offset to grade, instead of finding the best.
  public var offset: Int?
  /// What users and quirk files declare.
  public var declarations: Declarations
  /// The capability to place; `nil` for what the device has.
  public var capability: PASIDCapability?

  /// Asks for the best place.
  ///
  /// - Parameters:
  ///   - offset: The offset to grade, instead of finding the best.
  ///   - declarations: What users and quirk files declare.
  ///   - capability: The capability to place; `nil` for what the device has.
  public init(
    offset: Int? = nil, declarations: Declarations = .none,
    capability: PASIDCapability? = nil
  ) {
    self.offset = offset
    self.declarations = declarations
    self.capability = capability
  }
}
