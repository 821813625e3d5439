/// Where the PASID capability goes on one device, or why nowhere.
public struct PlacementDecision: Hashable, Sendable {
  /// What was decided.
  public enum Outcome: Hashable, Sendable {
    /// The function shows a PASID capability already.
    case present(offset: Int)
    /// The capability goes there.
    case placed(offset: Int, Grade)
    /// It can go nowhere, or not where it was asked to.
    case refused
  }

  /// An offset that could be asked for instead.
  public struct Alternative: Hashable, Sendable {
    /// The offset, in bytes.
    public let offset: Int
    /// Its grade.
    public let grade: Grade
  }

  /// What was decided.
  public let outcome: Outcome

  /// Makes a decision from its parts.
  ///
  /// - Parameters:
  ///   - outcome: What was decided.
  ///   - reasons: Why, the weightiest first.
  ///   - alternatives: Offsets that could be asked for instead.
  public init(outcome: Outcome, reasons: [PlacementReason], alternatives: [Alternative]) {
    self.outcome = outcome
    self.reasons = reasons
    self.alternatives = alternatives
  }

  /// Why, the weightiest first.
  public let reasons: [PlacementReason]
  /// The best offset of each stretch of free bytes, the best grade first; at most eight.
  public let alternatives: [Alternative]

  /// The offset of the PASID capability that the guest sees, or `nil` when refused.
  public var offset: Int? {
    switch outcome {
    case .present(let offset), .placed(let offset, _): offset
    case .refused: nil
    }
  }

  /// The word for a capability that is there already.
  public static let presentWord = "present"

  /// The outcome in one word: a grade, or `present`.
  public var word: String {
    switch outcome {
    case .present: Self.presentWord
    case .placed(_, let grade): grade.rawValue
    case .refused: Grade.refused.rawValue
    }
  }
}
