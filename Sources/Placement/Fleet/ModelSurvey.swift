import PCIe

/// Devices of one model that gave exactly the same evidence.
public struct SurveyedShape: Hashable, Sendable {
  /// What each of them shows, with the hash that orders shapes.
  let key: KeyedEvidence
  /// How many devices there are.
  public internal(set) var count: Int
  var names = MemberNames()

  init(_ key: KeyedEvidence, count: Int, members: [String]) {
    self.key = key
    self.count = count
    for member in members { names.add(member) }
  }

  /// What each of them shows.
  public var evidence: PlacementEvidence { key.evidence }

  /// Some of their names, sorted.
  public var members: [String] { names.names }
}

/// What all devices of one model show: small, however many there are.
///
/// Merging is associative and commutative: surveys may be cut into parts, merged in any order and
/// on any number of machines, and give the same plan. What decides the plan is kept whole; of the
/// different shapes that devices of one model have, ``shapeLimit`` are kept for explanations.
public struct ModelSurvey: Hashable, Sendable {
  /// How many different shapes are kept.
  public static let shapeLimit = 16

  /// The device model.
  public let model: DeviceModel
  /// The number of devices.
  public private(set) var members = 0
  /// How many of them can take no capability.
  public private(set) var unusable = 0
  /// How many of them show a PASID capability already.
  public private(set) var present = 0
  /// The lowest and the highest offset of such a capability.
  public private(set) var presentOffsets: ClosedRange<Int>?
  /// Whether a device's extended list is empty, so that a placeholder at 0x100 leads to ours.
  public private(set) var needsPlaceholder = false
  /// What is taken or uncertain on any device that can take a capability.
  public private(set) var ground = Ground()
  /// The shapes that are kept, in an order of their own.
  public private(set) var shapes: [SurveyedShape] = []
  /// Whether there are more shapes than are kept.
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
    members += count
    if let pasid = evidence.pasid {
      present += count
      let offset = Int(pasid.offset)
      presentOffsets =
        presentOffsets.map { min($0.lowerBound, offset)...max($0.upperBound, offset) }
        ?? offset...offset
    }
    if evidence.space == .usable {
      ground.formUnion(Ground(evidence))
      needsPlaceholder = needsPlaceholder || evidence.entries.isEmpty
    } else {
      unusable += count
    }
    keep(SurveyedShape(key, count: count, members: names))
  }

  /// Adds one more device with the evidence of a shape that is kept or was dropped before.
  ///
  /// - Parameters:
  ///   - key: What it shows, equal to what an earlier device showed.
  ///   - name: Its name.
  public mutating func addAnother(like key: KeyedEvidence, name: String) {
    members += 1
    if key.evidence.pasid != nil { present += 1 }
    if key.evidence.space != .usable { unusable += 1 }
    // The ground has this device's already; only the counts and names change.
    guard let index = shapes.firstIndex(where: { $0.key == key }) else { return }
    shapes[index].count += 1
    shapes[index].names.add(name)
  }

  /// Adds the devices of another survey of the same model.
  ///
  /// - Parameter other: The other survey.
  public mutating func merge(_ other: ModelSurvey) {
    assert(other.model == model)
    members += other.members
    unusable += other.unusable
    present += other.present
    if let theirs = other.presentOffsets {
      presentOffsets =
        presentOffsets.map {
          min($0.lowerBound, theirs.lowerBound)...max($0.upperBound, theirs.upperBound)
        } ?? theirs
    }
    ground.formUnion(other.ground)
    needsPlaceholder = needsPlaceholder || other.needsPlaceholder
    hasMoreShapes = hasMoreShapes || other.hasMoreShapes
    for shape in other.shapes { keep(shape) }
  }

  /// Keeps the shapes with the lowest digests, so that every order of merging keeps the same ones.
  private mutating func keep(_ shape: SurveyedShape) {
    if let index = shapes.firstIndex(where: { $0.key == shape.key }) {
      shapes[index].count += shape.count
      for member in shape.members { shapes[index].names.add(member) }
      return
    }
    let index = shapes.firstIndex { $0.key.digest > shape.key.digest } ?? shapes.endIndex
    shapes.insert(shape, at: index)
    if shapes.count > Self.shapeLimit {
      shapes.removeLast()
      hasMoreShapes = true
    }
  }
}
