import Hardware
public import PCIe

/// What was decided for one device model, so that every host shows its guests the same bytes.
public struct ModelPin: Hashable, Sendable {
  /// The device model.
  public let model: DeviceModel
  /// The offset of the PASID capability, or `nil` when none was found.
  public let offset: Int?
  /// The grade at the time, or `present`.
  public let grade: String
  /// How many devices the decision rests on.
  public let members: Int
  /// The capability list that a guest sees around ours: the one that the most devices showed.
  public let layout: [SurveyedCapability]

  /// Describes a pin.
  ///
  /// - Parameters:
  ///   - model: The device model.
  ///   - offset: The offset, or `nil` when none was found.
  ///   - grade: The grade in one word.
  ///   - members: How many devices the decision rests on.
  ///   - layout: The capability list that a guest sees around ours.
  public init(
    model: DeviceModel, offset: Int?, grade: String, members: Int,
    layout: [SurveyedCapability]
  ) {
    self.model = model
    self.offset = offset
    self.grade = grade
    self.members = members
    self.layout = layout
  }

  /// Pins what a plan decided.
  ///
  /// - Parameter plan: The plan for the model.
  public init(_ plan: ModelPlan) {
    self.init(
      model: plan.model, offset: plan.decision.offset, grade: plan.decision.word,
      members: plan.members, layout: plan.commonLayout)
  }
}

/// A plan as it is kept between hosts: which capability goes where on which model.
public struct Pin: Hashable, Sendable {
  /// The capability that guests are shown.
  public let capability: PASIDCapability
  /// One entry a model, in order of model.
  public let models: [ModelPin]

  /// Describes a pin.
  ///
  /// - Parameters:
  ///   - capability: The capability that guests are shown.
  ///   - models: One entry a model.
  public init(capability: PASIDCapability, models: [ModelPin]) {
    self.capability = capability
    self.models = models.sorted { $0.model < $1.model }
  }
}

/// Why a device does not honour a pin.
public enum PinBreach: Hashable, Sendable {
  /// The pin does not speak of this model.
  case noPin(DeviceModel)
  /// The pin says that no offset was good for the model.
  case noOffset(DeviceModel)
  /// The pinned offset cannot be used on this device.
  case refused([PlacementReason])
  /// The device shows a PASID capability of its own where the pin has none, or elsewhere.
  case presentAt(offset: Int, pinned: Int)
  /// The pin rests on the device's own capability, which is not there.
  case notPresent(pinned: Int)
  /// The guest would see another list of capabilities.
  case otherLayout(missing: [SurveyedCapability], added: [SurveyedCapability])
}

extension PinBreach: CustomStringConvertible {
  /// The breach in words.
  public var description: String {
    switch self {
    case .noPin(let model): "the pin says nothing of \(model)"
    case .noOffset(let model): "the pin found no offset that is good for every \(model)"
    case .refused(let reasons):
      reasons.map { "\($0)" }.joined(separator: "; ")
    case .presentAt(let offset, let pinned):
      "it shows a PASID capability of its own at \(offset.hex); the pin has \(pinned.hex)"
    case .notPresent(let pinned):
      "it shows no PASID capability; the pin rests on the device's own at \(pinned.hex)"
    case .otherLayout(let missing, let added):
      "its guest would see other bytes: "
        + [
          missing.isEmpty ? nil : "without " + missing.map { "\($0)" }.joined(separator: ", "),
          added.isEmpty ? nil : "with " + added.map { "\($0)" }.joined(separator: ", "),
          missing.isEmpty && added.isEmpty ? "the same capabilities in another order" : nil,
        ].compactMap { $0 }.joined(separator: ", ")
    }
  }
}

extension Pin {
  /// Says whether a device still shows what the pin promises.
  ///
  /// It does when the pinned offset can be used on it and its capability list is the pinned one: then
  /// a guest sees the same list with ours in it on every device that honours the pin.
  ///
  /// - Parameters:
  ///   - evidence: What the device shows.
  ///   - declarations: What users and quirk files forbid.
  /// - Returns: Why it does not, or `nil` when it does.
  public func breach(
    by evidence: PlacementEvidence, declarations: Declarations = .none
  ) -> PinBreach? {
    guard let pin = self[evidence.model] else {
      return .noPin(evidence.model)
    }
    guard let offset = pin.offset else { return .noOffset(evidence.model) }
    if let own = evidence.pasid {
      guard pin.grade == PlacementDecision.presentWord, Int(own.offset) == offset else {
        return .presentAt(offset: Int(own.offset), pinned: offset)
      }
    } else {
      guard pin.grade != PlacementDecision.presentWord else { return .notPresent(pinned: offset) }
      let decision = Placer(evidence, declarations: declarations).decide(asked: offset)
      if case .refused = decision.outcome { return .refused(decision.reasons) }
    }
    guard !pin.layout.hasHeaders(of: evidence.entries) else { return nil }
    return .otherLayout(
      missing: pin.layout.filter { !evidence.entries.containsHeader(of: $0) },
      added: evidence.entries.filter { !pin.layout.containsHeader(of: $0) })
  }

  /// What is pinned for a model; models are in order, so this is a binary search.
  private subscript(model: DeviceModel) -> ModelPin? {
    var range = models.startIndex..<models.endIndex
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      if models[middle].model == model { return models[middle] }
      range =
        models[middle].model < model ? middle + 1..<range.upperBound : range.lowerBound..<middle
    }
    return nil
  }
}

extension SurveyedCapability {
  /// Whether both have the same header but for the pointer: what a guest sees of the list.
  fileprivate func hasHeader(of other: SurveyedCapability) -> Bool {
    offset == other.offset && id == other.id && version == other.version
  }
}

extension [SurveyedCapability] {
  fileprivate func hasHeaders(of other: [SurveyedCapability]) -> Bool {
    elementsEqual(other) { $0.hasHeader(of: $1) }
  }

  fileprivate func containsHeader(of other: SurveyedCapability) -> Bool {
    contains { $0.hasHeader(of: other) }
  }
}
