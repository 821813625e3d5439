import Hardware
import PCIe
import TestSupport
import Testing

@testable import Placement

@Suite("Fleets of one model")
struct ModelSurveyTests {
  @Test("order and partition change nothing", arguments: 0..<60 as Range<UInt64>)
  func order(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let members = Fleet.random(using: &generator)
    let declarations = Declarations(user: Cases.declarations(using: &generator), quirks: [])
    let whole = Fleet.survey(members)
    #expect(whole.members == members.count)
    for _ in 0..<4 {
      var parts = (0..<Int.random(in: 1...7, using: &generator)).map { _ in
        ModelSurvey(of: Fleet.model)
      }
      var seen: [Int: Set<KeyedEvidence>] = [:]
      var counted: [(part: Int, member: Member)] = []
      for member in members.shuffled(using: &generator) {
        let part = Int.random(in: parts.indices, using: &generator)
        // As the line cache does: what was met before is counted, and added at the end.
        if seen[part, default: []].contains(member.key), Bool.random(using: &generator) {
          counted.append((part, member))
        } else {
          parts[part].add(member.key, names: [member.name])
          seen[part, default: []].insert(member.key)
        }
      }
      for (part, member) in counted { parts[part].add(member.key, names: [member.name]) }
      while parts.count > 1 {
        let taken = parts.remove(at: Int.random(in: parts.indices, using: &generator))
        parts[Int.random(in: parts.indices, using: &generator)].merge(taken)
      }
      #expect(parts[0] == whole)
      #expect(parts[0].plan(declarations) == whole.plan(declarations))
    }
  }

  @Test(
    "the offset is good for each, or a named device refuses", arguments: 0..<120 as Range<UInt64>)
  func plan(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    let members = Fleet.random(using: &generator)
    let declared = seed % 2 == 0 ? [] : Cases.declarations(using: &generator)
    try check(members, Declarations(user: declared, quirks: []))
  }

  @Test("equal devices get what one of them gets", arguments: Cases.all)
  func equal(_ fixture: Fixture) {
    let config = Fleet.disguised(fixture.config)
    let one = Placer(Cases.evidence(config)).decide()
    let plan = Fleet.survey((0..<5).map { Member("device \($0)", config) }).plan()
    #expect(plan.members == 5)
    if one.outcome == .refused {
      #expect(plan.conflicts.map(\.reasons) == [one.reasons] && plan.conflicts.first?.count == 5)
      #expect(plan.withoutConflicts == nil)
    } else {
      #expect(plan.conflicts.isEmpty && plan.layouts?.count == 1)
    }
    #expect(plan.decision.outcome == one.outcome)
    if case .placed = one.outcome {
      #expect(plan.decision.alternatives == one.alternatives)
    }
  }

  @Test("whoever is in the way is named among many", arguments: 0..<40)
  func blocker(index: Int) throws {
    // Forty layouts, one of which has no free bytes at all.
    let members = (0..<40).map { number in
      Member(
        "device \(number)",
        number == index
          ? Fleet.sample(strayAt: Fleet.sampleHoles)
          : Fleet.sample(strayAt: [0x400 + 4 * number]))
    }
    let plan = try check(members, .none)
    let names = plan.conflicts.flatMap(\.members)
    #expect(plan.decision.outcome == .refused && names.contains("device \(index)"))
    #expect(plan.layouts == nil && plan.withoutConflicts == nil)
  }

  @Test("one unusable device is named among many", arguments: 0..<20)
  func unusable(index: Int) throws {
    let members = (0..<40).map { number in
      Member(
        "device \(number)",
        number == index
          ? Fleet.disguised(Fixtures.named("loop of two"))
          : Fleet.sample(strayAt: [0x400 + 4 * number]))
    }
    let plan = try check(members, .none)
    #expect(plan.conflicts.flatMap(\.members) == ["device \(index)"])
  }

  @Test("devices with and without the capability conflict")
  func mixed() throws {
    let with = Fleet.disguised(SampleDevice.sapphireRapidsDSA)
    let without = Fleet.sample(strayAt: [])
    let present = Fleet.survey([Member("a", with), Member("b", with)]).plan()
    #expect(present.decision.outcome == .present(offset: 0x230))
    let plan = try check([Member("a", with), Member("b", without), Member("c", without)], .none)
    #expect(plan.conflicts.map(\.members) == [["a"]])
    #expect(plan.withoutConflicts == .init(offset: 0xFF8, grade: .likely))
    let reasons = try #require(plan.conflicts.first).reasons
    #expect(reasons.first == .present(offset: 0x230))
    #expect(!reasons.contains { if case .askedNotNeeded = $0 { true } else { false } })
  }

  @Test("the first four names by their bytes, in whatever order they come")
  func names() {
    var generator = SplitMix64(seed: 1)
    let all = ["b", "a", "\u{E9}", "e\u{301}", "Z", "a", "ab", "", "\u{1F600}"]
    for _ in 0..<50 {
      var names = MemberNames()
      for name in all.shuffled(using: &generator) { names.add(name) }
      #expect(names.names == ["", "Z", "a", "ab"])
      var looks = MemberNames()
      for name in all[2...3].shuffled(using: &generator) { looks.add(name) }
      #expect(looks.names.map { Array($0.utf8) } == [[0x65, 0xCC, 0x81], [0xC3, 0xA9]])
    }
  }

  @Test("counts stop at a limit instead of overflowing")
  func counts() {
    let member = Member("a", Fleet.sample(strayAt: []))
    let other = Member("b", Fleet.sample(strayAt: [0x500]))
    var survey = ModelSurvey(of: Fleet.model)
    survey.add(member.key, count: .max, names: [member.name])
    survey.add(other.key, count: .max, names: [other.name])
    survey.add(member.key, names: ["c"])
    var twice = survey
    twice.merge(survey)
    #expect(twice.members == DeviceCount.limit && twice.plan().decision.offset == 0xFF8)
  }

  /// A plan is checked against each member, one by one, and against the plain oracle's grade.
  @discardableResult
  private func check(_ members: [Member], _ declarations: Declarations) throws -> ModelPlan {
    let survey = Fleet.survey(members)
    let plan = survey.plan(declarations)
    #expect(plan.members == members.count && !plan.decision.reasons.isEmpty)
    func good(_ member: Member, _ offset: Int) -> Bool {
      let decision = Placer(member.evidence, declarations: declarations).decide(asked: offset)
      if case .placed(offset, _) = decision.outcome { return true }
      return false
    }
    switch plan.decision.outcome {
    case .present(let offset):
      #expect(members.allSatisfy { $0.evidence.pasid?.offset == UInt16(offset) })
    case .placed(let offset, let grade):
      #expect(members.allSatisfy { good($0, offset) }, "\(plan.decision)")
      #expect(plan.conflicts.isEmpty && plan.withoutConflicts == nil)
      // Nobody's grade is better than the plan's, and no offset that is good for all beats it.
      let placers = Set(members.map(\.key)).map { Placer($0.evidence, declarations: declarations) }
      let grids = placers.map(\.candidates)
      let common = (0x40...1022).map { dword in
        grids.map { $0.grade(at: dword * 4) }.max() ?? .refused
      }
      #expect(grade >= common[offset / 4 - 0x40])
      #expect(!plan.decision.alternatives.contains { $0.offset == offset })
      for alternative in plan.decision.alternatives {
        #expect(alternative.grade >= common[alternative.offset / 4 - 0x40])
        #expect(members.allSatisfy { good($0, alternative.offset) })
      }
    case .refused:
      #expect(!plan.conflicts.isEmpty)
      #expect(plan.conflicts.allSatisfy { !$0.reasons.isEmpty && !$0.members.isEmpty })
      let grids = Set(members.map(\.key)).filter {
        $0.evidence.pasid == nil && $0.evidence.space == .usable
      }.map { Placer($0.evidence, declarations: declarations).candidates }
      let isMixed = members.contains { $0.evidence.pasid != nil || $0.evidence.space != .usable }
      let everywhere = stride(from: 0x100, through: 0xFF8, by: 4).filter { offset in
        !isMixed && grids.allSatisfy { $0.grade(at: offset) != .refused }
      }
      #expect(everywhere.isEmpty, "good for all: \(everywhere.map(\.hex))")
      if let rest = plan.withoutConflicts {
        let others = members.filter { good($0, rest.offset) }
        #expect(!others.isEmpty && rest.grade != .refused)
        #expect(plan.conflicts.reduce(0) { $0 + $1.count } == members.count - others.count)
        let restPlan = Fleet.survey(others)
        let candidates = Candidates(
          on: restPlan.ground, declared: declarations.ranges(for: Fleet.model),
          limits: restPlan.limits)
        #expect(candidates.grade(at: rest.offset) == rest.grade)
        let names = Set(plan.conflicts.flatMap(\.members))
        #expect(others.allSatisfy { !names.contains($0.name) })
      }
    }
    return plan
  }
}
