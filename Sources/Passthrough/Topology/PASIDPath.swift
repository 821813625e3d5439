/// Whether a guest's Linux would enable PASIDs of a function where it is, and why not.
///
/// Linux asks two things of the way to the root (`pci_enable_pasid`): that every port on it passes
/// End-End TLP prefixes, and that none lets requests with a PASID turn off to another function.
public struct PASIDPath: Hashable, Sendable {
  /// How Access Control Services are judged.
  public enum Judgement: Hashable, Sendable {
    /// By what is offered: Linux turns it on at boot when there is an IOMMU.
    case offered
    /// By what is on at the moment.
    case enabled
  }

  /// An obstacle, with the function that it is at.
  public enum Obstacle: Hashable, Sendable {
    /// The function was removed from the hierarchy.
    case removed
    /// It is a function of conventional PCI, or below it.
    case conventional(String)
    /// A bridge to or from conventional PCI is on the way, or the function is an event collector.
    case notPassable(String, PCIFunction.Kind)
    /// The function does not take or pass End-End TLP prefixes.
    case noPrefixes(String)
    /// An endpoint stands on the root bus and says that it is not integrated.
    case notIntegrated(String)
    /// A port, or a function among several, has no Access Control Services.
    case noAccessControl(String)
    /// Services that a function offers are not on.
    case accessControlOff(String, AccessControl.Services)
  }

  /// What is in the way; nothing when the way is open.
  public let obstacles: [Obstacle]

  /// Whether Linux would enable PASIDs.
  public var isOpen: Bool { obstacles.isEmpty }
}

extension PASIDPath.Obstacle: CustomStringConvertible {
  /// The obstacle in one word, the same in every version.
  public var name: String {
    switch self {
    case .removed: "removed"
    case .conventional: "conventional"
    case .notPassable: "not-passable"
    case .noPrefixes: "no-prefixes"
    case .notIntegrated: "not-integrated"
    case .noAccessControl: "no-access-control"
    case .accessControlOff: "access-control-off"
    }
  }

  /// The obstacle in words, with what can be done.
  public var description: String {
    switch self {
    case .removed: "the function is no longer in the hierarchy"
    case .conventional(let name):
      "\(name) is conventional PCI, which carries no PASIDs: put the device behind a root port"
    case .notPassable(let name, let kind):
      "\(name) is \(kind.words), which carries no PASIDs: put the device behind a root port"
    case .noPrefixes(let name):
      "\(name) has no End-End TLP prefixes (Device Capabilities 2 bit 21), which carry PASIDs"
    case .notIntegrated(let name):
      "\(name) is on a root bus without being an integrated endpoint, and Linux then takes it to "
        + "have no End-End TLP prefixes: put it behind a root port"
    case .noAccessControl(let name):
      "\(name) has no Access Control Services, so a request with a PASID could end at another "
        + "function instead of the IOMMU"
    case .accessControlOff(let name, let services):
      "\(name) has \(services) of its Access Control Services off"
    }
  }
}

extension PASIDPath: CustomStringConvertible {
  /// The decision in words.
  public var description: String {
    isOpen
      ? "the way to the root passes PASIDs"
      : obstacles.map { "\($0)" }.joined(separator: "; ")
  }
}

/// The decision as programs read it; keys and words are stable.
extension PASIDPath: Encodable {
  private enum Key: String, CodingKey {
    case open, obstacles, name, text
  }

  /// Writes `open` and `obstacles`, each with `name` and `text`.
  public func encode(to encoder: any Encoder) throws {
    var all = encoder.container(keyedBy: Key.self)
    try all.encode(isOpen, forKey: .open)
    var list = all.nestedUnkeyedContainer(forKey: .obstacles)
    for obstacle in obstacles {
      var one = list.nestedContainer(keyedBy: Key.self)
      try one.encode(obstacle.name, forKey: .name)
      try one.encode("\(obstacle)", forKey: .text)
    }
  }
}

extension PCIFunction.Kind {
  /// The kind with its article.
  var words: String {
    switch self {
    case .endpoint: "an endpoint"
    case .integratedEndpoint: "an integrated endpoint"
    case .rootPort: "a root port"
    case .upstreamPort: "a switch's upstream port"
    case .downstreamPort: "a switch's downstream port"
    case .expressToPCIBridge: "a bridge to conventional PCI"
    case .pciToExpressBridge: "a bridge from conventional PCI"
    case .eventCollector: "an event collector"
    case .conventional: "a conventional function"
    case .conventionalBridge: "a conventional bridge"
    }
  }
}
