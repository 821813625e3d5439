/// The argument of ``MockOperation/addReserved``: reserves addresses of an IOAS (`id`) for as
/// long as it lives.
package struct MockReserveArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.addReserved.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var start: UInt64 = 0
  package var length: UInt64 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var rest2: UInt64 = 0
  package var rest3: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}

/// The argument of ``MockOperation/makeDeviceWithFlags``: makes a device and attaches it to `id`,
/// an IOAS or HWPT.
///
/// The same structure serves ``MockOperation/makeDevice``, which ignores the flags.
package struct MockDeviceArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.makeDeviceWithFlags.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  /// The object that holds the device: destroying it unplugs the device.
  package var outHolderID: UInt32 = 0
  package var outTableID: UInt32 = 0
  /// The DEVICE, as a VFIO bind gives it.
  package var outDeviceID: UInt32 = 0
  package var deviceFlags: UInt32 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var rest2: UInt64 = 0
  package var rest3: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}

/// The argument of ``MockOperation/replaceTable``: moves the device of a holder (`id`) to another
/// table.
package struct MockReplaceArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.replaceTable.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  /// An IOAS or HWPT on the way in, the HWPT on the way out.
  package var tableID: UInt32 = 0
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

/// The argument of ``MockOperation/checkIOTLB``: checks an IOTLB entry of a nested HWPT (`id`).
package struct MockCheckIOTLBArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.checkIOTLB.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var entry: UInt32 = 0
  package var value: UInt32 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var rest2: UInt64 = 0
  package var rest3: UInt64 = 0
  package var rest4: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}

/// The argument of ``MockOperation/triggerFault``: raises a page request of a device.
package struct MockFaultArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.triggerFault.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var deviceID: UInt32 = 0
  package var pasid: UInt32 = 0
  package var groupID: UInt32 = 0
  package var permissions: UInt32 = 0
  package var address: UInt64 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var rest2: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}

/// The argument of ``MockOperation/checkDeviceCache``: checks a cache entry of a DEVICE (`id`).
package struct MockCheckCacheArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.checkDeviceCache.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var entry: UInt32 = 0
  package var value: UInt32 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var rest2: UInt64 = 0
  package var rest3: UInt64 = 0
  package var rest4: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}

/// The argument of ``MockOperation/triggerEvent``: raises an event of a device behind a vIOMMU.
package struct MockTriggerEventArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.triggerEvent.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var deviceID: UInt32 = 0
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

/// The argument of ``MockOperation/attachPASID``: attaches a PASID of a holder's (`id`) device to
/// a table.
///
/// The same structure serves replace, detach (which reads no table) and check (a HWPT, or 0 for
/// none).
package struct MockPASIDArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.attachPASID.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var pasid: UInt32 = 0
  package var tableID: UInt32 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var rest2: UInt64 = 0
  package var rest3: UInt64 = 0
  package var rest4: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}

/// The argument of ``MockOperation/makeBuffer``: makes a dma-buf; the request's return value is
/// its descriptor.
package struct MockBufferArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.makeBuffer.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var length: UInt32 = 0
  package var openFlags: UInt32 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var rest2: UInt64 = 0
  package var rest3: UInt64 = 0
  package var rest4: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}

/// The argument of ``MockOperation/revokeBuffer``: revokes or restores a dma-buf.
package struct MockRevokeArgument: WireStructure {
  package var size: UInt32 = 72
  package var operation: UInt32 = MockOperation.revokeBuffer.rawValue
  package var id: UInt32 = 0
  package var reserved: UInt32 = 0
  package var descriptor: Int32 = 0
  package var revoked: UInt32 = 0
  package var rest0: UInt64 = 0
  package var rest1: UInt64 = 0
  package var rest2: UInt64 = 0
  package var rest3: UInt64 = 0
  package var rest4: UInt64 = 0
  package var last: UInt32 = 0
  package var lastPadding: UInt32 = 0

  package init() {}
}
