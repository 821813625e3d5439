import PCIe

/// Devices that stand in the way of one offset for all of their model.
public struct PlanConflict: Hashable, Sendable {
  /// How many devices there are.
  public let count: Int
  /// Some of their names.
  public let members: [String]
  /// Why they cannot have the offset that most others can.
  public let reasons: [PlacementReason]
}

/// Where the PASID capability goes on every device of a model.
public struct ModelPlan: Hashable, Sendable {
  /// The device model.
  public let model: DeviceModel
  /// The number of devices.
  public let members: Int
  /// The decision for all of them.
  public let decision: PlacementDecision
  /// Who conflicts, when no offset is good for all; with too many different layouts, some of them.
  public let conflicts: [PlanConflict]
  /// What would do for all but the conflicting devices; `nil` when nothing would, or when there are
  /// too many different layouts to tell.
  public let withoutConflicts: PlacementDecision.Alternative?
  /// The different capability lists that members show, `nil` when there are too many to keep.
  public let layouts: [[SurveyedCapability]]?
  /// The capability list that the most members show.
  public let commonLayout: [SurveyedCapability]

  /// Describes a plan.
  init(
    _ survey: ModelSurvey, _ decision: PlacementDecision, conflicts: [PlanConflict] = [],
    withoutConflicts: PlacementDecision.Alternative? = nil
  ) {
    model = survey.model
    members = survey.members
    self.decision = decision
    self.conflicts = conflicts
    self.withoutConflicts = withoutConflicts
    var distinct: [(layout: [SurveyedCapability], count: Int)] = []
    for shape in survey.shapes {
      let layout = shape.evidence.entries
      if let index = distinct.firstIndex(where: { $0.layout == layout }) {
        distinct[index].count = DeviceCount.sum(distinct[index].count, shape.count)
      } else {
        distinct.append((layout, shape.count))
      }
    }
    layouts = survey.hasMoreShapes ? nil : distinct.map(\.layout)
    // Shapes have an order of their own, so of equals the first is the same one in every process.
    let most = distinct.reduce(0) { max($0, $1.count) }
    commonLayout = distinct.first { $0.count == most }?.layout ?? []
  }
}

extension ModelSurvey {
  /// Finds one offset that is good for every device of the model.
  ///
  /// - Parameter declarations: What users and quirk files declare.
  /// - Returns: The offset with its grade and reasons, or who conflicts.
  public func plan(_ declarations: Declarations = .none) -> ModelPlan {
    if !lacksPASID, let offsets = presentOffsets, offsets.count == 1 {
      let offset = offsets.lowerBound
      return ModelPlan(
        self,
        PlacementDecision(
          outcome: .present(offset: offset), reasons: [.present(offset: offset)],
          alternatives: []))
    }
    let declared = declarations.ranges(for: model)
    if unusable == 0, present == 0 {
      let candidates = Candidates(on: ground, declared: declared, limits: limits)
      if let best = candidates.best {
        return ModelPlan(self, decision(best, candidates, declarations))
      }
    }
    return conflict(declarations, declared)
  }

  /// The decision in the words of the member that gives the offset its grade.
  private func decision(
    _ best: (offset: Int, grade: Grade), _ candidates: Candidates, _ declarations: Declarations
  ) -> PlacementDecision {
    let witness =
      shapes.first {
        Placer($0.evidence, declarations: declarations).grade(at: best.offset) == best.grade
      } ?? shapes.first
    guard let witness else {
      return PlacementDecision(
        outcome: .placed(offset: best.offset, best.grade), reasons: [], alternatives: [])
    }
    var model = ModelGround(merged: ground, count: members)
    for shape in shapes {
      model.name(Ground(shape.evidence), shape.members.first ?? "")
    }
    return Placer(witness.evidence, model: model, declarations: declarations)
      .decide(asked: best.offset)
  }

  /// Names the members that stand in the way of the offset that suits the most.
  private func conflict(
    _ declarations: Declarations, _ declared: [DeclaredRange]
  ) -> ModelPlan {
    let fitting = shapes.filter { $0.evidence.space == .usable && $0.evidence.pasid == nil }
    let target = mostWanted(among: fitting, declared)
    var conflicts: [PlanConflict] = []
    var rest = Ground()
    var limits = ListLimits()
    for shape in shapes {
      let placer = Placer(shape.evidence, declarations: declarations)
      // A device that shows the capability was asked for nothing.
      let asked = shape.evidence.pasid == nil ? target : nil
      let decision = placer.decide(asked: asked)
      if case .placed = decision.outcome {
        rest.formUnion(Ground(shape.evidence))
        limits.formUnion(ListLimits(shape.evidence))
        continue
      }
      conflicts.append(
        PlanConflict(count: shape.count, members: shape.members, reasons: decision.reasons))
    }
    conflicts.sort { ($0.members.first ?? "") < ($1.members.first ?? "") }
    var without: PlacementDecision.Alternative?
    // A shape that was not kept may conflict as well, so then nothing is promised.
    if let target, conflicts.count < shapes.count, !hasMoreShapes {
      let grade = Candidates(on: rest, declared: declared, limits: limits).grade(at: target)
      without = .init(offset: target, grade: grade)
    }
    let decision = PlacementDecision(
      outcome: .refused, reasons: [.noCommonOffset(members: members)], alternatives: [])
    return ModelPlan(self, decision, conflicts: conflicts, withoutConflicts: without)
  }

  /// The offset that the most devices could have; among equals the customary, then the highest.
  private func mostWanted(
    among fitting: [SurveyedShape], _ declared: [DeclaredRange]
  ) -> Int? {
    var votes = Array(repeating: 0, count: 1024)
    for shape in fitting {
      let candidates = Candidates(
        on: Ground(shape.evidence), declared: declared, limits: ListLimits(shape.evidence))
      for offset in stride(from: 0x100, through: Candidates.customaryOffset, by: 4)
      where candidates.grade(at: offset) != .refused {
        votes[offset / 4] = DeviceCount.sum(votes[offset / 4], shape.count)
      }
    }
    guard let most = votes.max(), most > 0 else { return nil }
    if votes[Candidates.customaryOffset / 4] == most { return Candidates.customaryOffset }
    return votes.lastIndex(of: most).map { $0 * 4 }
  }
}
