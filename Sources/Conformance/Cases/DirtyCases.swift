import HostABI

/// Dirty tracking.
extension ConformanceSuite {
  /// A context with a table that tracks, exact to the page, and eight pages mapped in it.
  private static func tracking(
    _ b: Bench
  ) throws(LinuxErrno) -> (c: Context, ioas: UInt32, hwpt: UInt32, iova: UInt64) {
    let c = try b.context()
    let (_, device) = try c.ioasWithDevice()
    let ioas = try c.ioas()
    try c.setOption(1, of: ioas, to: 0)
    let hwpt = try c.hwpt(device.id, on: ioas, .dirtyTracking)
    let iova = MockIOMMU.apertureStart
    try c.map(ioas, try b.memory(0x8000), 0x8000, at: iova)
    try c.trackDirty(hwpt, true)
    return (c, ioas, hwpt, iova)
  }

  private static let wrongQuestions:
    [(
      what: String, numbers: [Int], expected: LinuxErrno,
      fill: @Sendable (inout GetDirtyBitmapArgument) -> Void
    )] = [
      ("an unknown flag", [], .EOPNOTSUPP, { $0.flags = 2 }),
      ("the reserved field", [], .EOPNOTSUPP, { $0.reserved = 1 }),
      ("an unknown id", [], .ENOENT, { $0.hwptID = 99 }),
      ("a wrap", [], .EOVERFLOW, { $0.length = .max - 0xFFF }),
      ("length 0", [], .EOVERFLOW, { $0.length = 0 }),
      ("page size 0", [86], .EINVAL, { $0.pageSize = 0 }),
      ("an IOVA below the alignment", [86], .EINVAL, { $0.iova += 2048 }),
      ("an end below the alignment", [86], .EINVAL, { $0.length -= 2048 }),
      (
        "an IOVA below the page size", [86], .EINVAL,
        {
          $0.pageSize = 0x4000
          $0.iova += 0x1000
          $0.length = 0x3000
        }
      ),
      (
        "an end below the page size", [86], .EINVAL,
        {
          $0.pageSize = 0x4000
          $0.length = 0x7000
        }
      ),
    ]

  static let dirtyTracking: [ConformanceCase] =
    wrongQuestions.map { row in
      ConformanceCase(
        "GET_DIRTY_BITMAP fails \(row.expected): \(row.what)", statements: row.numbers,
        needs: [.mock]
      ) { b in
        let (c, _, hwpt, iova) = try tracking(b)
        let bitmap = try b.memory(4096)
        b.fails(row.expected) {
          try c.send(.getDirtyBitmap, GetDirtyBitmapArgument.self) {
            $0.hwptID = hwpt
            $0.iova = iova
            $0.length = 0x8000
            $0.pageSize = 4096
            $0.bitmap = bitmap
            row.fill(&$0)
          }
        }
      }
    } + dirtyBits

  private static let dirtyBits: [ConformanceCase] = [
    ConformanceCase("SET_DIRTY_TRACKING needs a table made for it", 83, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      for enable in [true, false] {
        b.fails(.EOPNOTSUPP) { try c.trackDirty(device.hwpt, enable) }
      }
      b.fails(.EOPNOTSUPP) { try c.dirty(device.hwpt, MockIOMMU.apertureStart, 4096) }
      let hwpt = try c.hwpt(device.id, on: ioas, .dirtyTracking)
      for enable in [false, true, true, false] { b.works { try c.trackDirty(hwpt, enable) } }
      b.fails(.EOPNOTSUPP, "flag 2") {
        try c.send(.setDirtyTracking, SetDirtyTrackingArgument.self) {
          $0.hwptID = 99
          $0.flags = 2
        }
      }
      b.fails(.ENOENT) { try c.trackDirty(99, true) }
      b.works("the reserved field") {
        try c.send(.setDirtyTracking, SetDirtyTrackingArgument.self) {
          $0.hwptID = hwpt
          $0.reserved = 1
        }
      }
    },
    ConformanceCase("SET_DIRTY_TRACKING on a VFIO device's plain table", 83, needs: .vfio) { b in
      let c = try b.context()
      let (_, id) = try b.bound(to: c)
      let hwpt = try c.hwpt(id, on: try c.ioas())
      b.fails(.EOPNOTSUPP) { try c.trackDirty(hwpt, true) }
      b.fails(.EOPNOTSUPP) { try c.dirty(hwpt, 0x10000, 4096) }
    },
    ConformanceCase("a page size that is no power of two is a mask", 86, needs: .mock) { b in
      let (c, _, hwpt, iova) = try tracking(b)
      try c.markDirty(hwpt, iova, pages: 4, [0b0111])
      b.fails(.EINVAL, "0x3000 and an end at 0x3000") {
        try c.dirty(hwpt, iova, 0x3000, page: 0x3000)
      }
      // The lowest set bit says how many bytes a bit stands for.
      b.equal(try c.dirty(hwpt, iova, 0x1000, page: 0x3000, keep: true)[0], 1, "0x3000")
    },
    ConformanceCase("a nested table tracks nothing", 9, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let parent = try c.hwpt(device.id, on: ioas, .nestParent)
      let nested = try c.hwpt(device.id, on: parent, data: .mock())
      b.fails(.ENOENT) { try c.trackDirty(nested, true) }
      b.fails(.ENOENT) { try c.dirty(nested, 0, 4096) }
    },
    ConformanceCase("bits are relative to the request's iova, and only set", 84, needs: .mock) {
      b in
      let (c, _, hwpt, iova) = try tracking(b)
      b.equal(try c.markDirty(hwpt, iova, pages: 8, [0b0010_0110]), 3, "marked")
      b.equal(try c.dirty(hwpt, iova, 0x8000, keep: true)[0], 0b0010_0110, "from the start")
      b.equal(
        try c.dirty(hwpt, iova + 0x1000, 0x7000, keep: true)[0], 0b0001_0011, "from page 1")
      var over = [UInt8](repeating: 0, count: 64)
      over[0] = 0b1000_0001
      over[1] = 0xFF
      let bits = try c.dirty(hwpt, iova, 0x8000, keep: true, over: over)
      b.equal(Array(bits[0...2]), [0b1010_0111, 0xFF, 0], "over other bits")
    },
    ConformanceCase("reading clears unless told to keep", 85, needs: .mock) { b in
      let (c, _, hwpt, iova) = try tracking(b)
      try c.markDirty(hwpt, iova, pages: 8, [0xF0])
      for _ in 0..<2 { b.equal(try c.dirty(hwpt, iova, 0x8000, keep: true)[0], 0xF0, "kept") }
      b.equal(try c.dirty(hwpt, iova, 0x6000)[0], 0x30, "the first six pages")
      b.equal(try c.dirty(hwpt, iova, 0x8000)[0], 0xC0, "the rest")
      b.equal(try c.dirty(hwpt, iova, 0x8000)[0], 0, "afterwards")
    },
    ConformanceCase("larger page sizes fold bits", 84, needs: .mock) { b in
      let (c, _, hwpt, iova) = try tracking(b)
      try c.markDirty(hwpt, iova, pages: 8, [0b0000_1001])
      b.equal(try c.dirty(hwpt, iova, 0x8000, page: 0x2000, keep: true)[0], 0b11, "8 KiB")
      b.equal(try c.dirty(hwpt, iova, 0x8000, page: 0x8000, keep: true)[0], 1, "32 KiB")
    },
    ConformanceCase("an unmapped range has no bits and no error", 87, needs: .mock) { b in
      let (c, _, hwpt, iova) = try tracking(b)
      try c.markDirty(hwpt, iova, pages: 8, [0xFF])
      b.equal(try c.dirty(hwpt, iova + 0x10000, 0x8000)[0], 0, "past the mapping")
      b.equal(try c.dirty(hwpt, iova - 0x1000 + 0x9000, 0x1000)[0], 0, "right behind it")
      b.equal(try c.dirty(hwpt, 0x4_0000_0000, 0x8000)[0], 0, "past the aperture")
    },
    ConformanceCase("the walk ends at the first gap", 87, needs: .mock) { b in
      let (c, ioas, hwpt, iova) = try tracking(b)
      try c.map(ioas, try b.memory(0x2000), 0x2000, at: iova + 0x9000)
      try c.markDirty(hwpt, iova, pages: 16, [0xFF, 0x07])
      let bits = try c.dirty(hwpt, iova, 0x10000, keep: true)
      b.equal(Array(bits[0...1]), [0xFF, 0], "with a gap at page 8")
      b.equal(try c.dirty(hwpt, iova + 0x8000, 0x4000)[0], 0, "from the gap")
      b.equal(try c.dirty(hwpt, iova + 0x9000, 0x4000)[0], 0b11, "from behind it")
    },
    ConformanceCase("adjacent mappings are walked as one", 84, needs: .mock) { b in
      let (c, ioas, hwpt, iova) = try tracking(b)
      try c.map(ioas, try b.memory(0x2000), 0x2000, at: iova + 0x8000)
      try c.markDirty(hwpt, iova, pages: 10, [0x80, 0b11])
      let bits = try c.dirty(hwpt, iova, 0xA000)
      b.equal(Array(bits[0...1]), [0x80, 0b11], "bits")
    },
    ConformanceCase("enabling starts from a clean table", 83, needs: .mock) { b in
      let (c, _, hwpt, iova) = try tracking(b)
      try c.markDirty(hwpt, iova, pages: 8, [0xFF])
      try c.trackDirty(hwpt, false)
      b.fails(.EINVAL, "marking while it is off") {
        try c.markDirty(hwpt, iova, pages: 8, [0xFF])
      }
      b.equal(try c.dirty(hwpt, iova, 0x8000, keep: true)[0], 0xFF, "bits stay when it goes off")
      try c.trackDirty(hwpt, true)
      b.equal(try c.dirty(hwpt, iova, 0x8000)[0], 0, "bits after enabling")
    },
    ConformanceCase("a bitmap that cannot be written is no error", 84, needs: .mock) { b in
      let (c, _, hwpt, iova) = try tracking(b)
      try c.markDirty(hwpt, iova, pages: 8, [0xFF])
      b.works {
        try c.send(.getDirtyBitmap, GetDirtyBitmapArgument.self) {
          $0.hwptID = hwpt
          $0.iova = iova
          $0.length = 0x8000
          $0.pageSize = 4096
        }
      }
      b.equal(try c.dirty(hwpt, iova, 0x8000)[0], 0, "bits were cleared all the same")
    },
    ConformanceCase("each table has its own bits", 85, needs: .mock) { b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      let ioas = try c.ioas()
      try c.setOption(1, of: ioas, to: 0)
      let one = try c.hwpt(device.id, on: ioas, .dirtyTracking)
      let two = try c.hwpt(device.id, on: ioas, [.dirtyTracking, .pasid])
      let iova = try c.map(ioas, try b.memory(0x8000), 0x8000)
      for hwpt in [one, two] { try c.trackDirty(hwpt, true) }
      try c.markDirty(one, iova, pages: 8, [0x0F])
      b.equal(try c.dirty(two, iova, 0x8000)[0], 0, "the other's")
      b.equal(try c.dirty(one, iova, 0x8000)[0], 0x0F, "its own")
    },
  ]
}
