import Hardware
import PCIe
import TestSupport
import Testing

@testable import Placement

/// Grades and choice against the plain oracle, at every dword.
@Suite("Grades")
struct GradeTests {
  @Test("of each fixture and dump, nothing declared", arguments: Cases.all)
  func plain(_ fixture: Fixture) {
    check(fixture.config)
  }

  @Test("with ranges declared free and forbidden", arguments: Cases.all)
  func declared(_ fixture: Fixture) {
    var generator = SplitMix64(seed: fixture.seed)
    for _ in 0..<3 {
      check(fixture.config, declared: Cases.declarations(using: &generator))
    }
  }

  @Test("with capabilities that VFIO hides", arguments: Cases.all)
  func hidden(_ fixture: Fixture) {
    var generator = SplitMix64(seed: fixture.seed)
    guard PlacementOracle.isUsable(fixture.config) else { return }
    for round in 0..<3 {
      let view = Cases.view(of: fixture.config, using: &generator)
      check(
        fixture.config, view: view,
        declared: round % 2 == 0 ? [] : Cases.declarations(using: &generator))
    }
  }

  @Test("with a view that is no view of the device at all", arguments: 0..<12 as Range<UInt64>)
  func strangeViews(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    for _ in 0..<4 {
      let config = try #require(Cases.all.randomElement(using: &generator)).config
      let view = Fixtures.mutated(config, using: &generator)
      check(config, view: view)
      check(config, view: Fixtures.randomRegisters(seed: seed))
    }
  }

  @Test("of random lists and changed fixtures", arguments: 0..<30 as Range<UInt64>)
  func random(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    for index in 0..<4 as Range<UInt64> {
      var config = Fixtures.randomRegisters(seed: seed * 4 + index)
      if index % 2 == 1 { config = Fixtures.mutated(config, using: &generator) }
      check(config, declared: Cases.declarations(using: &generator))
    }
  }

  @Test("with other dumps of the model", arguments: 0..<30 as Range<UInt64>)
  func peers(seed: UInt64) throws {
    var generator = SplitMix64(seed: seed)
    let first = try #require(Cases.all.randomElement(using: &generator)).config
    let others = try (0..<Int.random(in: 1...4, using: &generator)).map { _ in
      Bool.random(using: &generator)
        ? Fixtures.mutated(first, using: &generator)
        : try #require(Cases.all.randomElement(using: &generator)).config
    }
    check(
      first, peers: others, declared: seed % 2 == 0 ? [] : Cases.declarations(using: &generator))
  }

  /// Compares every dword, the choice, and what is said to some offsets that are asked for.
  private func check(
    _ config: ConfigSpace, view: ConfigSpace? = nil, peers: [ConfigSpace] = [],
    declared: [DeclaredRange] = []
  ) {
    let evidence = Cases.evidence(config, view: view)
    let oracle = PlacementOracle(config, view: view, peers: peers, declared: declared)
    let expected = oracle.grades
    #expect((evidence.space == .usable) == oracle.isUsable, "\(evidence.space)")
    let placer = Placer(
      evidence, model: oracle.isUsable ? model(evidence, peers) : nil,
      declarations: Declarations(user: declared, quirks: []))
    let decision = placer.decide()
    if let pasid = evidence.pasid {
      #expect(decision.outcome == .present(offset: Int(pasid.offset)))
      #expect(placer.decide(asked: 0xFF8).outcome == decision.outcome)
    } else if let best = PlacementOracle.choice(expected) {
      #expect(decision.outcome == .placed(offset: best.offset, best.grade))
    } else {
      #expect(decision.outcome == .refused)
    }
    ReasonCheck(decision, grades: expected, evidence).run()
    guard oracle.isUsable else { return }
    let candidates = placer.candidates
    for dword in 0..<1024 where candidates.grade(at: dword * 4) != expected[dword] {
      let found = candidates.grade(at: dword * 4)
      Issue.record("\((dword * 4).hex): \(found), expected \(expected[dword])")
    }
    guard evidence.pasid == nil else { return }
    let odd = [
      -8, -4, 0, 0xFC, 0x100, 0x101, 0x7FE, 0xFF8, 0xFFC, 0xFFD, 0x1000, .max - 3, .max, .min,
    ]
    for offset in odd + stride(from: 0x3C * 4, to: 0x1000, by: 4 * 101) {
      checkAsked(offset, placer, expected)
    }
  }

  private func model(_ evidence: PlacementEvidence, _ peers: [ConfigSpace]) -> ModelGround? {
    guard !peers.isEmpty else { return nil }
    var model = ModelGround()
    model.add(Ground(evidence), name: "own")
    for (index, peer) in peers.enumerated() where PlacementOracle.isUsable(peer) {
      model.add(Ground(Cases.evidence(peer)), name: "peer \(index)")
    }
    return model
  }

  /// An offset that is asked for is never moved and has the grade that it would have anyway.
  private func checkAsked(_ offset: Int, _ placer: Placer, _ expected: [Grade]) {
    let isPossible = offset % 4 == 0 && (0x100...0xFF8).contains(offset)
    let grade = isPossible ? expected[offset / 4] : .refused
    let decision = placer.decide(asked: offset)
    let outcome: PlacementDecision.Outcome =
      grade == .refused ? .refused : .placed(offset: offset, grade)
    #expect(decision.outcome == outcome, "asked for \(offset.hex)")
    if !isPossible {
      let reason: InsertionRefusal =
        offset % 4 != 0 ? .misaligned(offset: offset) : .outOfRange(offset: offset, length: 8)
      #expect(decision.reasons.first == .refusal(reason))
    }
    ReasonCheck(decision, grades: expected, placer.evidence, asked: offset).run()
  }
}
