import Hardware
import PCIe

/// Decides where the PASID capability goes on a device.
public struct Placer: Sendable {
  let evidence: PlacementEvidence
  let own: Ground
  let model: ModelGround?
  let declared: [DeclaredRange]
  let limits: ListLimits

  /// Collects what the decision rests on.
  ///
  /// - Parameters:
  ///   - evidence: What the device shows.
  ///   - model: What all dumps of its model show, this one included; `nil` when there are no others.
  ///   - declarations: What users and quirk files declare.
  public init(
    _ evidence: PlacementEvidence, model: ModelGround? = nil,
    declarations: Declarations = .none
  ) {
    self.evidence = evidence
    own = Ground(evidence)
    self.model = model
    declared = declarations.ranges(for: evidence.model)
    limits = evidence.space == .usable ? ListLimits(evidence) : ListLimits()
  }

  /// The grades of all offsets on this device.
  var candidates: Candidates {
    Candidates(on: model?.ground ?? own, declared: declared, limits: limits)
  }

  /// The best place, or the grade of the place that the user asks for.
  ///
  /// - Parameter asked: The offset asked for; it is graded by the same rules and never moved.
  /// - Returns: The decision with its reasons.
  /// - Complexity: A few passes over 1,024 bits.
  public func decide(asked: Int? = nil) -> PlacementDecision {
    if let pasid = evidence.pasid { return present(pasid, asked: asked) }
    guard evidence.space == .usable else {
      return PlacementDecision(
        outcome: .refused, reasons: [.unusable(evidence.space)], alternatives: [])
    }
    let candidates = candidates
    guard let asked else { return choose(from: candidates) }
    if let refusal = shapeRefusal(of: asked) {
      return refused([.refusal(refusal)], candidates, except: asked)
    }
    let grade = candidates.grade(at: asked)
    if grade == .refused { return refused(whyTaken(asked), candidates, except: asked) }
    return placed(asked, grade, candidates)
  }

  /// The grade of an offset, without reasons.
  func grade(at offset: Int) -> Grade {
    candidates.grade(at: offset)
  }

  private func choose(from candidates: Candidates) -> PlacementDecision {
    guard let best = candidates.best else {
      let reasons = whyListRefuses()
      return refused(reasons.isEmpty ? [.nowhere] : reasons, candidates, except: nil)
    }
    return placed(best.offset, best.grade, candidates)
  }

  private func present(_ pasid: SurveyedCapability, asked: Int?) -> PlacementDecision {
    let offset = Int(pasid.offset)
    var reasons: [PlacementReason] = [.present(offset: offset)]
    var others: [PlacementDecision.Alternative] = []
    if evidence.space == .usable {
      let candidates = candidates
      // An operator who looks at the device itself mostly means to pass it through.
      if let best = candidates.best {
        reasons.append(.behindVFIO(offset: best.offset, best.grade))
      }
      others = alternatives(candidates, except: offset)
    }
    if let asked, asked != offset {
      let isShaped = evidence.space == .usable && shapeRefusal(of: asked) == nil
      reasons.append(
        .askedNotNeeded(offset: asked, isShaped ? candidates.grade(at: asked) : .refused))
    }
    return PlacementDecision(
      outcome: .present(offset: offset), reasons: reasons, alternatives: others)
  }

  private func placed(
    _ offset: Int, _ grade: Grade, _ candidates: Candidates
  ) -> PlacementDecision {
    var reasons: [PlacementReason] = []
    reasons.reserveCapacity(4)
    reasons.append(whyGraded(offset, grade))
    reasons.append(contentsOf: contradictions())
    if evidence.entries.isEmpty, offset != ConfigSpace.extendedStart {
      reasons.append(.placeholder)
    }
    if !evidence.isExpress { reasons.append(.conventional) }
    if let hidden = evidence.hiddenPASID {
      reasons.append(.hiddenPASID(offset: Int(hidden.offset)))
    }
    if let stray = nearestStray(to: offset) { reasons.append(.strayRegisters(below: stray)) }
    if offset == Candidates.customaryOffset {
      reasons.append(.customary)
    } else {
      reasons.append(.notCustomary(candidates.grade(at: Candidates.customaryOffset)))
    }
    return PlacementDecision(
      outcome: .placed(offset: offset, grade), reasons: reasons,
      alternatives: alternatives(candidates, except: offset))
  }

  private func refused(
    _ reasons: [PlacementReason], _ candidates: Candidates, except asked: Int?
  ) -> PlacementDecision {
    PlacementDecision(
      outcome: .refused, reasons: reasons + contradictions(),
      alternatives: alternatives(candidates, except: asked))
  }

  /// The best offset of each run of candidates, the best grades and the highest offsets first.
  private func alternatives(
    _ candidates: Candidates, except taken: Int?
  ) -> [PlacementDecision.Alternative] {
    var result: [PlacementDecision.Alternative] = []
    result.reserveCapacity(8)
    for grade in Grade.allCases {
      let offsets = candidates[grade]
      var top = 1023
      while result.count < 8, let end = offsets.last(through: top) {
        if end * 4 != taken { result.append(.init(offset: end * 4, grade: grade)) }
        top = offsets.lastAbsent(through: end)
      }
    }
    return result
  }
}
