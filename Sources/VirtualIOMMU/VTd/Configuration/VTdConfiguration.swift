/// What a user asks of a guest's VT-d unit; its capability registers follow from it and nothing else.
///
/// It says nothing about a host, so that it is the same on both ends of a migration.
public struct VTdConfiguration: Hashable, Sendable {
  /// What a unit may offer beyond translating.
  public struct Features: OptionSet, Hashable, Sendable, Codable {
    /// The flags.
    public let rawValue: UInt32

    /// Makes a set from its flags.
    ///
    /// - Parameter rawValue: The flags.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// ECAP.SMTS: scalable mode, which PASIDs and first stages need.
    public static let scalableMode = Self(rawValue: 1 << 0)
    /// ECAP.FLTS: first stages.
    public static let firstStage = Self(rawValue: 1 << 1)
    /// ECAP.SLTS: second stages in scalable mode; only for devices that the unit translates itself.
    public static let secondStage = Self(rawValue: 1 << 2)
    /// ECAP.NEST: the guest may nest its own stages; only for devices that the unit translates itself.
    public static let nesting = Self(rawValue: 1 << 3)
    /// ECAP.PT: pass-through entries.
    public static let passThrough = Self(rawValue: 1 << 4)
    /// CAP.FS5LP: first stages of five levels.
    public static let fiveLevels = Self(rawValue: 1 << 5)
    /// CAP.FS1GP, and 1 GiB in CAP.SLLPS: pages of 1 GiB.
    public static let gigabytePages = Self(rawValue: 1 << 6)
    /// CAP.CM: entries that are not present may be cached, so that the guest tells of new ones.
    ///
    /// Devices of a host need it: a new PASID is attached when the guest tells of it.
    public static let cachingMode = Self(rawValue: 1 << 7)
    /// ECAP.DT: device TLBs, which is ATS.
    public static let deviceTLBs = Self(rawValue: 1 << 8)
    /// ECAP.PRS and PDS: page requests.
    public static let pageRequests = Self(rawValue: 1 << 9)
    /// ECAP.SRS: supervisor requests.
    public static let supervisorRequests = Self(rawValue: 1 << 10)
    /// ECAP.ERS: execute requests.
    public static let executeRequests = Self(rawValue: 1 << 11)
    /// ECAP.EAFS: the extended accessed flag.
    public static let extendedAccessedFlag = Self(rawValue: 1 << 12)
    /// ECAP.SLADS: accessed and dirty bits of second stages.
    public static let secondStageDirtyBits = Self(rawValue: 1 << 13)
    /// ECAP.SC: snoop control.
    public static let snoopControl = Self(rawValue: 1 << 14)
    /// ECAP.IR: interrupt remapping.
    public static let interruptRemapping = Self(rawValue: 1 << 15)
    /// ECAP.EIM: interrupts to x2APIC destinations.
    public static let extendedInterrupts = Self(rawValue: 1 << 16)
    /// CAP.ESRTPS and ESIRTPS: setting a table's pointer also drops what was cached from it.
    public static let flushingPointers = Self(rawValue: 1 << 17)
    /// ECAP.RPS: context entries name the PASID of requests without one.
    public static let ridPASID = Self(rawValue: 1 << 19)
    /// ECAP.NWFS: devices may say that they will not write (ATS).
    public static let noWriteFlag = Self(rawValue: 1 << 20)
    /// The host tracks the pages that devices write; no register shows it.
    public static let dirtyTracking = Self(rawValue: 1 << 18)
  }

  /// The width in bits of guest physical addresses, and of what second stages take: 39, 48 or 57.
  public let addressWidth: Int
  /// Bits of a PASID, 1 to 20; 0 for none.
  public let pasidBits: Int
  /// How many fault recording registers there are, 1 to 128.
  public let faultRegisters: Int
  /// What it offers.
  public let features: Features

  /// What a unit for passed-through devices with PASIDs offers.
  public static let passthroughFeatures: Features = [
    .scalableMode, .firstStage, .passThrough, .gigabytePages, .cachingMode, .deviceTLBs,
    .pageRequests,
  ]

  /// Describes a unit.
  ///
  /// - Parameters:
  ///   - addressWidth: The width in bits of guest physical addresses: 39, 48 or 57.
  ///   - pasidBits: Bits of a PASID, 1 to 20; 0 for none.
  ///   - faultRegisters: How many fault recording registers there are, 1 to 128.
  ///   - features: What it offers.
  /// - Throws: What does not go together, or is out of range.
  public init(
    addressWidth: Int = 48, pasidBits: Int = 20, faultRegisters: Int = 8,
    features: Features = Self.passthroughFeatures
  ) throws(VTdConfigurationError) {
    self.addressWidth = addressWidth
    self.pasidBits = pasidBits
    self.faultRegisters = faultRegisters
    self.features = features
    try validate()
  }

  /// Whether the guest's first stages are nested on a host.
  var nestsOnHost: Bool { features.isSuperset(of: [.scalableMode, .firstStage]) }

  /// Checks everything.
  private func validate() throws(VTdConfigurationError) {
    guard [39, 48, 57].contains(addressWidth) else { throw .addressWidth(addressWidth) }
    guard (0...20).contains(pasidBits) else { throw .pasidBits(pasidBits) }
    guard (1...128).contains(faultRegisters) else { throw .faultRegisters(faultRegisters) }
    for (feature, needed, name, neededName) in Self.dependencies
    where features.contains(feature) && !features.contains(needed) {
      throw .missing(neededName, for: name)
    }
    if pasidBits > 0, !features.contains(.scalableMode) {
      throw .missing("scalable mode", for: "PASIDs")
    }
    if features.contains(.scalableMode), features.isDisjoint(with: [.firstStage, .secondStage]) {
      throw .missing("a first or a second stage", for: "scalable mode")
    }
    if features.contains(.nesting), !features.isSuperset(of: [.firstStage, .secondStage]) {
      throw .missing("both stages", for: "nesting")
    }
  }

  /// What needs what.
  private static let dependencies: [(Features, Features, String, String)] = [
    (.firstStage, .scalableMode, "first stages", "scalable mode"),
    (.secondStage, .scalableMode, "second stages in scalable mode", "scalable mode"),
    (.fiveLevels, .firstStage, "first stages of five levels", "first stages"),
    (.pageRequests, .deviceTLBs, "page requests", "device TLBs"),
    (.pageRequests, .scalableMode, "page requests", "scalable mode"),
    (.supervisorRequests, .scalableMode, "supervisor requests", "scalable mode"),
    (.ridPASID, .scalableMode, "RID_PASID", "scalable mode"),
    (.noWriteFlag, .deviceTLBs, "the no-write flag", "device TLBs"),
    (.executeRequests, .scalableMode, "execute requests", "scalable mode"),
    (.extendedAccessedFlag, .firstStage, "the extended accessed flag", "first stages"),
    (.secondStageDirtyBits, .secondStage, "dirty bits of second stages", "second stages"),
    (.extendedInterrupts, .interruptRemapping, "x2APIC destinations", "interrupt remapping"),
  ]
}

/// The configuration as a migration carries it; keys are stable, and features are numbers.
extension VTdConfiguration: Codable {
  private enum Key: String, CodingKey {
    case addressWidth, pasidBits, faultRegisters, features
  }

  /// Reads what ``encode(to:)`` wrote.
  ///
  /// - Parameter decoder: The source; it may come from anybody.
  /// - Throws: `DecodingError`, or ``VTdConfigurationError`` when it does not go together.
  public init(from decoder: any Decoder) throws {
    let all = try decoder.container(keyedBy: Key.self)
    try self.init(
      addressWidth: all.decode(Int.self, forKey: .addressWidth),
      pasidBits: all.decode(Int.self, forKey: .pasidBits),
      faultRegisters: all.decode(Int.self, forKey: .faultRegisters),
      features: all.decode(Features.self, forKey: .features))
  }

  /// Writes `addressWidth`, `pasidBits`, `faultRegisters` and `features`.
  public func encode(to encoder: any Encoder) throws {
    var all = encoder.container(keyedBy: Key.self)
    try all.encode(addressWidth, forKey: .addressWidth)
    try all.encode(pasidBits, forKey: .pasidBits)
    try all.encode(faultRegisters, forKey: .faultRegisters)
    try all.encode(features, forKey: .features)
  }
}

/// Why a unit cannot be what was asked for.
public enum VTdConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
  /// No such width of addresses.
  case addressWidth(Int)
  /// No such number of PASID bits.
  case pasidBits(Int)
  /// No such number of fault recording registers.
  case faultRegisters(Int)
  /// Something needs something else that is not asked for.
  case missing(String, for: String)

  /// What is wrong, for an operator.
  public var description: String {
    switch self {
    case .addressWidth(let width): "addresses have 39, 48 or 57 bits, not \(width)"
    case .pasidBits(let bits): "PASIDs have 0 to 20 bits, not \(bits)"
    case .faultRegisters(let count): "there are 1 to 128 fault recording registers, not \(count)"
    case .missing(let needed, let feature): "\(feature): needs \(needed)"
    }
  }
}
