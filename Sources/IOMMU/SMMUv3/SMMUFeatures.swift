/// What an SMMUv3 can do, as far as stage 1 depends on it: fields of its ID registers.
public struct SMMUFeatures: Hashable, Sendable {
  /// IDR5: which page sizes stage 1 may use.
  public struct Granules: OptionSet, Hashable, Sendable {
    /// The flags.
    public let rawValue: UInt8
    /// Makes a set from its flags.
    ///
    /// - Parameter rawValue: The flags.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// 4 KiB.
    public static var size4K: Self { Self(rawValue: 1) }
    /// 16 KiB.
    public static var size16K: Self { Self(rawValue: 2) }
    /// 64 KiB.
    public static var size64K: Self { Self(rawValue: 4) }
  }

  /// IDR0.STALL_MODEL.
  public enum StallModel: UInt8, Hashable, Sendable {
    /// A context descriptor may ask for either.
    case stallOrTerminate = 0
    /// CD.S must be 0.
    case terminateOnly = 1
    /// CD.S must be 1.
    case stallOnly = 2
  }

  /// IDR0.HTTU: which bits of entries the unit sets by itself.
  public enum HardwareUpdates: UInt8, Hashable, Sendable {
    /// None.
    case none = 0
    /// The access flag.
    case access = 1
    /// The access flag and dirty state.
    case accessAndDirty = 2
  }

  /// IDR1.SSIDSIZE: how many bits a substream ID has, at most 20.
  public var substreamBits: Int
  /// IDR5.OAS as a number of bits.
  public var outputBits: Int
  /// Which page sizes stage 1 may use.
  public var granules: Granules
  /// IDR0.CD2L: context descriptor tables may have two levels.
  public var hasTwoLevelTables: Bool
  /// Which bits of entries the unit sets by itself.
  public var hardwareUpdates: HardwareUpdates
  /// What happens to requests that fault.
  public var stallModel: StallModel
  /// IDR0.TERM_MODEL: CD.A must be 1.
  public var alwaysAborts: Bool

  /// Describes a unit.
  ///
  /// - Parameters:
  ///   - substreamBits: IDR1.SSIDSIZE.
  ///   - outputBits: IDR5.OAS as a number of bits: 32, 36, 40, 42, 44, 48 or 52.
  ///   - granules: Which page sizes stage 1 may use.
  ///   - hasTwoLevelTables: IDR0.CD2L.
  ///   - hardwareUpdates: IDR0.HTTU.
  ///   - stallModel: IDR0.STALL_MODEL.
  ///   - alwaysAborts: IDR0.TERM_MODEL.
  public init(
    substreamBits: Int = 20, outputBits: Int = 48,
    granules: Granules = [.size4K, .size16K, .size64K], hasTwoLevelTables: Bool = true,
    hardwareUpdates: HardwareUpdates = .accessAndDirty,
    stallModel: StallModel = .stallOrTerminate, alwaysAborts: Bool = false
  ) {
    self.substreamBits = substreamBits
    self.outputBits = outputBits
    self.granules = granules
    self.hasTwoLevelTables = hasTwoLevelTables
    self.hardwareUpdates = hardwareUpdates
    self.stallModel = stallModel
    self.alwaysAborts = alwaysAborts
  }
}
