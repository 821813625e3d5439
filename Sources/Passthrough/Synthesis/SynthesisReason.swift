public import PCIe
public import Placement

/// One reason of a decision about a guest's capabilities, with the values that it rests on.
public enum SynthesisReason: Hashable, Sendable {
  // PASIDs withheld.
  /// The operator switched PASIDs off.
  case switchedOff
  /// There is no host IOMMU to speak of.
  case noHostIOMMU(NoHostIOMMU)
  /// The host says that the device has no PASIDs.
  case hostHasNone
  /// The guest has no IOMMU in front of the device.
  case noGuestIOMMU
  /// The guest's IOMMU was configured without PASIDs.
  case guestHasNone
  /// The device was attached without what PASIDs need.
  case notAttachable
  /// The guest's IOMMU expects PASIDs to come with the device's stream (SMMUv3), which the backend does
  /// not install.
  case notWithStream
  /// Linux would not enable PASIDs where the device is.
  case path(PASIDPath)
  /// No place was found, or the one asked for cannot be used.
  case noPlace([PlacementReason])
  /// The best place is risky, and nobody asked for it.
  case risky(offset: Int, [PlacementReason])
  /// The device does not honour the pin.
  case pinBreach(PinBreach)
  /// The pinned capability promises more than there is.
  case pinPromises(PASIDCapability, available: PASIDCapability)
  /// The user asks for another offset than the pin.
  case pinOffset(pinned: Int, asked: Int)

  // PASIDs shown.
  /// VFIO shows a capability already.
  case alreadyShown(offset: Int)
  /// Why it stands where it does.
  case placed([PlacementReason])
  /// The offset that the pin has.
  case pinned(offset: Int)
  /// The widths of the host with the device, and of the guest's IOMMU; the smaller is shown.
  case width(host: Int, guest: Int)
  /// A permission that not everybody has is not shown.
  case withoutExecute(host: Bool, guest: Bool)
  /// A permission that not everybody has is not shown.
  case withoutPrivileged(host: Bool, guest: Bool)

  // ATS and PRI.
  /// It works from the device to the guest's driver.
  case endToEnd
  /// VFIO shows no such capability.
  case notThere
  /// The list is broken, or entries of it overlap.
  case listNotTrusted
  /// The host cannot use ATS with the device.
  case hostHasNoATS
  /// The guest's IOMMU was configured without it.
  case guestUnitLacks
  /// The host translates the device by itself, so that nothing of it reaches the guest.
  case notNested
  /// The host did not enable page requests of the device.
  case hostDisabledPRI
  /// Page requests need ATS.
  case needsATS
  /// Answers to page requests do not carry PASIDs (PRG Response PASID Required is clear), which
  /// Linux demands of a device with PASIDs.
  case responsesWithoutPASID

  // Position.
  /// The function says that it is integrated, because it stands on a root bus.
  case shownAsIntegrated
}

extension SynthesisReason {
  /// The reason in one word, the same in every version.
  public var name: String {
    switch self {
    case .switchedOff: "switched-off"
    case .noHostIOMMU: "no-host-iommu"
    case .hostHasNone: "host-has-none"
    case .noGuestIOMMU: "no-guest-iommu"
    case .guestHasNone: "guest-has-none"
    case .notAttachable: "not-attachable"
    case .notWithStream: "not-with-stream"
    case .path: "path"
    case .noPlace: "no-place"
    case .risky: "risky"
    case .pinBreach: "pin-breach"
    case .pinPromises: "pin-promises"
    case .pinOffset: "pin-offset"
    case .alreadyShown: "already-shown"
    case .placed: "placed"
    case .pinned: "pinned"
    case .width: "width"
    case .withoutExecute: "without-execute"
    case .withoutPrivileged: "without-privileged"
    case .endToEnd: "end-to-end"
    case .notThere: "not-there"
    case .listNotTrusted: "list-not-trusted"
    case .hostHasNoATS: "host-has-no-ats"
    case .guestUnitLacks: "guest-unit-lacks"
    case .notNested: "not-nested"
    case .hostDisabledPRI: "host-disabled-pri"
    case .needsATS: "needs-ats"
    case .responsesWithoutPASID: "responses-without-pasid"
    case .shownAsIntegrated: "shown-as-integrated"
    }
  }
}
