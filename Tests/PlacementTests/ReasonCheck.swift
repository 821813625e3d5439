import Hardware
import PCIe
import Placement
import TestSupport
import Testing

/// What must hold of the reasons and alternatives of any decision.
struct ReasonCheck {
  let decision: PlacementDecision
  let grades: [Grade]
  let evidence: PlacementEvidence
  let asked: Int?

  init(
    _ decision: PlacementDecision, grades: [Grade], _ evidence: PlacementEvidence,
    asked: Int? = nil
  ) {
    self.decision = decision
    self.grades = grades
    self.evidence = evidence
    self.asked = asked
  }

  func run() {
    #expect(!decision.reasons.isEmpty)
    for reason in decision.reasons {
      let text = "\(reason)"
      #expect(text.count > 10 && !text.contains("Optional") && !text.contains("nil"), "\(text)")
      checkTruth(of: reason)
    }
    checkAlternatives()
    switch decision.outcome {
    case .placed(let offset, let grade):
      #expect(decision.offset == offset && decision.word == grade.rawValue)
      #expect(decision.reasons.contains(.customary) == (offset == 0xFF8))
      #expect(decision.reasons.contains(.conventional) == !evidence.isExpress)
    case .present(let offset):
      #expect(decision.offset == offset && decision.word == "present")
      #expect(decision.reasons.first == .present(offset: offset))
    case .refused:
      #expect(decision.offset == nil && decision.word == "refused")
    }
  }

  /// A reason says nothing that the evidence does not.
  private func checkTruth(of reason: PlacementReason) {
    switch reason {
    case .behindEverything(let offset, _, let last):
      #expect(grades[offset / 4] == .likely)
      if let last { #expect(last.knownBytes.upperBound < offset, "\(reason)") }
    case .hole(let offset, let below):
      #expect(grades[offset / 4] == .risky)
      #expect(below.knownBytes.upperBound > offset, "\(reason)")
    case .shadow(let offset, let owner):
      #expect(grades[offset / 4] == .risky)
      #expect(owner.size == nil && Int(owner.offset) < offset, "\(reason)")
    case .holeElsewhere(let offset): #expect(grades[offset / 4] == .risky)
    case .declaredFree: #expect(decision.word == "clear")
    case .notCustomary(let grade): #expect(grades[0xFF8 / 4] == grade)
    case .behindVFIO(let offset, let grade): #expect(grades[offset / 4] == grade)
    case .overlaps(let offset, let entry):
      #expect(entry.knownBytes.overlaps(offset...offset + 7) && evidence.entries.contains(entry))
    case .overlapsHidden(let offset, let entry):
      #expect(entry.knownBytes.overlaps(offset...offset + 7) && evidence.hidden.contains(entry))
    case .nonZero(let offset, let at):
      #expect((offset...offset + 7).contains(at) && evidence.stray.contains(at / 4))
    case .forbidden(let offset, let bytes, _): #expect(bytes.overlaps(offset...offset + 7))
    case .takenElsewhere(_, let dump): #expect(dump?.hasPrefix("peer") == true)
    case .strayRegisters(let at): #expect(evidence.stray.contains(at / 4))
    case .hiddenPASID(let offset):
      #expect(evidence.hidden.contains { $0.id == 0x1B && Int($0.offset) == offset })
    case .declarationContradicted(let bytes, let at, _):
      #expect(bytes.contains(at))
      #expect(at + 4 > 0xFFC || grades[at / 4] == .refused)
    case .nowhere: #expect(grades.allSatisfy { $0 == .refused })
    case .placeholder: #expect(evidence.entries.isEmpty)
    case .placeholderForbidden(let bytes, _):
      #expect(evidence.entries.isEmpty && bytes.overlaps(0x100...0x103))
    case .unusable(let state): #expect(state == evidence.space && state != .usable)
    case .askedNotNeeded(let offset, let grade):
      #expect(offset == asked)
      let isShaped = offset % 4 == 0 && (0x100...0xFF8).contains(offset)
      #expect(grade == (isShaped ? grades[offset / 4] : .refused))
    case .conventional, .customary, .present, .refusal, .noCommonOffset: break
    }
  }

  /// At most eight, the best first, never the chosen one, each with the grade that it has.
  private func checkAlternatives() {
    let alternatives = decision.alternatives
    #expect(alternatives.count <= 8)
    #expect(alternatives.map(\.grade) == alternatives.map(\.grade).sorted())
    #expect(Set(alternatives.map(\.offset)).count == alternatives.count)
    #expect(!alternatives.contains { $0.offset == decision.offset || $0.offset == asked })
    for alternative in alternatives {
      #expect(alternative.grade != .refused)
      #expect(grades[alternative.offset / 4] == alternative.grade, "\(alternative)")
    }
  }
}
