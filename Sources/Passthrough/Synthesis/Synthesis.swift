public import PCIe
import Placement
import VirtualIOMMU

/// A guest's view of a device: the decisions, and the registers that make them true.
public struct GuestView: Sendable {
  /// What the guest is shown, and why.
  public let decision: SynthesisDecision
  /// The registers that stand in front of the device's own.
  public let emulation: ConfigEmulation
  /// Where the guest sees an ATS capability whose control is emulated.
  public var atsOffset: Int? { decision.ats.offset }
  /// Where the guest sees a PRI capability whose control is emulated.
  public var priOffset: Int? { decision.pageRequests.offset }
}

/// Decides what a guest is shown of PASIDs, ATS and page requests.
public enum Synthesis {
  /// Decides, and makes the registers.
  ///
  /// It touches no host and no guest: the same facts give the same bytes everywhere.
  ///
  /// - Parameters:
  ///   - facts: What the parties can do.
  ///   - request: What the operator asks.
  /// - Returns: The view. What cannot be shown is withheld with its reason; it is no error.
  public static func view(of facts: SynthesisFacts, _ request: SynthesisRequest) -> GuestView {
    let walk = facts.view.walkCapabilities()
    var plan = SynthesisPlan(facts: facts, request: request, walk: walk)
    return plan.view()
  }
}

/// The steps of one synthesis.
struct SynthesisPlan {
  let facts: SynthesisFacts
  let request: SynthesisRequest
  let walk: CapabilityWalk

  mutating func view() -> GuestView {
    let obstacle = pasidObstacle()
    let ats = atsDecision()
    let pri = pageRequestDecision(hasATS: ats.isShown, wantsPASID: obstacle == nil)
    let (base, headers) = hide(ats, pri)

    var pasids = SynthesisDecision.PASIDs.withheld
    var reasons = obstacle.map { [$0] } ?? []
    var alternatives: [PlacementDecision.Alternative] = []
    var insertion: CapabilityInsertion?
    if let own = walk.first(Capability.pasidID, in: .extended) {
      pasids = .present(offset: own.offset)
      reasons = [.alreadyShown(offset: own.offset)]
    } else if obstacle == nil {
      let placing = PASIDPlacing(facts: facts, request: request, base: base)
      switch placing.place() {
      case .failure(let refusal):
        reasons = refusal.reasons
        alternatives = refusal.alternatives
      case .success(let placed):
        pasids = .shown(offset: placed.insertion.offset, placed.capability, placed.grade)
        reasons = placed.reasons
        alternatives = placed.alternatives
        insertion = placed.insertion
      }
    }

    if isShownAsIntegrated { reasons.append(.shownAsIntegrated) }
    let decision = SynthesisDecision(
      pasids: pasids, reasons: reasons, alternatives: alternatives, ats: ats, pageRequests: pri)
    return GuestView(decision: decision, emulation: rows(headers, insertion, ats, pri))
  }

  /// Why PASIDs cannot be had, whatever place there is; in the order in which it is looked at.
  private func pasidObstacle() -> SynthesisReason? {
    guard request.wantsPASID else { return .switchedOff }
    guard case .present(let pasids, let canAttach, _, _) = facts.host else {
      if case .absent(let reason) = facts.host { return .noHostIOMMU(reason) }
      return nil
    }
    guard let pasids, pasids.width > 0 else { return .hostHasNone }
    guard let guest = facts.guest else { return .noGuestIOMMU }
    guard guest.flags.contains(.supportsPASID), guest.pasidWidth > 0 else { return .guestHasNone }
    guard canAttach else {
      return guest.flags.contains(.wantsPASIDAttach) ? .notAttachable : .notWithStream
    }
    return facts.path.isOpen ? nil : .path(facts.path)
  }

  /// Removes what the guest is not to see from the list.
  private func hide(
    _ ats: SynthesisDecision.Feature, _ pri: SynthesisDecision.Feature
  ) -> (config: ConfigSpace, headers: [EmulatedRegister]) {
    guard walk.hasSeparateEntries else { return (facts.view, []) }
    var hidden: Set<Int> = []
    for (id, feature) in [(TranslationServices.atsID, ats), (TranslationServices.priID, pri)]
    where !feature.isShown {
      for entry in walk.extended where entry.id == id { hidden.insert(entry.offset) }
    }
    return hidden.isEmpty ? (facts.view, []) : facts.view.hiding(hidden, walk)
  }

  /// The registers in front of the device's own.
  private func rows(
    _ headers: [EmulatedRegister], _ insertion: CapabilityInsertion?,
    _ ats: SynthesisDecision.Feature, _ pri: SynthesisDecision.Feature
  ) -> ConfigEmulation {
    var rows = headers
    if let offset = ats.offset { rows += TranslationServices.atsRows(at: offset) }
    if let offset = pri.offset { rows += TranslationServices.priRows(at: offset, in: facts.view) }
    rows += positionRows()
    do {
      var emulation = try ConfigEmulation(rows)
      if let insertion { try emulation.add(insertion) }
      return emulation
    } catch {
      // Each row lies in another capability, and the insertion was found in what they leave.
      preconditionFailure("rows of a guest's view overlap: \(error)")
    }
  }
}
