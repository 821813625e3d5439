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
  public var count: Int { dumps.count }

  /// Adds a dump.
  public mutating func add(_ ground: Ground, name: String) {
    self.ground.formUnion(ground)
    dumps.append((name, ground))
  }

  /// A dump on which one of two dwords from `dword` on is taken.
  func owner(of dword: Int) -> String? {
    dumps.first { $0.ground.taken.intersects(dword...min(dword + 1, 1023)) }?.name
  }
}
