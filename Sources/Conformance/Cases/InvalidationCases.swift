import HostABI

/// HWPT_INVALIDATE.
extension ConformanceSuite {
  private static let full = [UInt32](repeating: MockIOMMU.iotlbEntry, count: 4)

  private static func entries(_ pairs: [(flags: UInt32, id: UInt32)]) -> [UInt8] {
    pairs.flatMap { $0.flags.littleEndianBytes + $0.id.littleEndianBytes }
  }

  private static func nested(
    _ b: Bench
  ) throws(LinuxErrno) -> (c: Context, ioas: UInt32, parent: UInt32, nested: UInt32) {
    let c = try b.context()
    let (ioas, device) = try c.ioasWithDevice()
    let parent = try c.hwpt(device.id, on: ioas, .nestParent)
    return (c, ioas, parent, try c.hwpt(device.id, on: parent, data: .mock()))
  }

  static let invalidation: [ConformanceCase] = [
    ConformanceCase("INVALIDATE: count, length and pointer are checked first", 88, needs: .mock) {
      b in
      let (c, _, _, nested) = try nested(b)
      let one = entries([(0, 0)])
      for (what, length, count, bytes) in [
        ("too many entries", 8, (1 << 19) + 1, one), ("entry length 0", 0, 1, one),
        ("entry length above a page", 4097, 1, one), ("no pointer", 8, 1, []),
      ] as [(String, UInt32, UInt32, [UInt8])] {
        for id in [nested, 99] {
          let answer = c.invalidate(
            id, type: MockType.invalidation, entryLength: length, count: count, bytes)
          b.ends(answer.errno, .EINVAL, what)
          b.equal(answer.done, 0, "entries done: \(what)")
        }
      }
      c.expectIOTLB(nested, full)
    },
    ConformanceCase("INVALIDATE: the reserved field", needs: .mock) { b in
      let (c, _, _, nested) = try nested(b)
      var argument = InvalidateArgument {
        $0.hwptID = nested
        $0.entryCount = 3
        $0.reserved = 1
      }
      b.fails(.EOPNOTSUPP) { try c.send(.hwptInvalidate, &argument) }
      b.equal(argument.entryCount, 0, "entries done")
    },
    ConformanceCase("a bad third entry leaves two done", 89, needs: .mock) { b in
      for (bad, errno) in [((2, 0), .EOPNOTSUPP), ((0, 4), .EINVAL), ((1, 4), .EINVAL)]
        as [((UInt32, UInt32), LinuxErrno)]
      {
        let (c, _, _, nested) = try nested(b)
        let answer = c.invalidate(
          nested, type: MockType.invalidation, entryLength: 8, count: 4,
          entries([(0, 1), (0, 2), bad, (0, 3)]))
        b.ends(answer.errno, errno, "entry \(bad)")
        b.equal(answer.done, 2, "entries done")
        c.expectIOTLB(nested, [MockIOMMU.iotlbEntry, 0, 0, MockIOMMU.iotlbEntry])
      }
    },
    ConformanceCase("INVALIDATE of one entry, and of all", 89, needs: .mock) { b in
      let (c, _, _, nested) = try nested(b)
      var answer = c.invalidate(
        nested, type: MockType.invalidation, entryLength: 8, count: 1, entries([(0, 3)]))
      b.ends(answer.errno, nil, "one")
      b.equal(answer.done, 1, "entries done")
      c.expectIOTLB(nested, Array(full.prefix(3)) + [0])
      answer = c.invalidate(
        nested, type: MockType.invalidation, entryLength: 8, count: 1, entries([(1, 0)]))
      b.ends(answer.errno, nil, "all")
      c.expectIOTLB(nested, [0, 0, 0, 0])
    },
    ConformanceCase("INVALIDATE with no entries asks for the type", needs: .mock) { b in
      let (c, _, _, nested) = try nested(b)
      var answer = c.invalidate(
        nested, type: MockType.invalidation, entryLength: 0, count: 0, [])
      b.ends(answer.errno, nil, "the right type")
      answer = c.invalidate(
        nested, type: MockType.invalidInvalidation, entryLength: 0, count: 0, [])
      b.ends(answer.errno, .EINVAL, "a wrong type")
    },
    ConformanceCase("INVALIDATE: entries of another length", needs: .mock) { b in
      let (c, _, _, nested) = try nested(b)
      for length: UInt32 in [1, 7, 9, 16, 4096] {
        let answer = c.invalidate(
          nested, type: MockType.invalidation, entryLength: length, count: 1,
          [UInt8](repeating: 0, count: 4096))
        b.ends(answer.errno, .EINVAL, "length \(length)")
        b.equal(answer.done, 0, "entries done")
      }
    },
    ConformanceCase("INVALIDATE of another kind of object", 90, needs: .mock) { b in
      let (c, ioas, parent, _) = try nested(b)
      let one = entries([(0, 0)])
      for (what, id, errno) in [
        ("a parent", parent, .EINVAL), ("an IOAS", ioas, .EINVAL), ("no object", 99, .ENOENT),
        ("id 0", 0, .ENOENT),
      ] as [(String, UInt32, LinuxErrno)] {
        let answer = c.invalidate(
          id, type: MockType.invalidation, entryLength: 8, count: 1, one)
        b.ends(answer.errno, errno, what)
        b.equal(answer.done, 0, "entries done: \(what)")
      }
    },
    ConformanceCase("INVALIDATE of a VFIO device's table", 90, needs: .vfio) { b in
      let c = try b.context()
      let (_, id) = try b.bound(to: c)
      let ioas = try c.ioas()
      let hwpt = try c.hwpt(id, on: ioas)
      for (id, errno) in [(hwpt, .EINVAL), (ioas, .EINVAL), (id, .EINVAL), (99, .ENOENT)]
        as [(UInt32, LinuxErrno)]
      {
        let answer = c.invalidate(
          id, type: 0, entryLength: 24, count: 1, [UInt8](repeating: 0, count: 24))
        b.ends(answer.errno, errno, "object \(id)")
        b.equal(answer.done, 0, "entries done")
      }
    },
    ConformanceCase("VT-d: entries are checked one by one", 91, needs: .vtdNesting) { b in
      let c = try b.context()
      let (_, id) = try b.bound(.vtdNesting, to: c)
      let parent = try c.hwpt(id, on: try c.ioas(), .nestParent)
      let nested = try c.hwpt(id, on: parent, data: .vtd(tableAddress: 0))
      func entry(_ address: UInt64, _ pages: UInt64, _ flags: UInt32) -> [UInt8] {
        address.littleEndianBytes + pages.littleEndianBytes + flags.littleEndianBytes
          + [0, 0, 0, 0]
      }
      for (bytes, length, errno) in [
        (entry(0x1000, 1, 2), 24, .EOPNOTSUPP), (entry(0x1001, 1, 0), 24, .EINVAL),
        (entry(0x1000, .max, 0), 24, .EINVAL), (entry(0x1000, 1, 0), 16, .EINVAL),
        (entry(0x1000, 1, 0) + [UInt8](repeating: 0, count: 8), 32, .EINVAL),
      ] as [([UInt8], UInt32, LinuxErrno)] {
        let answer = c.invalidate(nested, type: 0, entryLength: length, count: 1, bytes)
        b.ends(answer.errno, errno, "entry \(bytes)")
        b.equal(answer.done, 0, "entries done")
      }
      var answer = c.invalidate(
        nested, type: 0, entryLength: 24, count: 3,
        entry(0, .max, 0) + entry(0x1000, 1, 1) + entry(0x1001, 1, 0))
      b.ends(answer.errno, .EINVAL, "a bad third")
      b.equal(answer.done, 2, "entries done")
      answer = c.invalidate(nested, type: 0, entryLength: 0, count: 0, [])
      b.ends(answer.errno, nil, "type 0")
      answer = c.invalidate(nested, type: 1, entryLength: 0, count: 0, [])
      b.ends(answer.errno, .EINVAL, "type 1")
    },
  ]
}

extension VendorData {
  /// A VT-d first-stage table.
  static func vtd(tableAddress: UInt64, flags: UInt64 = 0, width: UInt32 = 48) -> Self {
    Self(
      HWPTDataType.vtdStage1,
      flags.littleEndianBytes + tableAddress.littleEndianBytes + width.littleEndianBytes
        + [0, 0, 0, 0])
  }
}
