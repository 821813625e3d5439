import Hardware
import PCIe
import Placement

extension SynthesisReason: CustomStringConvertible {
  /// The reason in words, with what an operator can do where something can be done.
  public var description: String {
    switch self {
    case .switchedOff: "PASIDs were switched off for the device"
    case .noHostIOMMU(let reason): "\(reason), so that the guest's IOMMU does not reach it"
    case .hostHasNone:
      "the host offers no PASIDs of the device (IOMMU_GET_HW_INFO says a width of 0): device and "
        + "host IOMMU must both have them, and the host must have enabled them"
    case .noGuestIOMMU: "no IOMMU of the guest is in front of the device: give its root bus one"
    case .guestHasNone: "the guest's IOMMU was configured without PASIDs"
    case .notAttachable:
      "the device goes through a page table that was not allocated for PASIDs: the guest's IOMMU "
        + "must ask for a nesting parent and for attaching PASIDs"
    case .notWithStream:
      "the guest's IOMMU attaches no PASIDs one by one: they would come with the device's stream "
        + "(SMMUv3), which this version does not install"
    case .path(let path): "\(path)"
    case .noPlace(let reasons): "no place for the capability: \(Self.text(reasons))"
    case .risky(let offset, let reasons):
      "the best place, \(offset.hex), is risky and is used only when it is asked for: "
        + Self.text(reasons)
    case .pinBreach(let breach): "the device does not honour the plan: \(breach)"
    case .pinPromises(let pinned, let available):
      "the plan promises \(Self.text(pinned)), and here there are \(Self.text(available))"
    case .pinOffset(let pinned, let asked):
      "the plan has \(pinned.hex), and \(asked.hex) is asked for: give one of the two"
    case .alreadyShown(let offset):
      "VFIO shows a PASID capability at \(offset.hex): nothing is synthesised"
    case .placed(let reasons): Self.text(reasons)
    case .pinned(let offset): "the plan has \(offset.hex)"
    case .width(let host, let guest):
      "\(host) bits of device and host, \(guest) bits of the guest's IOMMU"
    case .withoutExecute(let host, let guest):
      "no execute permission: host \(Self.text(host)), guest's IOMMU \(Self.text(guest))"
    case .withoutPrivileged(let host, let guest):
      "no privileged mode: host \(Self.text(host)), guest's IOMMU \(Self.text(guest))"
    case .endToEnd: "it works from the device to the guest"
    case .notThere: "VFIO shows no such capability"
    case .listNotTrusted: "the device's list of capabilities is broken, or entries of it overlap"
    case .hostHasNoATS: "the host cannot use ATS with the device"
    case .guestUnitLacks: "the guest's IOMMU was configured without it"
    case .notNested: "the host translates the device by itself, so that it ends at the host"
    case .hostDisabledPRI: "the host has not enabled page requests of the device"
    case .needsATS: "page requests need ATS"
    case .responsesWithoutPASID:
      "answers to its page requests carry no PASID (PRG Response PASID Required is clear)"
    case .shownAsIntegrated:
      "it stands on a root bus, so its Device/Port Type says integrated endpoint"
    }
  }

  private static func text(_ reasons: [PlacementReason]) -> String {
    reasons.map { "\($0)" }.joined(separator: "; ")
  }

  private static func text(_ value: Bool) -> String { value ? "yes" : "no" }

  private static func text(_ capability: PASIDCapability) -> String {
    "PASIDs of \(capability.width) bits"
      + (capability.execute ? ", execute" : "") + (capability.privileged ? ", privileged" : "")
  }
}
