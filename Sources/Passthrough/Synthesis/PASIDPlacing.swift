import PCIe
import Placement
import VirtualIOMMU

/// Finds the capability's contents and its place, once nothing else is in the way.
struct PASIDPlacing {
  /// A place with all that follows from it.
  struct Placed {
    let insertion: CapabilityInsertion
    let capability: PASIDCapability
    let grade: Grade
    let reasons: [SynthesisReason]
    let alternatives: [PlacementDecision.Alternative]
  }

  /// Why there is none.
  struct Refusal: Error {
    let reasons: [SynthesisReason]
    var alternatives: [PlacementDecision.Alternative] = []
  }

  let facts: SynthesisFacts
  let request: SynthesisRequest
  /// The view without what the guest is not to see.
  let base: ConfigSpace

  func place() -> Result<Placed, Refusal> {
    let (available, why) = capability()
    let evidence = PlacementEvidence(layout: LayoutMap(of: own), of: own, view: base)
    var pinned: Int?
    if let pin = request.pin {
      // The plan was made of what VFIO shows, so that is what it is held against.
      let shown = PlacementEvidence(layout: LayoutMap(of: own), of: own, view: facts.view)
      if let breach = pin.breach(by: shown, declarations: request.declarations) {
        return refused(.pinBreach(breach))
      }
      guard pin.capability.isWithin(available) else {
        return refused(.pinPromises(pin.capability, available: available))
      }
      pinned = pin.models.first { $0.model == evidence.model }?.offset
      if let pinned, let asked = request.offset, asked != pinned {
        return refused(.pinOffset(pinned: pinned, asked: asked))
      }
    }
    let asked = pinned ?? request.offset
    let decision = Placer(evidence, model: request.model, declarations: request.declarations)
      .decide(asked: asked)
    guard case .placed(let offset, let grade) = decision.outcome else {
      return .failure(
        Refusal(reasons: [.noPlace(decision.reasons)], alternatives: decision.alternatives))
    }
    guard grade != .risky || asked != nil else {
      return .failure(
        Refusal(
          reasons: [.risky(offset: offset, decision.reasons)],
          alternatives: decision.alternatives))
    }
    let shown = request.pin?.capability ?? available
    do {
      let insertion = try LayoutMap(of: base)
        .inserting(shown.extendedCapability, at: offset, in: base)
      let reasons =
        why + (pinned.map { [.pinned(offset: $0)] } ?? []) + [.placed(decision.reasons)]
      return .success(
        Placed(
          insertion: insertion, capability: shown, grade: grade, reasons: reasons,
          alternatives: decision.alternatives))
    } catch {
      // Placement knows less than the insertion: what cannot be written is refused.
      return .failure(
        Refusal(reasons: [.noPlace([.refusal(error)])], alternatives: decision.alternatives))
    }
  }

  /// The device's own bytes, as far as anybody has them.
  private var own: ConfigSpace { request.ownConfig ?? facts.view }

  private func refused(_ reason: SynthesisReason) -> Result<Placed, Refusal> {
    .failure(Refusal(reasons: [reason]))
  }

  /// What all parties can do together.
  private func capability() -> (PASIDCapability, [SynthesisReason]) {
    guard case .present(let info?, _, _, _) = facts.host, let guest = facts.guest else {
      return (PASIDCapability(width: 0), [])
    }
    let (host, width) = (Int(info.width), Int(guest.pasidWidth))
    var reasons: [SynthesisReason] = [.width(host: host, guest: width)]
    let execute = info.allowsExecute && guest.honoursExecute
    let privileged = info.allowsPrivileged && guest.honoursPrivileged
    if !execute {
      reasons.append(.withoutExecute(host: info.allowsExecute, guest: guest.honoursExecute))
    }
    if !privileged {
      reasons.append(
        .withoutPrivileged(host: info.allowsPrivileged, guest: guest.honoursPrivileged))
    }
    return (
      PASIDCapability(
        width: min(host, width, PASIDCapability.widths.upperBound), execute: execute,
        privileged: privileged), reasons
    )
  }
}
