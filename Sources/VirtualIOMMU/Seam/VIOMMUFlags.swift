/// What a guest's IOMMU asks of the host for the devices behind it.
///
/// The flags follow from the user's configuration alone, never from the host, so that they are the
/// same on both ends of a migration.
public struct VIOMMUFlags: OptionSet, Hashable, Sendable {
  /// The flags.
  public let rawValue: UInt8

  /// Makes a set from its flags.
  ///
  /// - Parameter rawValue: The flags.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Guests' first stages are nested on the host's second stage (`IOMMU_HWPT_ALLOC_NEST_PARENT`).
  public static let wantsNestingParent = Self(rawValue: 1)
  /// The guest may use PASIDs.
  public static let supportsPASID = Self(rawValue: 2)
  /// The nesting parent tracks dirty pages (`IOMMU_HWPT_ALLOC_DIRTY_TRACKING`).
  public static let wantsNestingDirtyTracking = Self(rawValue: 4)
  /// The host attaches each PASID by itself, so that the RID needs a table for PASIDs as well.
  ///
  /// VT-d's alone: under SMMUv3 the guest's table of context descriptors goes with the stream.
  public static let wantsPASIDAttach = Self(rawValue: 8)
}
