package import HostABI

/// A mock device: the object that holds it, its DEVICE, and the table it was attached to at first.
package struct MockDevice {
  package var holder: UInt32
  package var id: UInt32
  package var hwpt: UInt32
}

extension Context {
  /// Carries out a request of the mock.
  @discardableResult
  package func mock<Argument: WireStructure>(
    _ type: Argument.Type = Argument.self, _ fill: (inout Argument) -> Void
  ) throws(LinuxErrno) -> Argument {
    var argument = Argument(fill)
    bench.lastRequest = "mock \(words(argument))"
    _ = try bench.kernel.perform(MockRequest.number, on: descriptor, &argument)
    return argument
  }

  /// Makes a device on an IOAS or HWPT; with PASIDs unless told otherwise.
  package func device(
    on table: UInt32, _ flags: MockDeviceFlags = .pasid
  ) throws(LinuxErrno) -> MockDevice {
    let answer = try mock(MockDeviceArgument.self) {
      $0.id = table
      $0.deviceFlags = flags.rawValue
    }
    return MockDevice(
      holder: answer.outHolderID, id: answer.outDeviceID, hwpt: answer.outTableID)
  }

  /// An IOAS with a device on it.
  package func ioasWithDevice(
    _ flags: MockDeviceFlags = .pasid
  ) throws(LinuxErrno) -> (ioas: UInt32, device: MockDevice) {
    let ioas = try ioas()
    return (ioas, try device(on: ioas, flags))
  }

  /// Moves a device's RID.
  @discardableResult
  package func replace(_ device: MockDevice, with table: UInt32) throws(LinuxErrno) -> UInt32 {
    try mock(MockReplaceArgument.self) {
      $0.id = device.holder
      $0.tableID = table
    }.tableID
  }

  /// Attaches a PASID.
  @discardableResult
  package func attach(
    _ device: MockDevice, pasid: UInt32, to table: UInt32
  ) throws(LinuxErrno) -> UInt32 {
    let answer = try mock(MockPASIDArgument.self) {
      $0.id = device.holder
      $0.pasid = pasid
      $0.tableID = table
    }
    bench.note(attached: pasid, of: device.holder, on: descriptor)
    return answer.tableID
  }

  /// Moves a PASID.
  @discardableResult
  package func replace(
    _ device: MockDevice, pasid: UInt32, with table: UInt32
  ) throws(LinuxErrno) -> UInt32 {
    try mock(MockPASIDArgument.self) {
      $0.operation = MockOperation.replacePASID.rawValue
      $0.id = device.holder
      $0.pasid = pasid
      $0.tableID = table
    }.tableID
  }

  /// Detaches a PASID, or with PASID 0 the RID.
  package func detach(_ device: MockDevice, pasid: UInt32) throws(LinuxErrno) {
    try mock(MockPASIDArgument.self) {
      $0.operation = MockOperation.detachPASID.rawValue
      $0.id = device.holder
      $0.pasid = pasid
    }
    bench.note(detached: pasid, of: device.holder, on: descriptor)
  }

  /// Expects a PASID (0: the RID) to be attached to a table, or with 0 to none.
  package func expect(_ device: MockDevice, pasid: UInt32, on table: UInt32) {
    bench.works("PASID \(pasid) on table \(table)") {
      try mock(MockPASIDArgument.self) {
        $0.operation = MockOperation.checkPASID.rawValue
        $0.id = device.holder
        $0.pasid = pasid
        $0.tableID = table
      }
    }
  }

  /// Whether a table translates a range to the caller's pages.
  package func checkMap(
    _ hwpt: UInt32, _ iova: UInt64, _ length: UInt64, _ address: UInt64
  ) throws(LinuxErrno) {
    try mock(MockCheckMapArgument.self) {
      $0.id = hwpt
      $0.iova = iova
      $0.length = length
      $0.address = address
    }
  }

  /// Expects a table to translate a range to the caller's pages.
  package func expectMapped(
    _ hwpt: UInt32, _ iova: UInt64, _ length: UInt64, _ address: UInt64
  ) {
    bench.works("table \(hwpt) translates \(hex(iova))") {
      try checkMap(hwpt, iova, length, address)
    }
  }

  /// Expects a table not to translate an address to the caller's page.
  package func expectUnmapped(_ hwpt: UInt32, _ iova: UInt64, _ address: UInt64) {
    bench.fails(.EINVAL, "table \(hwpt) does not translate \(hex(iova))") {

      try checkMap(hwpt, iova, 4096, address)
    }
  }

  /// Expects every IOTLB entry of a nested table to hold these values.
  package func expectIOTLB(_ hwpt: UInt32, _ values: [UInt32]) {
    for (entry, value) in values.enumerated() {
      bench.works("IOTLB entry \(entry) holds \(hex(value))") {
        try mock(MockCheckIOTLBArgument.self) {
          $0.id = hwpt
          $0.entry = UInt32(entry)
          $0.value = value
        }
      }
    }
  }

  /// Expects the cache entries of a device to hold these values.
  package func expectCache(_ device: MockDevice, _ values: [UInt32]) {
    for (entry, value) in values.enumerated() {
      bench.works("cache entry \(entry) holds \(hex(value))") {
        try mock(MockCheckCacheArgument.self) {
          $0.id = device.id
          $0.entry = UInt32(entry)
          $0.value = value
        }
      }
    }
  }

  /// Marks pages of 4 KiB written: one bit a page from `iova` on.
  @discardableResult
  package func markDirty(
    _ hwpt: UInt32, _ iova: UInt64, pages: UInt64, _ bits: [UInt8]
  ) throws(LinuxErrno) -> UInt64 {
    let address = try bench.stored(bits)
    return try mock(MockDirtyArgument.self) {
      $0.id = hwpt
      $0.iova = iova
      $0.length = pages * 4096
      $0.pageSize = 4096
      $0.bitmap = address
    }.outCount
  }

  /// Raises a page request.
  package func fault(
    _ device: MockDevice, pasid: UInt32 = 0, group: UInt32 = 1, at address: UInt64 = 0x1000
  ) throws(LinuxErrno) {
    try mock(MockFaultArgument.self) {
      $0.deviceID = device.id
      $0.pasid = pasid
      $0.groupID = group
      $0.permissions = PageFaultBits.read
      $0.address = address
    }
  }

  /// Raises an event.
  package func event(_ device: MockDevice) throws(LinuxErrno) {
    try mock(MockTriggerEventArgument.self) { $0.deviceID = device.id }
  }

  /// Makes an emulated user of an IOAS; returns its descriptor.
  package func access(_ ioas: UInt32, pins: Bool = false) throws(LinuxErrno) -> Int32 {
    let answer = try mock(MockAccessArgument.self) {
      $0.id = ioas
      $0.flags = pins ? MockBits.accessNeedsPins : 0
    }
    let descriptor = Int32(bitPattern: answer.outDescriptor)
    bench.adopt(descriptor)
    return descriptor
  }

  /// Copies through an access.
  package func copy(
    through access: Int32, _ iova: UInt64, _ length: UInt64, _ address: UInt64,
    writes: Bool = false
  ) throws(LinuxErrno) {
    try mock(MockCopyArgument.self) {
      $0.id = UInt32(bitPattern: access)
      $0.iova = iova
      $0.length = length
      $0.address = address
      $0.flags = writes ? MockBits.copyWrite : 0
    }
  }

  /// Makes the addresses of an IOAS unusable.
  package func reserve(
    _ ioas: UInt32, _ start: UInt64, _ length: UInt64
  ) throws(LinuxErrno) {
    try mock(MockReserveArgument.self) {
      $0.id = ioas
      $0.start = start
      $0.length = length
    }
  }
}
