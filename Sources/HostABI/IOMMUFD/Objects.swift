/// The argument of `IOMMU_DESTROY` (0x80): ends one object.
package struct DestroyArgument: WireStructure {
  package var size: UInt32 = 8
  package var id: UInt32 = 0

  package init() {}
}

/// The argument of `IOMMU_IOAS_CHANGE_PROCESS` (0x92): moves the charge for pinned memory to the caller.
package struct ChangeProcessArgument: WireStructure {
  package var size: UInt32 = 8
  package var reserved: UInt32 = 0

  package init() {}
}

/// The argument of `IOMMU_OPTION` (0x87): reads or sets an option of a context or an IOAS.
package struct OptionArgument: WireStructure {
  package var size: UInt32 = 24
  /// 0 is `RLIMIT_MODE`, 1 is `HUGE_PAGES`.
  package var optionID: UInt32 = 0
  /// 0 sets, 1 gets.
  package var operation: UInt16 = 0
  package var reserved: UInt16 = 0
  package var objectID: UInt32 = 0
  package var value: UInt64 = 0

  package init() {}
}
