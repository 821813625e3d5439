import Hardware

/// What all dumps of one device model show together, with who showed it.
public struct ModelGround: Sendable {
  /// The merged ground.
  public private(set) var ground = Ground()
  /// Each dump's name and ground.
  private var dumps: [(name: String, ground: Ground)] = []

  /// Starts with no dump.
  public init() {}

  /// The number of dumps.
  public private(set) var count = 0

  /// Starts with what a survey merged already.
  ///
  /// - Parameters:
  ///   - ground: The merged ground.
  ///   - count: The number of dumps that it comes from.
  init(merged ground: Ground, count: Int) {
    self.ground = ground
    self.count = count
  }

  /// Says which dumps have a ground that is part of the merged one.
  mutating func name(_ ground: Ground, _ name: String) { dumps.append((name, ground)) }

  /// Adds a dump.
  public mutating func add(_ ground: Ground, name: String) {
    self.ground.formUnion(ground)
    dumps.append((name, ground))
    count += 1
  }

  /// A dump on which one of two dwords from `dword` on is taken.
  func owner(of dword: Int) -> String? {
    dumps.first { $0.ground.taken.intersects(dword...min(dword + 1, 1023)) }?.name
  }
}
