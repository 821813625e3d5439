/// The argument of ``MockOperation/checkMap``: checks that a HWPT (`id`) translates to the pages
/// under the caller's memory.
package struct MockCheckMapArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.checkMap.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var iova: UInt64 = 0
  package var length: UInt64 = 0
  package var address: UInt64 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var rest2: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}

/// The argument of ``MockOperation/checkReferences``: checks how often the caller's pages are
/// pinned.
package struct MockCheckReferencesArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.checkReferences.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var length: UInt64 = 0
  package var address: UInt64 = 0
  package var references: UInt32 = 0
  package var padding: UInt32 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var rest2: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}

/// The argument of ``MockOperation/makeAccess``: makes an emulated user of an IOAS (`id`).
package struct MockAccessArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.makeAccess.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var outDescriptor: UInt32 = 0
  package var flags: UInt32 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var rest2: UInt64 = 0
  package var rest3: UInt64 = 0
  package var rest4: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}

/// The argument of ``MockOperation/unpinAccess``: gives back pages of an access (`id` is its
/// descriptor).
package struct MockUnpinArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.unpinAccess.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var pinID: UInt32 = 0
  package var padding: UInt32 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var rest2: UInt64 = 0
  package var rest3: UInt64 = 0
  package var rest4: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}

/// The argument of ``MockOperation/pinAccess``: pins pages through an access (`id` is its
/// descriptor).
package struct MockPinArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.pinAccess.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var flags: UInt32 = 0
  package var outPinID: UInt32 = 0
  package var iova: UInt64 = 0
  package var length: UInt64 = 0
  /// Where the same pages must be in the caller's memory; 0 skips the check.
  package var address: UInt64 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}

/// The argument of ``MockOperation/copyAccess``: copies bytes through an access (`id` is its
/// descriptor).
package struct MockCopyArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.copyAccess.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var iova: UInt64 = 0
  package var length: UInt64 = 0
  package var address: UInt64 = 0
  package var flags: UInt32 = 0
  package var padding: UInt32 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}

/// The argument of ``MockOperation/setMemoryLimit``: limits the kernel's scratch memory, to
/// exercise its slow ways.
package struct MockLimitArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.setMemoryLimit.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var limit: UInt32 = 0
  package var padding: UInt32 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var rest2: UInt64 = 0
  package var rest3: UInt64 = 0
  package var rest4: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}

/// The argument of ``MockOperation/replaceAccessIOAS``: moves an access (`id` is its descriptor)
/// to another IOAS.
package struct MockAccessReplaceArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.replaceAccessIOAS.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var ioasID: UInt32 = 0
  package var padding: UInt32 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var rest2: UInt64 = 0
  package var rest3: UInt64 = 0
  package var rest4: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}

/// The argument of ``MockOperation/markDirty``: marks pages of a HWPT (`id`) written, one bit of
/// a bitmap each.
package struct MockDirtyArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.markDirty.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var flags: UInt32 = 0
  package var padding: UInt32 = 0
  package var iova: UInt64 = 0
  package var length: UInt64 = 0
  package var pageSize: UInt64 = 0
  package var bitmap: UInt64 = 0
  package var outCount: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}
