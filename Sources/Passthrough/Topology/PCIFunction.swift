public import PCIe

/// What a function of a guest's PCI hierarchy is, as far as requester IDs and PASIDs depend on it.
public struct PCIFunction: Hashable, Sendable {
  /// The kinds of functions, by Device/Port Type (PCI Express Base Specification 7.5.3.2).
  public enum Kind: String, Hashable, Sendable, Codable {
    /// A PCI Express endpoint, behind a port.
    case endpoint
    /// An endpoint of the root complex itself.
    case integratedEndpoint
    /// A port of the root complex.
    case rootPort
    /// A switch's port towards the root.
    case upstreamPort
    /// A switch's port away from the root.
    case downstreamPort
    /// A bridge from PCI Express down to conventional PCI.
    case expressToPCIBridge
    /// A bridge from conventional PCI down to PCI Express.
    case pciToExpressBridge
    /// A root complex event collector.
    case eventCollector
    /// A function of conventional PCI.
    case conventional
    /// A bridge between two conventional buses.
    case conventionalBridge

    /// Whether a bus is behind it.
    public var hasSecondaryBus: Bool {
      switch self {
      case .rootPort, .upstreamPort, .downstreamPort, .expressToPCIBridge, .pciToExpressBridge,
        .conventionalBridge:
        true
      case .endpoint, .integratedEndpoint, .eventCollector, .conventional: false
      }
    }

    /// Whether the bus behind it is a conventional one, whose requests carry no function's own ID.
    public var leadsToConventionalPCI: Bool {
      self == .expressToPCIBridge || self == .conventionalBridge
    }

    /// Whether the function itself is a PCI Express one.
    public var isExpress: Bool { self != .conventional && self != .conventionalBridge }
  }

  /// What it is.
  public var kind: Kind
  /// Whether it takes and passes End-End TLP prefixes, which carry PASIDs (Device Capabilities 2,
  /// bit 21).
  public var passesPrefixes: Bool
  /// Whether its device has several functions.
  public var isMultiFunction: Bool
  /// Its Access Control Services, if it has the capability.
  public var accessControl: AccessControl?

  /// Describes a function.
  ///
  /// - Parameters:
  ///   - kind: What it is.
  ///   - passesPrefixes: Whether it takes and passes End-End TLP prefixes.
  ///   - isMultiFunction: Whether its device has several functions.
  ///   - accessControl: Its Access Control Services.
  public init(
    _ kind: Kind, passesPrefixes: Bool = false, isMultiFunction: Bool = false,
    accessControl: AccessControl? = nil
  ) {
    self.kind = kind
    self.passesPrefixes = passesPrefixes
    self.isMultiFunction = isMultiFunction
    self.accessControl = accessControl
  }

  /// Reads what a function is from its config space, as the guest sees it.
  ///
  /// - Parameter config: The config space.
  public init(reading config: ConfigSpace) {
    let walk = config.walkCapabilities()
    self.init(
      Kind(portType: walk.port.portType, headerType: config.headerType),
      passesPrefixes: walk.port.hasEndEndPrefixes,
      isMultiFunction: config.read8(0x0E) >> 7 == 1,
      accessControl: AccessControl(of: config, walk))
  }
}

extension PCIFunction.Kind {
  /// The kind that a Device/Port Type says, or that a header says without one.
  init(portType: UInt8?, headerType: UInt8) {
    switch portType {
    case 4: self = .rootPort
    case 5: self = .upstreamPort
    case 6: self = .downstreamPort
    case 7: self = .expressToPCIBridge
    case 8: self = .pciToExpressBridge
    case 9: self = .integratedEndpoint
    case 0xA: self = .eventCollector
    case nil: self = headerType == 0 ? .conventional : .conventionalBridge
    // 0 and 1, and numbers that mean nothing, which Linux takes for endpoints too.
    default: self = .endpoint
    }
  }
}
