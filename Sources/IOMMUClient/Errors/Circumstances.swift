/// What is known about a request beside its number, and decides what an error number means.
struct Circumstances: OptionSet, Hashable, Sendable {
  let rawValue: UInt32

  /// The request names a PASID.
  static let pasid = Self(rawValue: 1 << 0)
  /// The table was allocated without the PASID flag.
  static let tableLacksPASID = Self(rawValue: 1 << 1)
  /// The device's non-PASID part sits on a table without the PASID flag, or on an address space.
  static let requesterLacksPASID = Self(rawValue: 1 << 2)
  /// The device has PASIDs attached.
  static let pasidsAttached = Self(rawValue: 1 << 3)
  /// An address space is named where a table could be.
  static let addressSpace = Self(rawValue: 1 << 4)
  /// The table is a guest's, on top of another one.
  static let nested = Self(rawValue: 1 << 5)
  /// A fault queue is part of it.
  static let faults = Self(rawValue: 1 << 6)
  /// A table that can be a nesting parent is asked for.
  static let nestingParent = Self(rawValue: 1 << 7)
  /// A table that tracks writes is asked for.
  static let dirtyTracking = Self(rawValue: 1 << 8)
  /// The caller chose the address.
  static let fixed = Self(rawValue: 1 << 9)
  /// A virtual IOMMU stands between.
  static let virtualIOMMU = Self(rawValue: 1 << 10)
  /// A VF token is part of it.
  static let token = Self(rawValue: 1 << 11)
  /// It is about `/dev/iommu` itself.
  static let contextNode = Self(rawValue: 1 << 12)
}
