import Hardware
import IOMMUClient
import VirtualIOMMU

/// What first stages a host's VT-d unit can translate.
///
/// Linux judges these only when a table is attached, and on VT-d it has taken the old one out of the
/// hardware by then. So they are judged here first, while the old one is in use.
struct FirstStageSupport: Hashable, Sendable {
  let unit: VTdHardware

  /// Why the unit cannot translate a first stage; `nil` when it can.
  func refusal(of stage: GuestFirstStage) -> String? {
    if stage.root.rawValue & 0xFFF != 0 {
      return "its table at \(stage.root.rawValue.hex) is not at a multiple of 4096"
    }
    switch stage.addressWidth {
    case 48: break
    case 57 where unit.capability.hasFiveLevelFirstStage: break
    default:
      return "the host's unit translates no first stage of \(stage.addressWidth) bits "
        + "(CAP.FS5LP \(unit.capability.hasFiveLevelFirstStage ? "is set" : "is clear")): give the "
        + "guest's unit narrower addresses"
    }
    if stage.allowsSupervisor, !unit.extended.hasSupervisorRequests {
      return "it allows supervisor requests, which the host's unit does not translate (ECAP.SRS)"
    }
    if stage.setsExtendedAccessed, !unit.extended.hasExtendedAccessedFlag {
      return "it sets extended accessed flags, which the host's unit does not (ECAP.EAFS)"
    }
    return nil
  }
}

extension GuestStage1 {
  /// A guest's first stage, as the kernel is told of it.
  init(_ stage: GuestFirstStage) {
    var options: IOMMUClient.VTdFirstStage.Options = []
    if stage.allowsSupervisor { options.insert(.supervisorRequests) }
    if stage.setsExtendedAccessed { options.insert(.extendedAccessedFlag) }
    if stage.protectsWrites { options.insert(.writeProtection) }
    self = .vtd(
      IOMMUClient.VTdFirstStage(
        tableAddress: stage.root, addressWidth: UInt32(stage.addressWidth), options: options))
  }
}
