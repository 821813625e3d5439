public import Hardware

/// A guest's VT-d first-stage table over a paging table of the host: nested translation.
///
/// What the guest wrote is read at each walk and never trusted; whatever it is, a walk is bounded and
/// ends in a translation or a fault. Which fault comes first follows VT-d §3.6 and §3.8.
public final class VTdNestedTable: Sendable {
  /// What a nested table may be allocated with; bits 2:0 are those of iommufd.
  ///
  /// The corresponding C constants are `IOMMU_VTD_S1_SRE`, `IOMMU_VTD_S1_EAFE` and
  /// `IOMMU_VTD_S1_WPE`.
  @frozen
  public struct Options: OptionSet, Hashable, Sendable, BitwiseCopyable {
    /// The flags.
    public let rawValue: UInt64
    /// Makes a set from its flags.
    ///
    /// - Parameter rawValue: The flags.
    @inlinable
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// SRE: supervisor requests are allowed.
    @inlinable
    public static var supervisorRequests: Self { Self(rawValue: 1) }
    /// EAFE: the extended accessed bit is set.
    @inlinable
    public static var extendedAccessed: Self { Self(rawValue: 2) }
    /// WPE: supervisor writes heed read-only entries too.
    @inlinable
    public static var writeProtect: Self { Self(rawValue: 4) }
    /// ERE: execute requests are allowed.
    ///
    /// iommufd has no flag for it.
    @inlinable
    public static var executeRequests: Self { Self(rawValue: 1 << 32) }
  }

  /// Stage 2.
  public let parent: PagingTable
  /// Where the guest's top table is.
  public let root: GuestPhysicalAddress
  /// How many levels the guest's table has: 4 or 5.
  public let levels: Int
  /// What it was allocated with.
  public let options: Options
  private let start: WalkStart
  private let parameters: VTdFirstStageFormat.Parameters

  /// Makes a nested table.
  ///
  /// - Parameters:
  ///   - parent: Stage 2.
  ///   - root: Where the guest's top table is; bits 11:0 are dropped, as FSPTPTR has none.
  ///   - levels: 4 for inputs of 48 bits, 5 for 57; anything else is a bug and traps.
  ///   - options: What it is allocated with; unknown flags are ignored.
  ///   - hostAddressWidth: The unit's host address width; entries with address bits above it are
  ///     refused. At most 52.
  public init(
    parent: PagingTable, root: GuestPhysicalAddress, levels: Int = 4, options: Options = [],
    hostAddressWidth: Int = 52
  ) {
    precondition(levels == 4 || levels == 5, "a first stage has 4 or 5 levels")
    precondition((32...52).contains(hostAddressWidth), "no such host address width")
    self.parent = parent
    self.root = root
    self.levels = levels
    self.options = options
    start = WalkStart(
      table: root.rawValue & ~0xFFF, shift: UInt64(12 + 9 * (levels - 1)), topBits: 9, bits: 9,
      pageShift: 12)
    parameters = VTdFirstStageFormat.Parameters(
      options: options, reserved: (1 << 52) &- (1 << UInt64(hostAddressWidth)))
  }

  func walk(_ iova: IOVA, _ access: DMAAccess, updating: Bool) -> WalkResult {
    if access.contains(.privileged), !options.contains(.supervisorRequests) {
      return .fault(
        TranslationFault(.vtd(.supervisorNotEnabled), in: .configuration, at: iova))
    }
    if access.contains(.execute), !options.contains(.executeRequests) {
      return .fault(TranslationFault(.vtd(.executeNotEnabled), in: .configuration, at: iova))
    }
    // All bits from the highest one that is decoded up are alike.
    let top = Int64(bitPattern: iova.rawValue) >> Int64(11 + 9 * levels)
    guard top == 0 || top == -1 else {
      return .fault(TranslationFault(.vtd(.notCanonical), in: .first, at: iova))
    }
    return NestedWalk<VTdFirstStageFormat, HostStage<VTdFirstStageFormat>>.run(
      WalkRequest(iova: iova, access: access, isUpdating: updating), from: start, parameters,
      through: HostStage(parent))
  }
}
