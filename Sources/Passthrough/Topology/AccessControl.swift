import PCIe

/// Access Control Services of a function (ACS, PCI Express Base Specification 7.7.11).
public struct AccessControl: Hashable, Sendable {
  /// The services, numbered as in the ACS Capability and Control registers.
  public struct Services: OptionSet, Hashable, Sendable, CustomStringConvertible {
    /// The bits as in the registers.
    public let rawValue: UInt16

    /// Makes a set of the registers' bits.
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// SV: requester IDs are checked against the port's buses.
    public static let sourceValidation = Self(rawValue: 1 << 0)
    /// TB: requests that claim to be translated are blocked.
    public static let translationBlocking = Self(rawValue: 1 << 1)
    /// RR: requests between functions go up instead of across.
    public static let requestRedirect = Self(rawValue: 1 << 2)
    /// CR: completions go up too.
    public static let completionRedirect = Self(rawValue: 1 << 3)
    /// UF: what was redirected is let through.
    public static let upstreamForwarding = Self(rawValue: 1 << 4)

    /// What Linux demands of every function on the way before it enables PASIDs.
    public static let demandedForPASIDs: Self = [.requestRedirect, .upstreamForwarding]

    /// What an emulated port offers, which is what Linux turns on when there is an IOMMU, and
    /// translation blocking.
    public static let offered: Self = [
      .sourceValidation, .translationBlocking, .requestRedirect, .completionRedirect,
      .upstreamForwarding,
    ]

    /// The short names of the services, as `lspci` has them.
    public var description: String {
      let names: [(Self, String)] = [
        (.sourceValidation, "SrcValid"), (.translationBlocking, "TransBlk"),
        (.requestRedirect, "ReqRedir"), (.completionRedirect, "CmpltRedir"),
        (.upstreamForwarding, "UpstreamFwd"),
      ]
      return names.filter { contains($0.0) }.map(\.1).joined(separator: " and ")
    }
  }

  /// What the capability register offers.
  public var offered: Services
  /// What the control register has on.
  public var enabled: Services

  /// Describes a capability.
  ///
  /// - Parameters:
  ///   - offered: What the capability register offers.
  ///   - enabled: What the control register has on.
  public init(offered: Services, enabled: Services = []) {
    self.offered = offered
    self.enabled = enabled
  }

  /// ID of the extended capability (`PCI_EXT_CAP_ID_ACS`).
  static let capabilityID: UInt16 = 0x000D

  /// Reads a function's capability, if it has one.
  init?(of config: ConfigSpace, _ walk: CapabilityWalk) {
    guard let entry = walk.first(Self.capabilityID, in: .extended) else { return nil }
    self.init(
      offered: Services(rawValue: config.read16(entry.offset + 4)),
      enabled: Services(rawValue: config.read16(entry.offset + 6)))
  }
}
