import HostABI

/// HWPT_ALLOC and automatic tables.
extension ConformanceSuite {
  /// What is wrong with a HWPT_ALLOC of a device on an IOAS.
  private static let wrongTables:
    [(
      what: String, numbers: [Int], expected: LinuxErrno,
      fill: @Sendable (inout HWPTAllocArgument) -> Void
    )] = [
      ("the reserved field", [], .EOPNOTSUPP, { $0.reserved = 1 }),
      (
        "the reserved field before the data", [], .EOPNOTSUPP,
        {
          $0.reserved = 1
          $0.dataLength = 8
        }
      ),
      ("a length without a type", [64], .EINVAL, { $0.dataLength = 8 }),
      ("a type without a length", [64], .EINVAL, { $0.dataType = MockType.tableData }),
      (
        "a length without a type, before an unknown device", [64], .EINVAL,
        {
          $0.dataLength = 8
          $0.deviceID = 99
        }
      ),
      ("an unknown device", [65], .ENOENT, { $0.deviceID = 99 }),
      ("an unknown table", [65], .EINVAL, { $0.parentID = 99 }),
      (
        "an unknown device before an unknown table", [65], .ENOENT,
        {
          $0.deviceID = 99
          $0.parentID = 99
        }
      ),
      ("id 0 as table", [65], .EINVAL, { $0.parentID = 0 }),
      ("an unknown flag", [67], .EOPNOTSUPP, { $0.flags = 0x10 }),
      ("a high unknown flag", [67], .EOPNOTSUPP, { $0.flags = 0x8000_0000 }),
      ("a parent with a fault queue", [67], .EOPNOTSUPP, { $0.flags = 5 }),
      (
        "an unknown flag before an unknown queue", [67], .EOPNOTSUPP,
        {
          $0.flags = 0x14
          $0.faultID = 99
        }
      ),
      (
        "an unknown fault queue", [69], .ENOENT,
        {
          $0.flags = 4
          $0.faultID = 99
        }
      ),
      (
        "a fault queue that is an IOAS", [69], .ENOENT,
        {
          $0.flags = 4
          $0.faultID = $0.parentID
        }
      ),
      (
        "unknown data", [], .EOPNOTSUPP,
        {
          $0.dataType = 0x77
          $0.dataLength = 8
        }
      ),
      (
        "VT-d's data on an IOAS", [], .EOPNOTSUPP,
        {
          $0.dataType = HWPTDataType.vtdStage1
          $0.dataLength = 24
        }
      ),
      (
        "mock data that is too short", [], .EINVAL,
        {
          $0.dataType = MockType.tableData
          $0.dataLength = 3
        }
      ),
      (
        "mock data that is too long", [], .EINVAL,
        {
          $0.dataType = MockType.tableData
          $0.dataLength = 9
        }
      ),
      (
        "mock data that cannot be read", [], .EFAULT,
        {
          $0.dataType = MockType.tableData
          $0.dataLength = 8
        }
      ),
    ]

  /// Flags that the mock takes on an IOAS: every mix but a parent with faults.
  private static let tableFlags: [HWPTFlags] = (0..<16).map { HWPTFlags(rawValue: $0) }
    .filter { !$0.isSuperset(of: [.nestParent, .faultIDValid]) }

  static let tables: [ConformanceCase] =
    wrongTables.map { row in
      ConformanceCase(
        "HWPT_ALLOC fails \(row.expected): \(row.what)", statements: row.numbers, needs: [.mock]
      ) { b in
        let c = try b.context()
        let (ioas, device) = try c.ioasWithDevice()
        b.fails(row.expected) {
          try c.send(.hwptAlloc, HWPTAllocArgument.self) {
            $0.deviceID = device.id
            $0.parentID = ioas
            row.fill(&$0)
          }
        }
        b.equal(try c.ioas(), 5, "the next id")
      }
    } + tableKinds + automaticTables

  private static let tableKinds: [ConformanceCase] = [
    ConformanceCase("HWPT_ALLOC takes every mix of flags that the mock has", 67, needs: .mock) {
      b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let fault = try c.faultQueue()
      for flags in tableFlags {
        guard
          let hwpt = b.works(
            "flags \(flags.rawValue)", { try c.hwpt(device.id, on: ioas, flags, fault: fault.id) })
        else { continue }
        try c.destroy(hwpt)
      }
    },
    ConformanceCase("fault_id and reserved2 count only when they are asked for", needs: .mock) {
      b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      b.works {
        try c.send(.hwptAlloc, HWPTAllocArgument.self) {
          $0.deviceID = device.id
          $0.parentID = ioas
          $0.faultID = 99
          $0.reserved2 = 0xFFFF_FFFF
          $0.dataAddress = 1
        }
      }
    },
    ConformanceCase("pt_id of another kind fails EINVAL", 66, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let fault = try c.faultQueue()
      let parent = try c.hwpt(device.id, on: ioas, .nestParent)
      let nested = try c.hwpt(device.id, on: parent, data: .mock())
      let viommu = try c.viommu(device.id, on: parent)
      let vdevice = try c.vdevice(device.id, in: viommu, as: 1)
      let queue = try c.eventQueue(viommu)
      for (what, id) in [
        ("a DEVICE", device.id), ("a FAULT", fault.id), ("a nested table", nested),
        ("a vDEVICE", vdevice), ("an event queue", queue.id), ("a mock holder", device.holder),
      ] {
        b.fails(.EINVAL, what) { try c.hwpt(device.id, on: id) }
        b.fails(.EINVAL, "\(what), with data") { try c.hwpt(device.id, on: id, data: .mock()) }
      }
    },
    ConformanceCase("pt_id of another kind fails EINVAL for a VFIO device", 66, needs: .vfio) { b in
      let c = try b.context()
      let (_, id) = try b.bound(to: c)
      let fault = try c.faultQueue()
      b.fails(.EINVAL) { try c.hwpt(id, on: id) }
      b.fails(.EINVAL) { try c.hwpt(id, on: fault.id) }
      b.fails(.EINVAL) { try c.hwpt(id, on: 99) }
      b.fails(.ENOENT) { try c.hwpt(99, on: try c.ioas()) }
    },
    ConformanceCase("DIRTY_TRACKING needs a device whose IOMMU does it", 68, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice(.noDirtyTracking)
      b.fails(.EOPNOTSUPP) { try c.hwpt(device.id, on: ioas, .dirtyTracking) }
      let other = try c.device(on: ioas)
      let hwpt = try c.hwpt(other.id, on: ioas, .dirtyTracking)
      b.fails(.EINVAL, "attaching a table that tracks") { try c.replace(device, with: hwpt) }
      c.expect(device, pasid: 0, on: device.hwpt)
      b.works { try c.replace(other, with: hwpt) }
    },
    ConformanceCase("DIRTY_TRACKING on a VFIO device without it", 68, needs: .vfioWithoutDirty) {
      b in
      let c = try b.context()
      let (_, id) = try b.bound(.vfioWithoutDirty, to: c)
      b.fails(.EOPNOTSUPP) { try c.hwpt(id, on: try c.ioas(), .dirtyTracking) }
    },
    ConformanceCase("unknown flags and data on a VFIO device", 67, needs: .vfio) { b in
      let c = try b.context()
      let (_, id) = try b.bound(to: c)
      let ioas = try c.ioas()
      for flags: UInt32 in [0x10, 0x8000_0000, 5] {
        b.fails(.EOPNOTSUPP, "flags \(hex(flags))") {
          try c.hwpt(id, on: ioas, HWPTFlags(rawValue: flags))
        }
      }
      b.fails(.EOPNOTSUPP, "mock data") { try c.hwpt(id, on: ioas, data: .mock()) }
      b.fails(.ENOENT, "an unknown queue") { try c.hwpt(id, on: ioas, .faultIDValid, fault: 99) }
      b.works("nothing was left") { try c.destroy(ioas) }
    },
    ConformanceCase("a nested table needs a parent made for it", 70, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let plain = try c.hwpt(device.id, on: ioas, .pasid)
      b.fails(.EINVAL, "no NEST_PARENT") { try c.hwpt(device.id, on: plain, data: .mock()) }
      b.fails(.EINVAL, "automatic") { try c.hwpt(device.id, on: device.hwpt, data: .mock()) }
      b.fails(.EOPNOTSUPP, "no data") { try c.hwpt(device.id, on: plain) }
      b.fails(.EOPNOTSUPP, "another flag first") {
        try c.hwpt(device.id, on: plain, .dirtyTracking, data: .mock())
      }
      let parent = try c.hwpt(device.id, on: ioas, .nestParent)
      b.fails(.EOPNOTSUPP, "no data on a parent") { try c.hwpt(device.id, on: parent) }
      b.fails(.EOPNOTSUPP, "another's data") {
        try c.hwpt(device.id, on: parent, data: VendorData(1, [UInt8](repeating: 0, count: 24)))
      }
      for count in [3, 9, 24] {
        b.fails(.EINVAL, "data of \(count) bytes") {
          try c.hwpt(
            device.id, on: parent,
            data: VendorData(MockType.tableData, [UInt8](repeating: 0, count: count)))
        }
      }
      b.works("data of 4 bytes") {
        try c.hwpt(
          device.id, on: parent, data: VendorData(MockType.tableData, [1, 2, 3, 4]))
      }
    },
    ConformanceCase("a nested table takes PASID and FAULT alone", 71, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let fault = try c.faultQueue()
      let parent = try c.hwpt(device.id, on: ioas, .nestParent)
      let viommu = try c.viommu(device.id, on: parent)
      for pt in [parent, viommu] {
        for raw: UInt32 in 0..<32 {
          let flags = HWPTFlags(rawValue: raw)
          let allowed = flags.isSubset(of: [.pasid, .faultIDValid])
          if allowed {
            b.works("flags \(raw) on \(pt)") {
              try c.hwpt(device.id, on: pt, flags, data: .mock(), fault: fault.id)
            }
          } else {
            b.fails(.EOPNOTSUPP, "flags \(raw) on \(pt)") {
              try c.hwpt(device.id, on: pt, flags, data: .mock(), fault: fault.id)
            }
          }
        }
      }
      b.fails(.ENOENT, "an unknown queue") {
        try c.hwpt(device.id, on: parent, .faultIDValid, data: .mock(), fault: 99)
      }
    },
    ConformanceCase("a vIOMMU and a device of another IOMMU do not match", 72, needs: .mock, .vfio)
    { b in
      let c = try b.context()
      let (ioas, mock) = try c.ioasWithDevice()
      let (_, id) = try b.bound(to: c)
      let parent = try c.hwpt(mock.id, on: ioas, .nestParent)
      let viommu = try c.viommu(mock.id, on: parent)
      b.fails(.EINVAL, "a table") { try c.hwpt(id, on: viommu, data: .mock()) }
      b.fails(.EINVAL, "a vDEVICE") { try c.vdevice(id, in: viommu, as: 1) }
    },
    // A first attach checks this. Moving an attached device does not on Linux 7.2, and ends badly.
    ConformanceCase("a table and a device of different drivers do not match", needs: .mock, .vfio) {
      b in
      let c = try b.context()
      let (_, mock) = try c.ioasWithDevice()
      let (device, id) = try b.bound(to: c)
      b.fails(.EINVAL) { try device.attach(mock.hwpt) }
      let hwpt = try c.hwpt(id, on: try c.ioas())
      b.fails(.EINVAL) { try c.device(on: hwpt) }
    },
    ConformanceCase("PASID on a unit without PASIDs", 73, needs: .unitWithoutPASID) { b in
      let c = try b.context()
      let (_, id) = try b.bound(.unitWithoutPASID, to: c)
      b.fails(.EOPNOTSUPP) { try c.hwpt(id, on: try c.ioas(), .pasid) }
    },
    ConformanceCase("a table whose aperture misses a mapping fails EADDRINUSE", 74, needs: .mock) {
      b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      for iova: UInt64 in [
        0, MockIOMMU.apertureStart - 4096, MockIOMMU.apertureLast + 1, 1 << 40,
      ] {
        let ioas = try c.ioas()
        try c.map(ioas, try b.memory(4096), 4096, at: iova)
        b.fails(.EADDRINUSE, "a mapping at \(hex(iova))") { try c.hwpt(device.id, on: ioas) }
        b.equal(try c.ranges(ioas).ranges, [0...UInt64.max], "ranges afterwards")
        try c.destroy(ioas)
      }
    },
    ConformanceCase("a VFIO device's table whose aperture misses a mapping", 74, needs: .vtd) { b in
      let c = try b.context()
      let (_, id) = try b.bound(.vtd, to: c)
      let ioas = try c.ioas()
      try c.map(ioas, try b.memory(4096), 4096, at: .max - 0xFFF)
      b.fails(.EADDRINUSE) { try c.hwpt(id, on: ioas) }
      b.works("nothing was left") { try c.destroy(ioas) }
    },
    ConformanceCase("mock tables of both kinds have their own aperture and page", needs: .mock) {
      b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      for (kind, last, alignment) in [
        (MockTableKind.standard, MockIOMMU.apertureLast, 2048 as UInt64),
        (MockTableKind.huge, (1 << 38) - 1, 4096),
      ] {
        let ioas = try c.ioas()
        _ = try c.hwpt(device.id, on: ioas, data: .mock(kind: kind))
        let start = kind == 0 ? MockIOMMU.apertureStart : 0
        b.equal(try c.ranges(ioas).ranges, [start...last], "ranges of kind \(kind)")
        b.equal(try c.alignment(ioas), alignment, "alignment of kind \(kind)")
      }
      b.fails(.EOPNOTSUPP, "kind 2") {
        try c.hwpt(device.id, on: try c.ioas(), data: .mock(kind: 2))
      }
    },
  ]

  private static let automaticTables: [ConformanceCase] = [
    ConformanceCase("attaching by IOAS never picks a manual table", 75, needs: .mock) { b in
      let c = try b.context()
      let (first, device) = try c.ioasWithDevice()
      let ioas = try c.ioas()
      let manual = try c.hwpt(device.id, on: ioas)
      let automatic = try c.replace(device, with: ioas)
      b.holds(automatic != manual && automatic != device.hwpt, "table \(automatic)")
      b.fails(.ENOENT, "the old automatic table") { try c.destroy(device.hwpt) }
      let second = try c.device(on: ioas)
      b.equal(second.hwpt, automatic, "the second device's table")
      _ = first
    },
    ConformanceCase(
      "attaching by IOAS never picks a manual table of a VFIO device", 75, 113, needs: .vfio
    ) { b in
      let c = try b.context()
      let (device, id) = try b.bound(to: c)
      let ioas = try c.ioas()
      let manual = try c.hwpt(id, on: ioas)
      let automatic = try device.attach(ioas)
      b.holds(automatic != manual && automatic != ioas, "table \(automatic)")
    },
    ConformanceCase("an automatic table goes with its last attachment", 119, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let second = try c.device(on: ioas)
      try c.destroy(device.holder)
      b.fails(.EBUSY, "with the second device on it") { try c.destroy(second.hwpt) }
      try c.detach(second, pasid: 0)
      b.fails(.ENOENT, "without") { try c.destroy(second.hwpt) }
      b.works { try c.destroy(ioas) }
    },
    ConformanceCase("an automatic table can be attached by its own id", needs: .mock) { b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      let second = try c.device(on: device.hwpt)
      b.equal(second.hwpt, device.hwpt, "the table")
      try c.destroy(device.holder)
      c.expect(second, pasid: 0, on: second.hwpt)
      try c.destroy(second.holder)
      b.fails(.ENOENT) { try c.destroy(second.hwpt) }
    },
    ConformanceCase("replacing by the same IOAS keeps the automatic table", 114, needs: .mock) {
      b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      b.equal(try c.replace(device, with: ioas), device.hwpt, "the table")
      b.equal(try c.replace(device, with: device.hwpt), device.hwpt, "the table by its id")
    },
    ConformanceCase("replacing moves the device, and a failing one leaves it", 115, needs: .mock) {
      b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let hwpt = try c.hwpt(device.id, on: ioas)
      b.equal(try c.replace(device, with: hwpt), hwpt, "the table")
      c.expect(device, pasid: 0, on: hwpt)
      b.fails(.ENOENT) { try c.replace(device, with: 99) }
      b.fails(.EINVAL) { try c.replace(device, with: device.id) }
      b.fails(.EINVAL) { try c.replace(device, with: device.holder) }
      c.expect(device, pasid: 0, on: hwpt)
      b.fails(.EBUSY) { try c.destroy(hwpt) }
    },
    ConformanceCase("a detached device cannot be replaced", needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      try c.detach(device, pasid: 0)
      c.expect(device, pasid: 0, on: 0)
      b.fails(.EINVAL) { try c.replace(device, with: ioas) }
      b.works { try c.attach(device, pasid: 0, to: ioas) }
      b.fails(.EBUSY) { try c.attach(device, pasid: 0, to: ioas) }
    },
  ]
}
