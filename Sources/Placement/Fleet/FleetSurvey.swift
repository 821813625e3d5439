/// What a fleet shows: every device model with all that its devices have in common.
///
/// Memory grows with the number of different models and shapes, never with that of devices.
public struct FleetSurvey: Sendable {
  /// How many different models and shapes are taken at the most.
  public static let limit = 1 << 15

  /// The models in the order they were met.
  public private(set) var models: [ModelSurvey] = []
  private var indices: [DeviceModel: Int] = [:]
  private var shapes = 0

  /// Starts without devices.
  public init() {}

  /// The number of devices.
  public var members: Int { models.reduce(0) { DeviceCount.sum($0, $1.members) } }

  /// Adds devices that all show the same.
  ///
  /// - Parameters:
  ///   - key: What each shows.
  ///   - count: How many there are.
  ///   - names: Some of their names.
  /// - Throws: ``FleetError/tooDiverse(limit:)`` when there are too many different ones.
  public mutating func add(
    _ key: KeyedEvidence, count: Int = 1, names: [String]
  ) throws(FleetError) {
    try change(key.evidence.model) { $0.add(key, count: count, names: names) }
  }

  /// Adds the devices of another survey.
  ///
  /// - Parameter other: The other survey.
  /// - Throws: ``FleetError/tooDiverse(limit:)`` when there are too many different ones.
  public mutating func merge(_ other: FleetSurvey) throws(FleetError) {
    for survey in other.models {
      try change(survey.model) { $0.merge(survey) }
    }
  }

  /// Plans every model.
  ///
  /// - Parameter declarations: What users and quirk files declare.
  /// - Returns: One plan a model, in order of model.
  public func plan(_ declarations: Declarations = .none) -> [ModelPlan] {
    models.sorted { $0.model < $1.model }.map { $0.plan(declarations) }
  }

  private mutating func change(
    _ model: DeviceModel, _ body: (inout ModelSurvey) -> Void
  ) throws(FleetError) {
    let index: Int
    if let known = indices[model] {
      index = known
    } else {
      index = models.count
      indices[model] = index
      models.append(ModelSurvey(of: model))
    }
    shapes -= models[index].shapes.count
    body(&models[index])
    shapes += models[index].shapes.count
    guard shapes <= Self.limit else { throw .tooDiverse(limit: Self.limit) }
  }
}

/// Why a fleet cannot be surveyed as one.
public enum FleetError: Error, Hashable, Sendable, CustomStringConvertible {
  /// There are more different models and shapes than memory is set aside for.
  case tooDiverse(limit: Int)

  /// The error in words, with what to do.
  public var description: String {
    switch self {
    case .tooDiverse(let limit):
      "more than \(limit) different device models and layouts: plan one vendor at a time"
    }
  }
}
