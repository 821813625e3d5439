import HostABI

/// PASIDs of mock devices.
extension ConformanceSuite {
  /// A device whose RID is on a table for PASIDs, and two more such tables.
  private static func flagged(
    _ b: Bench
  ) throws(LinuxErrno) -> (c: Context, ioas: UInt32, device: MockDevice, one: UInt32, two: UInt32) {
    let c = try b.context()
    let (ioas, device) = try c.ioasWithDevice()
    let rid = try c.hwpt(device.id, on: ioas, .pasid)
    try c.replace(device, with: rid)
    let one = try c.hwpt(device.id, on: ioas, .pasid)
    return (c, ioas, device, one, try c.hwpt(device.id, on: ioas, .pasid))
  }

  static let pasids: [ConformanceCase] = [
    ConformanceCase("a PASID wants a table made for it", 122, needs: .mock) { b in
      let (c, ioas, device, _, _) = try flagged(b)
      for flags: HWPTFlags in [[], .nestParent, .dirtyTracking] {
        let plain = try c.hwpt(device.id, on: ioas, flags)
        b.fails(.EINVAL, "flags \(flags.rawValue)") {
          try c.attach(device, pasid: 1, to: plain)
        }
      }
      let before = try c.ioas()
      b.fails(.EINVAL, "an IOAS") { try c.attach(device, pasid: 1, to: ioas) }
      b.fails(.EINVAL, "a fresh IOAS") { try c.attach(device, pasid: 1, to: before) }
      b.equal(try c.ioas(), before + 1, "the next id")
      c.expect(device, pasid: 1, on: 0)
    },
    ConformanceCase("a PASID wants an id that exists and fits", 116, needs: .mock) { b in
      let (c, _, device, one, _) = try flagged(b)
      let fault = try c.faultQueue()
      b.fails(.ENOENT) { try c.attach(device, pasid: 1, to: 99) }
      b.fails(.EINVAL) { try c.attach(device, pasid: 1, to: device.id) }
      b.fails(.EINVAL) { try c.attach(device, pasid: 1, to: fault.id) }
      b.equal(try c.attach(device, pasid: 1, to: one), one, "the table")
    },
    ConformanceCase("with the RID on a plain table no PASID attaches", 123, needs: .mock) { b in
      let (c, ioas, device, one, _) = try flagged(b)
      let plain = try c.hwpt(device.id, on: ioas)
      try c.replace(device, with: plain)
      b.fails(.EINVAL, "a manual table") { try c.attach(device, pasid: 1, to: one) }
      try c.replace(device, with: ioas)
      b.fails(.EINVAL, "an automatic table") { try c.attach(device, pasid: 1, to: one) }
    },
    ConformanceCase("with the RID unattached a PASID attaches", 124, needs: .mock) { b in
      let (c, _, device, one, _) = try flagged(b)
      try c.detach(device, pasid: 0)
      b.works { try c.attach(device, pasid: 1, to: one) }
      c.expect(device, pasid: 1, on: one)
      c.expect(device, pasid: 0, on: 0)
    },
    ConformanceCase("the largest PASID is one below the count", 125, needs: .mock) { b in
      let (c, _, device, one, _) = try flagged(b)
      let count: UInt32 = 1 << 20
      for pasid in [count, count + 1, 1 << 31, .max - 1, .max] {
        b.fails(.EINVAL, "PASID \(hex(pasid))") { try c.attach(device, pasid: pasid, to: one) }
        c.expect(device, pasid: pasid, on: 0)
      }
      for pasid in [1, 2, count - 1] {
        b.works("PASID \(hex(pasid))") { try c.attach(device, pasid: pasid, to: one) }
        c.expect(device, pasid: pasid, on: one)
      }
    },
    ConformanceCase("a mock device without the flag has a PASID count of 1", 125, needs: .mock) {
      b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice([])
      let rid = try c.hwpt(device.id, on: ioas, .pasid)
      try c.replace(device, with: rid)
      for pasid: UInt32 in [1, 1 << 20, (1 << 31) - 1, 1 << 31] {
        b.fails(.EINVAL, "PASID \(hex(pasid))") { try c.attach(device, pasid: pasid, to: rid) }
      }
    },
    ConformanceCase("an attached PASID is busy", needs: .mock) { b in
      let (c, ioas, device, one, two) = try flagged(b)
      try c.attach(device, pasid: 1, to: one)
      b.fails(.EBUSY, "the same table") { try c.attach(device, pasid: 1, to: one) }
      b.fails(.EBUSY, "another table") { try c.attach(device, pasid: 1, to: two) }
      let plain = try c.hwpt(device.id, on: ioas)
      b.fails(.EBUSY, "a plain table") { try c.attach(device, pasid: 1, to: plain) }
      b.fails(.EBUSY, "an IOAS") { try c.attach(device, pasid: 1, to: ioas) }
      b.fails(.ENOENT, "no table") { try c.attach(device, pasid: 1, to: 99) }
      c.expect(device, pasid: 1, on: one)
    },
    ConformanceCase("an attached PASID moves", 127, needs: .mock) { b in
      let (c, _, device, one, two) = try flagged(b)
      try c.attach(device, pasid: 1, to: one)
      b.equal(try c.replace(device, pasid: 1, with: two), two, "the table")
      c.expect(device, pasid: 1, on: two)
      b.works("the old table is free") { try c.destroy(one) }
      b.works("to where it is") { try c.replace(device, pasid: 1, with: two) }
      b.fails(.EBUSY) { try c.destroy(two) }
      try c.detach(device, pasid: 1)
      b.works("one use, not two") { try c.destroy(two) }
    },
    ConformanceCase("a refused move leaves the PASID where it is", 128, needs: .mock) { b in
      let (c, ioas, device, one, _) = try flagged(b)
      try c.attach(device, pasid: 1, to: one)
      let plain = try c.hwpt(device.id, on: ioas)
      b.fails(.EINVAL, "a plain table") { try c.replace(device, pasid: 1, with: plain) }
      b.fails(.EINVAL, "an IOAS") { try c.replace(device, pasid: 1, with: ioas) }
      b.fails(.ENOENT, "no table") { try c.replace(device, pasid: 1, with: 99) }
      b.fails(.EINVAL, "a DEVICE") { try c.replace(device, pasid: 1, with: device.id) }
      c.expect(device, pasid: 1, on: one)
      b.works("the plain table is free") { try c.destroy(plain) }
    },
    ConformanceCase("an unattached PASID cannot move", 127, needs: .mock) { b in
      let (c, _, device, one, _) = try flagged(b)
      b.fails(.EINVAL) { try c.replace(device, pasid: 1, with: one) }
      b.works("the table is free") { try c.destroy(one) }
    },
    ConformanceCase(
      "while a PASID is attached the RID may not go to a plain table", 129, needs: .mock
    ) { b in
      let (c, ioas, device, one, _) = try flagged(b)
      try c.attach(device, pasid: 1, to: one)
      let plain = try c.hwpt(device.id, on: ioas)
      b.fails(.EINVAL, "a plain table") { try c.replace(device, with: plain) }
      b.fails(.EINVAL, "an IOAS") { try c.replace(device, with: ioas) }
      try c.detach(device, pasid: 0)
      b.fails(.EINVAL, "a plain table, first attach") {
        try c.attach(device, pasid: 0, to: plain)
      }
      b.fails(.EINVAL, "an IOAS, first attach") { try c.attach(device, pasid: 0, to: ioas) }
      c.expect(device, pasid: 1, on: one)
      try c.detach(device, pasid: 1)
      b.works("without PASIDs") { try c.attach(device, pasid: 0, to: plain) }
    },
    ConformanceCase(
      "while a PASID is attached the RID may go to a flagged table", 130, needs: .mock
    ) { b in
      let (c, _, device, one, two) = try flagged(b)
      try c.attach(device, pasid: 1, to: one)
      b.works { try c.replace(device, with: two) }
      b.works("the PASID's own table") { try c.replace(device, with: one) }
      c.expect(device, pasid: 0, on: one)
      c.expect(device, pasid: 1, on: one)
    },
    ConformanceCase("while a PASID is attached the RID may be detached", 131, needs: .mock) { b in
      let (c, ioas, device, one, two) = try flagged(b)
      let memory = try b.memory(4096)
      let iova = try c.map(ioas, memory, 4096)
      try c.attach(device, pasid: 1, to: one)
      try c.detach(device, pasid: 0)
      c.expect(device, pasid: 0, on: 0)
      c.expect(device, pasid: 1, on: one)
      c.expectMapped(one, iova, 4096, memory)
      b.works("and attached again") { try c.attach(device, pasid: 0, to: two) }
    },
    ConformanceCase("one table serves the RID and PASIDs, each a use", 132, needs: .mock) { b in
      let (c, _, device, one, two) = try flagged(b)
      try c.replace(device, with: one)
      for pasid: UInt32 in [1, 2, 3] { try c.attach(device, pasid: pasid, to: one) }
      for pasid: UInt32 in [1, 2, 3] {
        b.fails(.EBUSY) { try c.destroy(one) }
        try c.detach(device, pasid: pasid)
      }
      b.fails(.EBUSY, "the RID is left") { try c.destroy(one) }
      try c.replace(device, with: two)
      b.works { try c.destroy(one) }
    },
    ConformanceCase("detaching an unattached PASID does nothing", 133, needs: .mock) { b in
      let (c, _, device, one, _) = try flagged(b)
      try c.attach(device, pasid: 1, to: one)
      for pasid: UInt32 in [2, 1 << 20, .max] {
        b.works("PASID \(hex(pasid))") { try c.detach(device, pasid: pasid) }
      }
      c.expect(device, pasid: 1, on: one)
      try c.detach(device, pasid: 1)
      b.works("twice") { try c.detach(device, pasid: 1) }
    },
    ConformanceCase("two PASIDs translate the same address their own way", 134, needs: .mock) { b in
      let (c, ioas, device, one, _) = try flagged(b)
      let other = try c.ioas()
      let two = try c.hwpt(device.id, on: other, .pasid)
      let memory = try b.memory(8192)
      try c.map(ioas, memory, 4096, at: MockIOMMU.apertureStart)
      try c.map(other, memory + 4096, 4096, at: MockIOMMU.apertureStart)
      try c.attach(device, pasid: 1, to: one)
      try c.attach(device, pasid: 2, to: two)
      c.expect(device, pasid: 1, on: one)
      c.expect(device, pasid: 2, on: two)
      c.expectMapped(one, MockIOMMU.apertureStart, 4096, memory)
      c.expectMapped(two, MockIOMMU.apertureStart, 4096, memory + 4096)
    },
    ConformanceCase("a detached PASID is on no table", 135, needs: .mock) { b in
      let (c, _, device, one, _) = try flagged(b)
      try c.attach(device, pasid: 1, to: one)
      try c.detach(device, pasid: 1)
      c.expect(device, pasid: 1, on: 0)
      b.works("its table is free") { try c.destroy(one) }
    },
    ConformanceCase("a nested table attaches to a PASID if it is flagged", 136, needs: .mock) { b in
      let (c, ioas, device, _, _) = try flagged(b)
      let parent = try c.hwpt(device.id, on: ioas, .nestParent)
      let plain = try c.hwpt(device.id, on: parent, data: .mock())
      let nested = try c.hwpt(device.id, on: parent, .pasid, data: .mock())
      b.fails(.EINVAL, "without the flag") { try c.attach(device, pasid: 1, to: plain) }
      b.works("with the flag") { try c.attach(device, pasid: 1, to: nested) }
      b.fails(.EINVAL, "the RID on the plain one") { try c.replace(device, with: plain) }
      b.works("the RID on the flagged one") { try c.replace(device, with: nested) }
    },
    ConformanceCase("a nested table of a vIOMMU on a PASID needs no vDEVICE", 136, needs: .mock) {
      b in
      let (c, ioas, device, _, _) = try flagged(b)
      let parent = try c.hwpt(device.id, on: ioas, .nestParent)
      let viommu = try c.viommu(device.id, on: parent)
      let nested = try c.hwpt(device.id, on: viommu, .pasid, data: .mock())
      b.works("a PASID") { try c.attach(device, pasid: 1, to: nested) }
      b.fails(.ENOENT, "the RID") { try c.replace(device, with: nested) }
    },
    ConformanceCase("PASID 0 means the RID", needs: .mock) { b in
      let (c, _, device, one, _) = try flagged(b)
      b.fails(.EBUSY) { try c.attach(device, pasid: 0, to: one) }
      b.equal(try c.replace(device, pasid: 0, with: one), one, "moved")
      c.expect(device, pasid: 0, on: one)
    },
    ConformanceCase("a driver that fails leaves the PASID where it was", 128, needs: .mock) { b in
      let (c, _, device, one, two) = try flagged(b)
      let pasid = MockIOMMU.failingPASID
      try c.attach(device, pasid: pasid, to: one)
      b.fails(.ENOMEM) { try c.replace(device, pasid: pasid, with: two) }
      c.expect(device, pasid: pasid, on: one)
      b.works("the other table is free") { try c.destroy(two) }
      try c.detach(device, pasid: pasid)
      b.works("after a detach") { try c.attach(device, pasid: pasid, to: one) }
    },
    ConformanceCase("PASIDs do not touch ranges or alignment", 24, needs: .mock) { b in
      let (c, _, device, _, _) = try flagged(b)
      let ioas = try c.ioas()
      let hwpt = try c.hwpt(device.id, on: ioas, .pasid)
      let before = try c.ranges(ioas).ranges
      try c.attach(device, pasid: 1, to: hwpt)
      b.equal(try c.ranges(ioas).ranges, before, "ranges")
    },
    ConformanceCase("PASIDs of two devices are apart", 134, needs: .mock) { b in
      let (c, ioas, device, one, two) = try flagged(b)
      let second = try c.device(on: one)
      try c.attach(device, pasid: 1, to: one)
      try c.attach(second, pasid: 1, to: two)
      c.expect(device, pasid: 1, on: one)
      c.expect(second, pasid: 1, on: two)
      try c.detach(device, pasid: 1)
      c.expect(second, pasid: 1, on: two)
      _ = ioas
    },
  ]
}
