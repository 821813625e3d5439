import Hardware
public import PCIe
public import Placement

/// What a guest is shown of PASIDs, ATS and page requests, and why.
public struct SynthesisDecision: Hashable, Sendable {
  /// What is decided about PASIDs.
  public enum PASIDs: Hashable, Sendable {
    /// The guest sees a capability of ours.
    case shown(offset: Int, PASIDCapability, Grade)
    /// VFIO shows one already.
    case present(offset: Int)
    /// The guest sees none.
    case withheld

    /// The outcome in one word.
    public var word: String {
      switch self {
      case .shown: "shown"
      case .present: PlacementDecision.presentWord
      case .withheld: "withheld"
      }
    }
  }

  /// Whether a capability that the device has is shown.
  public struct Feature: Hashable, Sendable {
    /// Where the guest sees it; `nil` when it is hidden or not there.
    public let offset: Int?
    /// Why.
    public let reasons: [SynthesisReason]

    /// Whether the guest sees it.
    public var isShown: Bool { offset != nil }
  }

  /// PASIDs.
  public let pasids: PASIDs
  /// Why, the weightiest first.
  public let reasons: [SynthesisReason]
  /// Places that could be asked for instead.
  public let alternatives: [PlacementDecision.Alternative]
  /// Address Translation Services.
  public let ats: Feature
  /// Page requests.
  public let pageRequests: Feature

  /// The capability that the guest sees and that is ours.
  public var capability: PASIDCapability? {
    guard case .shown(_, let capability, _) = pasids else { return nil }
    return capability
  }

  /// Where the guest sees a PASID capability.
  public var offset: Int? {
    switch pasids {
    case .shown(let offset, _, _), .present(let offset): offset
    case .withheld: nil
    }
  }
}

extension SynthesisDecision: CustomStringConvertible {
  /// The decisions, one a line, each with its reasons.
  public var description: String {
    let pasids =
      switch pasids {
      case .shown(let offset, let capability, let grade):
        "PASID: \(capability.width) bits at \(offset.hex) (\(grade.rawValue))"
      case .present(let offset): "PASID: the device's own at \(offset.hex)"
      case .withheld: "PASID: none"
      }
    return [
      pasids + Self.text(reasons), "ATS: " + Self.text(ats), "PRI: " + Self.text(pageRequests),
    ].joined(separator: "\n")
  }

  private static func text(_ feature: Feature) -> String {
    (feature.offset.map { "at \($0.hex)" } ?? "none") + text(feature.reasons)
  }

  private static func text(_ reasons: [SynthesisReason]) -> String {
    reasons.isEmpty ? "" : ": " + reasons.map { "\($0)" }.joined(separator: "; ")
  }
}

/// The decisions as programs read them; keys and words are stable.
extension SynthesisDecision: Encodable {
  private enum Key: String, CodingKey {
    case pasid, ats, pri, outcome, offset, width, execute, privileged, grade, reasons, name, text
    case alternatives
  }

  /// Writes `pasid`, `ats` and `pri`, each with its `outcome`, `offset` and `reasons`.
  public func encode(to encoder: any Encoder) throws {
    var all = encoder.container(keyedBy: Key.self)
    var pasid = all.nestedContainer(keyedBy: Key.self, forKey: .pasid)
    try pasid.encode(pasids.word, forKey: .outcome)
    try pasid.encode(offset, forKey: .offset)
    try pasid.encode(capability?.width, forKey: .width)
    try pasid.encode(capability?.execute, forKey: .execute)
    try pasid.encode(capability?.privileged, forKey: .privileged)
    if case .shown(_, _, let grade) = pasids { try pasid.encode(grade, forKey: .grade) }
    try Self.encode(reasons, into: &pasid)
    var others = pasid.nestedUnkeyedContainer(forKey: .alternatives)
    for alternative in alternatives {
      var other = others.nestedContainer(keyedBy: Key.self)
      try other.encode(alternative.offset, forKey: .offset)
      try other.encode(alternative.grade, forKey: .grade)
    }
    for (key, feature) in [(Key.ats, ats), (.pri, pageRequests)] {
      var one = all.nestedContainer(keyedBy: Key.self, forKey: key)
      try one.encode(feature.isShown ? "shown" : "withheld", forKey: .outcome)
      try one.encode(feature.offset, forKey: .offset)
      try Self.encode(feature.reasons, into: &one)
    }
  }

  private static func encode(
    _ reasons: [SynthesisReason], into container: inout KeyedEncodingContainer<Key>
  ) throws {
    var list = container.nestedUnkeyedContainer(forKey: .reasons)
    for reason in reasons {
      var one = list.nestedContainer(keyedBy: Key.self)
      try one.encode(reason.name, forKey: .name)
      try one.encode("\(reason)", forKey: .text)
    }
  }
}
