@testable import Commands
import Hardware
import PCIe
import Placement

/// Surveys, plans and pins of devices of one model.
struct FleetCheck {
  private let evidence: [PlacementEvidence]
  private let configs: [ConfigSpace]
  private let declarations: Declarations

  init(_ evidence: [PlacementEvidence], _ configs: [ConfigSpace], _ declarations: Declarations) {
    self.evidence = evidence
    self.configs = configs
    self.declarations = declarations
  }

  func run() {
    let forward = survey(Array(evidence.enumerated()))
    let backward = survey(evidence.enumerated().reversed())
    let plans = forward.map { $0.plan(declarations) }
    require(forward.map { Set($0.shapes) } == backward.map { Set($0.shapes) }, "other shapes")
    require(plans == backward.map { $0.plan(declarations) }, "the order changes the plan")
    require(plans == mergedInParts().map { $0.plan(declarations) }, "the parts change the plan")
    for plan in plans { check(plan) }
  }

  private func survey(_ devices: [(offset: Int, element: PlacementEvidence)]) -> [ModelSurvey] {
    var fleet = FleetSurvey()
    for (index, one) in devices { add(one, "\(index)", to: &fleet) }
    return fleet.models
  }

  private func mergedInParts() -> [ModelSurvey] {
    var whole = FleetSurvey()
    for (index, one) in evidence.enumerated().reversed() {
      var part = FleetSurvey()
      add(one, "\(index)", to: &part)
      do { try whole.merge(part) } catch { fatalError("\(error)") }
    }
    return whole.models
  }

  private func add(_ one: PlacementEvidence, _ name: String, to fleet: inout FleetSurvey) {
    do { try fleet.add(KeyedEvidence(one), names: [name]) } catch { fatalError("\(error)") }
  }

  private func check(_ plan: ModelPlan) {
    require(plan.decision.reasons.allSatisfy { !"\($0)".isEmpty }, "a reason without words")
    for conflict in plan.conflicts {
      require(conflict.count > 0 && !conflict.reasons.isEmpty, "a conflict without devices")
      require(conflict.reasons.allSatisfy { !"\($0)".isEmpty }, "a reason without words")
    }
    require((plan.decision.outcome == .refused) != plan.conflicts.isEmpty, "refused by nobody")
    checkPin(of: plan)
    guard case .placed(let offset, let grade) = plan.decision.outcome else { return }
    for (one, config) in zip(evidence, configs) {
      let decision = Placer(one, declarations: declarations).decide(asked: offset)
      guard case .placed(offset, let own) = decision.outcome else {
        fatalError("the plan has \(offset), and a device \(decision.reasons)")
      }
      require(own <= grade, "the plan says \(grade), and a device \(own)")
      // A shadow may be the body of what casts it, and a header a register of what overlaps it:
      // only the insertion finds that out.
      let layout = LayoutMap(of: config)
      let isClear = layout.walk.problems.isEmpty && one.entries.allSatisfy { $0.size != nil }
      let refusal = InsertionCheck(config, layout).run(
        PASIDCapability().extendedCapability, at: offset)
      if let refusal, isClear { fatalError("the plan has \(offset.hex): \(refusal)") }
    }
    if let only = evidence.first, evidence.count == 1 {
      let alone = Placer(only, declarations: declarations).decide()
      require(alone.outcome == plan.decision.outcome, "one device: \(alone.outcome)")
    }
  }

  /// Of the devices that a pin was made from, those honour it that show the pinned list, also after
  /// it was written and read.
  private func checkPin(of plan: ModelPlan) {
    let pin = Pin(capability: PASIDCapability(), models: [ModelPin(plan)])
    let read: Pin
    do { read = try PinFile.decode(Array(PinFile.text(pin).utf8), from: "fuzz") } catch {
      fatalError("\(error)")
    }
    for one in evidence {
      let breach = pin.breach(by: one, declarations: declarations)
      require(breach.map { !"\($0)".isEmpty } ?? true, "a breach without words")
      let isPinned = one.entries.map(\.header) == plan.commonLayout.map(\.header)
      require(
        (breach == nil) == (plan.decision.offset != nil && isPinned),
        "breach: \(String(describing: breach))")
      require(
        (read.breach(by: one, declarations: declarations) == nil) == (breach == nil),
        "the pin's file says something else")
    }
  }
}

extension SurveyedCapability {
  /// What a guest sees of it: all but the length.
  fileprivate var header: SurveyedCapability {
    SurveyedCapability(offset: offset, id: id, version: version, size: nil)
  }
}
