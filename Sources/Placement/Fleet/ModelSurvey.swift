import PCIe

/// What all devices of one model show: small, however many there are.
///
/// Merging is associative and commutative: surveys may be cut into parts, merged in any order and
/// on any number of machines, and give the same plan. What decides the plan is kept whole. Of the
/// different shapes that devices of one model have, some are kept for explanations: the first
/// ``shapeLimit``, and of each obstacle the first that is one, so that a conflict can be named. The
/// first is the one with the lowest hash, so that every order of merging keeps the same ones.
public struct ModelSurvey: Hashable, Sendable {
  /// How many different shapes are kept in any case.
  public static let shapeLimit = 16

  /// The device model.
  public let model: DeviceModel
  /// The number of devices.
  public private(set) var members = 0
  /// How many of them can take no capability.
  public private(set) var unusable = 0
  /// How many of them show a PASID capability already.
  public private(set) var present = 0
  /// Whether any of them shows none.
  private(set) var lacksPASID = false
  /// The lowest and the highest offset of such a capability.
  public private(set) var presentOffsets: ClosedRange<Int>?
  /// What their lists ask of a place, all together.
  public private(set) var limits = ListLimits()
  /// What is taken or uncertain on any device that can take a capability.
  public private(set) var ground = Ground()
  /// The shapes that are kept, in an order of their own.
  public private(set) var shapes: [SurveyedShape] = []
  /// Whether there are more than ``shapeLimit`` shapes, so that not all may be kept.
  public private(set) var hasMoreShapes = false

  /// Starts without devices.
  ///
  /// - Parameter model: The device model.
  public init(of model: DeviceModel) { self.model = model }

  /// Adds devices that all give the same evidence.
  ///
  /// - Parameters:
  ///   - key: What each shows; it must be of this model.
  ///   - count: How many there are.
  ///   - names: Some of their names.
  public mutating func add(_ key: KeyedEvidence, count: Int = 1, names: [String]) {
    let evidence = key.evidence
    assert(evidence.model == model)
    members = DeviceCount.sum(members, count)
    if let pasid = evidence.pasid {
      present = DeviceCount.sum(present, count)
      let offset = Int(pasid.offset)
      presentOffsets =
        presentOffsets.map { min($0.lowerBound, offset)...max($0.upperBound, offset) }
        ?? offset...offset
    } else {
      lacksPASID = true
    }
    if evidence.space == .usable {
      ground.formUnion(Ground(evidence))
      limits.formUnion(ListLimits(evidence))
    } else {
      unusable = DeviceCount.sum(unusable, count)
    }
    keep(SurveyedShape(key, count: count, members: names))
  }

  /// Adds the devices of another survey of the same model.
  ///
  /// - Parameter other: The other survey.
  public mutating func merge(_ other: ModelSurvey) {
    assert(other.model == model)
    members = DeviceCount.sum(members, other.members)
    unusable = DeviceCount.sum(unusable, other.unusable)
    present = DeviceCount.sum(present, other.present)
    lacksPASID = lacksPASID || other.lacksPASID
    if let theirs = other.presentOffsets {
      presentOffsets =
        presentOffsets.map {
          min($0.lowerBound, theirs.lowerBound)...max($0.upperBound, theirs.upperBound)
        } ?? theirs
    }
    ground.formUnion(other.ground)
    limits.formUnion(other.limits)
    hasMoreShapes = hasMoreShapes || other.hasMoreShapes
    for shape in other.shapes { keep(shape) }
  }

  /// Keeps a shape, or adds to the one that shows the same.
  private mutating func keep(_ shape: SurveyedShape) {
    if let index = shapes.firstIndex(where: { $0.key == shape.key }) {
      shapes[index].count = DeviceCount.sum(shapes[index].count, shape.count)
      for member in shape.members { shapes[index].names.add(member) }
      return
    }
    let index = shapes.firstIndex { $0.key.digest > shape.key.digest } ?? shapes.endIndex
    shapes.insert(shape, at: index)
    if shapes.count > Self.shapeLimit {
      hasMoreShapes = true
      dropShapes()
    }
  }

  /// Drops shapes behind the first ones whose obstacles are all those of shapes before them.
  private mutating func dropShapes() {
    var met = Obstacles()
    var kept: [SurveyedShape] = []
    kept.reserveCapacity(shapes.count)
    for shape in shapes {
      let isNew = met.formUnion(shape.obstacles)
      if isNew || kept.count < Self.shapeLimit { kept.append(shape) }
    }
    shapes = kept
  }
}
