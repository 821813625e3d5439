import HostABI

/// ATTACH and DETACH of VFIO devices, with and without PASIDs.
extension ConformanceSuite {
  private static func bound(
    _ b: Bench, _ need: Need = .vfio
  ) throws(LinuxErrno) -> (c: Context, device: VFIODescriptor, id: UInt32, ioas: UInt32) {
    let c = try b.context()
    let (device, id) = try b.bound(need, to: c)
    return (c, device, id, try c.ioas())
  }

  static let vfioAttaching: [ConformanceCase] = ridAttaching + pasidAttaching

  private static let ridAttaching: [ConformanceCase] = [
    ConformanceCase("attaching an IOAS answers the table", 113, 114, needs: .vfio) { b in
      let (c, device, _, ioas) = try bound(b)
      let hwpt = try device.attach(ioas)
      b.holds(hwpt != ioas, "the IOAS itself")
      b.equal(try device.attach(ioas), hwpt, "the same again")
      b.equal(try device.attach(hwpt), hwpt, "by its own id")
      b.fails(.EBUSY) { try c.destroy(hwpt) }
    },
    ConformanceCase("attaching another table moves the device", 115, 119, needs: .vfio) { b in
      let (c, device, id, ioas) = try bound(b)
      let automatic = try device.attach(ioas)
      let one = try c.hwpt(id, on: ioas)
      let two = try c.hwpt(id, on: ioas)
      b.equal(try device.attach(one), one, "the first")
      b.fails(.ENOENT, "the automatic table") { try c.destroy(automatic) }
      b.equal(try device.attach(two), two, "the second")
      b.works("the first is free") { try c.destroy(one) }
      b.fails(.ENOENT, "a table that is gone") { try device.attach(one) }
      b.fails(.EBUSY, "the old one stays") { try c.destroy(two) }
    },
    ConformanceCase("pt_id: unknown ENOENT, unusable EINVAL", 116, needs: .vfio) { b in
      let (c, device, id, ioas) = try bound(b)
      let fault = try c.faultQueue()
      for attached in [false, true] {
        if attached { try device.attach(ioas) }
        b.fails(.ENOENT) { try device.attach(99) }
        b.fails(.ENOENT) { try device.attach(0) }
        b.fails(.EINVAL, "a DEVICE") { try device.attach(id) }
        b.fails(.EINVAL, "a FAULT") { try device.attach(fault.id) }
      }
    },
    ConformanceCase("ATTACH and DETACH check argsz and flags", 121, needs: .vfio) { b in
      let (_, device, _, ioas) = try bound(b)
      func attach(_ size: UInt32, _ flags: UInt32) throws(LinuxErrno) {
        try device.send(.attach, AttachArgument.self) {
          $0.argumentSize = size
          $0.flags = flags
          $0.tableID = ioas
          $0.pasid = 1
        }
      }
      for size: UInt32 in [0, 11] {
        b.fails(.EINVAL, "attach, argsz \(size)") { try attach(size, 0) }
      }
      for flags: UInt32 in [2, 0x8000_0000] {
        b.fails(.EINVAL, "attach, flags \(hex(flags))") { try attach(16, flags) }
      }
      b.works("attach, argsz 12") { try attach(12, 0) }
      func detach(_ size: UInt32, _ flags: UInt32) throws(LinuxErrno) {
        try device.send(.detach, DetachArgument.self) {
          $0.argumentSize = size
          $0.flags = flags
          $0.pasid = 1
        }
      }
      for size: UInt32 in [0, 7] {
        b.fails(.EINVAL, "detach, argsz \(size)") { try detach(size, 0) }
      }
      b.fails(.EINVAL, "detach, flags 2") { try detach(12, 2) }
      b.fails(.EINVAL, "detach of a PASID, argsz 8") { try detach(8, 1) }
      b.works("detach, argsz 8") { try detach(8, 0) }
      b.fails(.EINVAL, "attach of a PASID, argsz 12") { try attach(12, 1) }
      b.fails(.EINVAL, "attach of a PASID, argsz 15") { try attach(15, 1) }
    },
    ConformanceCase("bad memory fails EFAULT", 121, needs: .vfio) { b in
      let (_, device, _, _) = try bound(b)
      for request: VFIODeviceRequest in [
        .attach, .detach, .getInfo, .getRegionInfo, .getIRQInfo, .setIRQs, .feature,
      ] {
        b.fails(.EFAULT, request.name) {
          try b.kernel.ioctl(device.descriptor, request.number, 0)
        }
      }
    },
    ConformanceCase(
      "a mapping over the interrupt window stops the attach", 117, needs: .interruptWindow
    ) { b in
      let (c, device, id, ioas) = try bound(b, .interruptWindow)
      let hwpt = try c.hwpt(id, on: ioas)
      try c.map(ioas, try b.memory(4096), 4096, at: 0xFEE0_0000)
      b.fails(.EADDRINUSE, "a table") { try device.attach(hwpt) }
      b.fails(.EADDRINUSE, "an IOAS") { try device.attach(ioas) }
      let other = try c.ioas()
      let kept = try device.attach(other)
      b.fails(.EADDRINUSE, "a move") { try device.attach(hwpt) }
      b.fails(.EBUSY, "the old table is kept") { try c.destroy(kept) }
      try c.unmap(ioas, 0xFEE0_0000, 4096)
      b.works("without the mapping") { try device.attach(hwpt) }
    },
    ConformanceCase(
      "no mapping over the interrupt window of an attached device", 37, needs: .interruptWindow
    ) { b in
      let (c, device, _, ioas) = try bound(b, .interruptWindow)
      try device.attach(ioas)
      let memory = try b.memory(8192)
      b.fails(.EINVAL) { try c.map(ioas, memory, 4096, at: 0xFEE0_0000) }
      b.fails(.EINVAL, "into it") { try c.map(ioas, memory, 8192, at: 0xFEDF_F000) }
      b.works("up to it") { try c.map(ioas, memory, 4096, at: 0xFEDF_F000) }
    },
    ConformanceCase("detaching what is not attached works", 118, needs: .vfio) { b in
      let (_, device, _, ioas) = try bound(b)
      b.works("never attached") { try device.detach() }
      try device.attach(ioas)
      b.works { try device.detach() }
      b.works("twice") { try device.detach() }
    },
    ConformanceCase("a reset keeps what is attached", 120, needs: .reset) { b in
      let (c, device, id, ioas) = try bound(b, .reset)
      let hwpt = try c.hwpt(id, on: ioas)
      try device.attach(hwpt)
      b.lastRequest = "VFIO_DEVICE_RESET"
      _ = try b.kernel.ioctl(device.descriptor, VFIODeviceRequest.reset.number, 0)
      b.fails(.EBUSY, "the table is still in use") { try c.destroy(hwpt) }
      b.equal(try device.attach(hwpt), hwpt, "the table")
    },
    ConformanceCase("a failed attach of a VFIO device leaves nothing", 115, needs: .vfio) { b in
      let (c, device, _, ioas) = try bound(b)
      try c.map(ioas, try b.hole(), 4096, at: 0x10000)
      b.fails(.EFAULT) { try device.attach(ioas) }
      b.works("the IOAS is free") { try c.destroy(ioas) }
    },
  ]

  private static let pasidAttaching: [ConformanceCase] = [
    ConformanceCase("VFIO: the PASID flag wants argsz 16", 121, needs: .vfioPASID) { b in
      let (c, device, id, ioas) = try bound(b, .vfioPASID)
      let hwpt = try c.hwpt(id, on: ioas, .pasid)
      for size: UInt32 in [12, 15] {
        b.fails(.EINVAL, "argsz \(size)") {
          try device.send(.attach, AttachArgument.self) {
            $0.argumentSize = size
            $0.flags = 1
            $0.tableID = hwpt
            $0.pasid = 1
          }
        }
      }
    },
    ConformanceCase("VFIO: a PASID wants a table made for it", 122, 123, needs: .vfioPASID) { b in
      let (c, device, id, ioas) = try bound(b, .vfioPASID)
      let plain = try c.hwpt(id, on: ioas)
      let flagged = try c.hwpt(id, on: ioas, .pasid)
      b.fails(.EINVAL, "a plain table") { try device.attach(plain, pasid: 1) }
      b.fails(.EINVAL, "an IOAS") { try device.attach(ioas, pasid: 1) }
      b.fails(.ENOENT, "no table") { try device.attach(99, pasid: 1) }
      b.fails(.EINVAL, "a DEVICE") { try device.attach(id, pasid: 1) }
      try device.attach(plain)
      b.fails(.EINVAL, "with the RID on a plain table") { try device.attach(flagged, pasid: 1) }
      try device.attach(ioas)
      b.fails(.EINVAL, "with the RID on an automatic table") {
        try device.attach(flagged, pasid: 1)
      }
      b.works("the table is free") { try c.destroy(flagged) }
    },
    ConformanceCase("VFIO: PASIDs up to the count", 124, 125, 126, needs: .vfioPASID) { b in
      let (c, device, id, ioas) = try bound(b, .vfioPASID)
      let count = UInt32(1) << UInt32(try c.hardwareInfo(id).answer.outMaxPASIDLog2)
      let hwpt = try c.hwpt(id, on: ioas, .pasid)
      for pasid: UInt32 in [1, count - 1] {
        b.works("PASID \(hex(pasid)), RID unattached") { try device.attach(hwpt, pasid: pasid) }
      }
      for pasid: UInt32 in [count, count + 7, (1 << 31) - 1] {
        b.fails(.EINVAL, "PASID \(hex(pasid))") { try device.attach(hwpt, pasid: pasid) }
      }
      for pasid: UInt32 in [1 << 31, .max - 1, .max] {
        b.fails(.ENOSPC, "PASID \(hex(pasid))") { try device.attach(hwpt, pasid: pasid) }
      }
      b.fails(.EINVAL, "PASID 0xffffffea") { try device.attach(hwpt, pasid: 0xFFFF_FFEA) }
      for pasid: UInt32 in [1, count - 1, count, 1 << 31] {
        b.works("detach \(hex(pasid))") { try device.detach(pasid: pasid) }
      }
      b.works("the table is free") { try c.destroy(hwpt) }
    },
    ConformanceCase("VFIO: attaching an attached PASID moves it", 127, 128, needs: .vfioPASID) {
      b in
      let (c, device, id, ioas) = try bound(b, .vfioPASID)
      let one = try c.hwpt(id, on: ioas, .pasid)
      let two = try c.hwpt(id, on: ioas, .pasid)
      let plain = try c.hwpt(id, on: ioas)
      b.equal(try device.attach(one, pasid: 5), one, "the first")
      b.equal(try device.attach(one, pasid: 5), one, "the same")
      b.equal(try device.attach(two, pasid: 5), two, "the second")
      b.works("the first is free") { try c.destroy(one) }
      b.fails(.EINVAL, "a plain table") { try device.attach(plain, pasid: 5) }
      b.fails(.EINVAL, "an IOAS") { try device.attach(ioas, pasid: 5) }
      b.fails(.EBUSY, "the second is still in use") { try c.destroy(two) }
      try device.detach(pasid: 5)
      b.works("one use") { try c.destroy(two) }
    },
    ConformanceCase("VFIO: a PASID limits where the RID may go", 129, 130, 131, needs: .vfioPASID) {
      b in
      let (c, device, id, ioas) = try bound(b, .vfioPASID)
      let rid = try c.hwpt(id, on: ioas, .pasid)
      let one = try c.hwpt(id, on: ioas, .pasid)
      let plain = try c.hwpt(id, on: ioas)
      try device.attach(rid)
      try device.attach(one, pasid: 5)
      b.fails(.EINVAL, "to a plain table") { try device.attach(plain) }
      b.fails(.EINVAL, "to an IOAS") { try device.attach(ioas) }
      b.works("to the PASID's table") { try device.attach(one) }
      b.works("the RID's old table is free") { try c.destroy(rid) }
      b.works("detach") { try device.detach() }
      b.fails(.EBUSY, "the PASID is still on it") { try c.destroy(one) }
      b.fails(.EINVAL, "a plain table when unattached") { try device.attach(plain) }
      b.works("attach again") { try device.attach(one) }
    },
    ConformanceCase("VFIO: one table for the RID and PASIDs", 132, 133, 135, needs: .vfioPASID) {
      b in
      let (c, device, id, ioas) = try bound(b, .vfioPASID)
      let hwpt = try c.hwpt(id, on: ioas, .pasid)
      try device.attach(hwpt)
      for pasid: UInt32 in [1, 2, 3] { try device.attach(hwpt, pasid: pasid) }
      b.works("a PASID that is not attached") { try device.detach(pasid: 9) }
      try device.detach()
      for pasid: UInt32 in [3, 1, 2] {
        b.fails(.EBUSY) { try c.destroy(hwpt) }
        try device.detach(pasid: pasid)
      }
      b.works { try c.destroy(hwpt) }
    },
    ConformanceCase("VFIO: PASIDs with tables of their own", 134, needs: .vfioPASID) { b in
      let (c, device, id, ioas) = try bound(b, .vfioPASID)
      let other = try c.ioas()
      let memory = try b.memory(8192)
      let tables = [
        try c.hwpt(id, on: ioas, .pasid), try c.hwpt(id, on: other, .pasid),
      ]
      try c.map(ioas, memory, 4096, at: 0x10_0000)
      try c.map(other, memory + 4096, 4096, at: 0x10_0000)
      for (pasid, hwpt) in zip([1, 2] as [UInt32], tables) {
        b.equal(try device.attach(hwpt, pasid: pasid), hwpt, "PASID \(pasid)")
      }
    },
    ConformanceCase("VFIO: a nested table on a PASID", 136, needs: .vtdNestingPASID) { b in
      let (c, device, id, ioas) = try bound(b, .vtdNestingPASID)
      let parent = try c.hwpt(id, on: ioas, [.nestParent, .pasid])
      try device.attach(parent)
      let plain = try c.hwpt(id, on: parent, data: .vtd(tableAddress: 0))
      let flagged = try c.hwpt(id, on: parent, .pasid, data: .vtd(tableAddress: 0))
      b.fails(.EINVAL, "without the flag") { try device.attach(plain, pasid: 1) }
      b.equal(try device.attach(flagged, pasid: 1), flagged, "with the flag")
      b.fails(.EBUSY) { try c.destroy(flagged) }
      try device.detach(pasid: 1)
      b.works { try c.destroy(flagged) }
    },
    ConformanceCase("VT-d: nested data and flags", 136, needs: .vtdNesting) { b in
      let (c, device, id, ioas) = try bound(b, .vtdNesting)
      let parent = try c.hwpt(id, on: ioas, .nestParent)
      for count in [23, 25, 32] {
        b.fails(.EINVAL, "\(count) bytes") {
          try c.hwpt(
            id, on: parent,
            data: VendorData(HWPTDataType.vtdStage1, [UInt8](repeating: 0, count: count)))
        }
      }
      b.fails(.EOPNOTSUPP, "another's data") {
        try c.hwpt(id, on: parent, data: VendorData(2, [UInt8](repeating: 0, count: 24)))
      }
      b.fails(.EOPNOTSUPP, "a dirty flag") {
        try c.hwpt(id, on: parent, .dirtyTracking, data: .vtd(tableAddress: 0))
      }
      let odd = try c.hwpt(id, on: parent, data: .vtd(tableAddress: 0, width: 40))
      b.fails(.EINVAL, "an address width of 40") { try device.attach(odd) }
      let good = try c.hwpt(id, on: parent, data: .vtd(tableAddress: 0))
      b.equal(try device.attach(good), good, "a good one")
    },
    ConformanceCase("VFIO: closing detaches all PASIDs and the RID", 137, needs: .vfioPASID) { b in
      let (c, device, id, ioas) = try bound(b, .vfioPASID)
      let hwpt = try c.hwpt(id, on: ioas, .pasid)
      try device.attach(hwpt)
      for pasid: UInt32 in [9, 1, 1000] { try device.attach(hwpt, pasid: pasid) }
      try device.close()
      b.works("the table is free") { try c.destroy(hwpt) }
      b.works("the IOAS too") { try c.destroy(ioas) }
      let (again, newID) = try b.bound(.vfioPASID, to: c)
      let fresh = try c.hwpt(newID, on: try c.ioas(), .pasid)
      b.works("PASID 9 again") { try again.attach(fresh, pasid: 9) }
    },
    ConformanceCase("VFIO: PASID 0 goes through its own record", needs: .vfioPASID) { b in
      let (c, device, id, ioas) = try bound(b, .vfioPASID)
      let hwpt = try c.hwpt(id, on: ioas, .pasid)
      try device.attach(hwpt)
      b.fails(.EBUSY, "with the RID attached") { try device.attach(hwpt, pasid: 0) }
      try device.detach()
      b.works("with the RID unattached") { try device.attach(hwpt, pasid: 0) }
      b.fails(.EBUSY, "the plain way") { try device.attach(hwpt) }
      b.works("a plain detach does nothing") { try device.detach() }
      b.fails(.EBUSY) { try c.destroy(hwpt) }
      try device.detach(pasid: 0)
      b.works { try c.destroy(hwpt) }
    },
    ConformanceCase(
      "VFIO: a device without PASIDs takes any below 2^31", 125, 126, needs: .vfioWithoutPASID
    ) { b in
      let (c, device, id, ioas) = try bound(b, .vfioWithoutPASID)
      guard let hwpt = try? c.hwpt(id, on: ioas, .pasid) else { return }
      for pasid: UInt32 in [1, (1 << 20) + 7, (1 << 31) - 1] {
        b.works("PASID \(hex(pasid))") { try device.attach(hwpt, pasid: pasid) }
      }
      b.fails(.ENOSPC) { try device.attach(hwpt, pasid: 1 << 31) }
      b.fails(.EBUSY) { try c.destroy(hwpt) }
      let fault = try c.faultQueue()
      let faulting = try c.hwpt(id, on: ioas, [.pasid, .faultIDValid], fault: fault.id)
      b.works("a table with faults, of which the driver never hears") {
        try device.attach(faulting, pasid: 9)
      }
    },
    ConformanceCase(
      "an emulated device knows neither tables nor PASIDs", 138, needs: .emulatedDevice
    ) { b in
      let (c, device, id, ioas) = try bound(b, .emulatedDevice)
      b.fails(.EOPNOTSUPP) { try device.attach(ioas, pasid: 1) }
      b.equal(try device.attach(ioas), ioas, "the IOAS comes back")
      b.fails(.ENOENT) { try c.hwpt(id, on: ioas) }
      b.fails(.ENOENT) { try c.hardwareInfo(id) }
      b.equal(try c.alignment(ioas), 4096, "alignment")
    },
  ]
}
