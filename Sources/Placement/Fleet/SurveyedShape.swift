import PCIe

/// Devices of one model that gave exactly the same evidence.
public struct SurveyedShape: Hashable, Sendable {
  /// What each of them shows, with the hash that orders shapes.
  let key: KeyedEvidence
  /// How many devices there are.
  public internal(set) var count: Int
  var names = MemberNames()
  /// What keeps offsets from being good for all devices, as far as this shape is concerned.
  let obstacles: Obstacles

  init(_ key: KeyedEvidence, count: Int, members: [String]) {
    self.key = key
    self.count = min(count, DeviceCount.limit)
    obstacles = Obstacles(key.evidence)
    for member in members { names.add(member) }
  }

  /// What each of them shows.
  public var evidence: PlacementEvidence { key.evidence }

  /// Some of their names, sorted.
  public var members: [String] { names.names }
}
