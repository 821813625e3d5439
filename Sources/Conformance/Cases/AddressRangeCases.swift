import HostABI

/// IOAS_ALLOC, IOVA_RANGES, ALLOW_IOVAS, reserved ranges and alignment.
extension ConformanceSuite {
  private static let mockRange = MockIOMMU.apertureStart...MockIOMMU.apertureLast

  static let addressRanges: [ConformanceCase] = [
    ConformanceCase("IOAS_ALLOC takes no flags", 20) { b in
      let c = try b.context()
      for flags: UInt32 in [1, 2, 0x8000_0000, .max] {
        b.fails(.EOPNOTSUPP, "flags \(hex(flags))") {
          try c.send(.ioasAlloc, IOASAllocArgument.self) { $0.flags = flags }
        }
      }
      b.equal(try c.ioas(), 1, "the first id")
    },
    ConformanceCase("a fresh IOAS is one range with alignment 1", 21) { b in
      let c = try b.context()
      let answer = try c.ranges(try c.ioas())
      b.equal(answer.ranges, [0...UInt64.max], "ranges")
      b.equal(answer.alignment, 1, "alignment")
    },
    ConformanceCase("IOVA_RANGES: reserved field, then the id") { b in
      let c = try b.context()
      let ioas = try c.ioas()
      b.fails(.EOPNOTSUPP) {
        try c.send(.ioasIOVARanges, IOVARangesArgument.self) {
          $0.ioasID = 99
          $0.reserved = 1
        }
      }
      b.fails(.ENOENT) {
        try c.send(.ioasIOVARanges, IOVARangesArgument.self) { $0.ioasID = ioas + 1 }
      }
      b.fails(.EFAULT, "an array that cannot be written") {
        try c.send(.ioasIOVARanges, IOVARangesArgument.self) {
          $0.ioasID = ioas
          $0.count = 1
        }
      }
    },
    ConformanceCase("too small an array is filled, counted and refused", 22, needs: .mock) { b in
      let c = try b.context()
      let (ioas, _) = try c.ioasWithDevice()
      try c.reserve(ioas, 0x2000_0000, 0x1000)
      try c.reserve(ioas, 0x3000_0000, 0x1000)
      for capacity: UInt32 in 0...2 {
        let array = try b.stored([UInt8](repeating: 0xEE, count: 64))
        var argument = IOVARangesArgument {
          $0.ioasID = ioas
          $0.count = capacity
          $0.ranges = capacity == 0 ? 0 : array
        }
        b.fails(.EMSGSIZE, "capacity \(capacity)") {
          try c.send(.ioasIOVARanges, &argument)
        }
        b.equal(argument.count, 3, "total at capacity \(capacity)")
        b.equal(argument.outAlignment, 2048, "alignment at capacity \(capacity)")
        let bytes = try b.kernel.load(array, 64)
        if capacity > 0 {
          b.equal(bytes.little(UInt64.self, at: 0), MockIOMMU.apertureStart, "first start")
          b.equal(bytes.little(UInt64.self, at: 8), 0x1FFF_FFFF, "first last")
        }
        let rest = bytes[(Int(capacity) * 16)...]
        b.holds(rest.allSatisfy { $0 == 0xEE }, "bytes past capacity \(capacity) were written")
      }
    },
    ConformanceCase("capacity 0 with no array asks for the total", 22) { b in
      let c = try b.context()
      var argument = IOVARangesArgument { $0.ioasID = 1 }
      _ = try c.ioas()
      b.fails(.EMSGSIZE) { try c.send(.ioasIOVARanges, &argument) }
      b.equal(argument.count, 1, "total")
    },
    ConformanceCase("ranges ascend between reserved ones", 23, needs: .mock) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      try c.reserve(ioas, 0x9000, 0x1000)
      try c.reserve(ioas, 0x1000, 0x1000)
      try c.reserve(ioas, 0x9800, 0x1000)
      try c.reserve(ioas, .max - 0xFFF, 0x1000)
      b.equal(
        try c.ranges(ioas).ranges, [0...0xFFF, 0x2000...0x8FFF, 0xA800...(.max - 0x1000)], "ranges")
    },
    ConformanceCase("reserving: length 0, wrap, mapping, allow-list", needs: .mock) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      b.fails(.EINVAL) { try c.reserve(ioas, 0x1000, 0) }
      b.fails(.EOVERFLOW) { try c.reserve(ioas, .max, 2) }
      b.fails(.ENOENT) { try c.reserve(ioas + 1, 0, 1) }
      try c.map(ioas, try b.memory(4096), 4096, at: 0x10000)
      b.fails(.EADDRINUSE) { try c.reserve(ioas, 0x10FFF, 1) }
      try c.allow(ioas, [(0x4000_0000, 0x4000_FFFF)])
      b.fails(.EADDRINUSE) { try c.reserve(ioas, 0x4000_FFFF, 1) }
    },
    ConformanceCase(
      "attaching takes the interrupt window, detaching gives it back", 24, needs: .interruptWindow
    ) {
      b in
      let c = try b.context()
      let (device, id) = try b.bound(.interruptWindow, to: c)
      let ioas = try c.ioas()
      let hwpt = try c.hwpt(id, on: ioas)
      let before = try c.ranges(ioas).ranges
      try device.attach(hwpt)
      let during = try c.ranges(ioas).ranges
      b.holds(during.count > before.count, "no window: \(during)")
      try device.detach()
      b.equal(try c.ranges(ioas).ranges, before, "ranges after detach")
    },
    ConformanceCase("replacing within an IOAS keeps the interrupt window", needs: .interruptWindow)
    { b in
      let c = try b.context()
      let (device, id) = try b.bound(.interruptWindow, to: c)
      let ioas = try c.ioas()
      let one = try c.hwpt(id, on: ioas)
      let two = try c.hwpt(id, on: ioas)
      try device.attach(one)
      let during = try c.ranges(ioas).ranges
      try device.attach(two)
      b.equal(try c.ranges(ioas).ranges, during, "ranges")
      let other = try c.ioas()
      try device.attach(other)
      b.equal(try c.ranges(other).ranges, during, "ranges of the other IOAS")
      b.holds(try c.ranges(ioas).ranges.count < during.count, "the first IOAS keeps the window")
    },
    ConformanceCase("a table's aperture limits the ranges while it lives", 25, needs: .mock) { b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      let ioas = try c.ioas()
      let hwpt = try c.hwpt(device.id, on: ioas)
      b.equal(try c.ranges(ioas).ranges, [mockRange], "ranges with a table")
      let second = try c.hwpt(device.id, on: ioas)
      try c.destroy(hwpt)
      b.equal(try c.ranges(ioas).ranges, [mockRange], "ranges with the second")
      try c.destroy(second)
      b.equal(try c.ranges(ioas).ranges, [0...UInt64.max], "ranges without")
    },
    ConformanceCase(
      "a table of a VFIO device limits the ranges while it lives", 25, 26, needs: .vfio
    ) { b in
      let c = try b.context()
      let (_, id) = try b.bound(.vtd, to: c)
      let ioas = try c.ioas()
      let hwpt = try c.hwpt(id, on: ioas)
      b.holds(try c.ranges(ioas).ranges != [0...UInt64.max], "no aperture")
      b.equal(try c.alignment(ioas), 4096, "alignment with a table")
      try c.destroy(hwpt)
      b.equal(try c.ranges(ioas).ranges, [0...UInt64.max], "ranges without")
      b.equal(try c.alignment(ioas), 1, "alignment without")
    },
    ConformanceCase("a table's page raises the alignment while it lives", 26, needs: .mock) { b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      let ioas = try c.ioas()
      let small = try c.hwpt(device.id, on: ioas)
      b.equal(try c.alignment(ioas), 2048, "with pages of 2 KiB")
      let huge = try c.hwpt(device.id, on: ioas, data: .mock(kind: MockTableKind.huge))
      b.equal(try c.alignment(ioas), 4096, "with pages of 4 KiB too")
      try c.destroy(huge)
      b.equal(try c.alignment(ioas), 2048, "with pages of 2 KiB again")
      try c.destroy(small)
      b.equal(try c.alignment(ioas), 1, "without a table")
    },
    ConformanceCase("attaching raises the alignment, detaching lowers it", 26, needs: .vfio) { b in
      let c = try b.context()
      let (device, _) = try b.bound(to: c)
      let ioas = try c.ioas()
      try device.attach(ioas)
      b.equal(try c.alignment(ioas), 4096, "attached")
      try device.detach()
      b.equal(try c.alignment(ioas), 1, "detached")
    },
    ConformanceCase("a user that pins raises the alignment while it lives", 26, needs: .mock) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      let plain = try c.access(ioas)
      b.equal(try c.alignment(ioas), 1, "with a user that copies")
      let pinning = try c.access(ioas, pins: true)
      b.equal(try c.alignment(ioas), 4096, "with a user that pins")
      try b.close(pinning)
      b.equal(try c.alignment(ioas), 1, "after its close")
      _ = plain
    },
    ConformanceCase("alignment cannot rise over a mapping that does not fit", needs: .mock) { b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      let memory = try b.memory(8192)
      for (address, length, iova) in [
        (memory, 100, 0x1000_0000), (memory + 1, 4096, 0x1000_0000), (memory, 4096, 0x1000_0001),
      ] as [(UInt64, UInt64, UInt64)] {
        let ioas = try c.ioas()
        try c.map(ioas, address, length, at: iova)
        b.fails(.EADDRINUSE) { try c.hwpt(device.id, on: ioas) }
        b.fails(.EADDRINUSE) { try c.access(ioas, pins: true) }
        b.equal(try c.alignment(ioas), 1, "alignment after the failure")
      }
    },
    ConformanceCase("ALLOW_IOVAS wants start below last", 27) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      for range: (UInt64, UInt64) in [(0x2000, 0x1000), (0x1000, 0x1000), (0, 0), (.max, .max)] {
        b.fails(.EINVAL, "\(range)") { try c.allow(ioas, [range]) }
      }
      b.works("two bytes") { try c.allow(ioas, [(0x1000, 0x1001)]) }
      b.works("everything") { try c.allow(ioas, [(0, .max)]) }
    },
    ConformanceCase("ALLOW_IOVAS: reserved field, then the id, then the array") { b in
      let c = try b.context()
      let ioas = try c.ioas()
      b.fails(.EOPNOTSUPP) {
        try c.send(.ioasAllowIOVAs, AllowIOVAsArgument.self) {
          $0.ioasID = 99
          $0.reserved = 1
        }
      }
      b.fails(.ENOENT) {
        try c.send(.ioasAllowIOVAs, AllowIOVAsArgument.self) {
          $0.ioasID = 99
          $0.count = 1
        }
      }
      b.fails(.EFAULT) {
        try c.send(.ioasAllowIOVAs, AllowIOVAsArgument.self) {
          $0.ioasID = ioas
          $0.count = 1
        }
      }
    },
    ConformanceCase("overlapping entries fail and keep the old list", 28) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      try c.allow(ioas, [(0x10000, 0x1FFFF)])
      b.fails(.EINVAL) {
        try c.allow(ioas, [(0x40000, 0x4FFFF), (0x4FFFF, 0x50000)])
      }
      b.equal(try c.map(ioas, try b.memory(4096), 4096), 0x10000, "placed in the old list")
    },
    ConformanceCase("entries may touch and come in any order", 28) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      try c.allow(ioas, [(0x50000, 0x5FFFF), (0x40000, 0x4FFFF)])
      b.equal(try c.map(ioas, try b.memory(4096), 4096), 0x40000, "the lowest entry")
    },
    ConformanceCase("a list over a reserved range fails and keeps the old list", 29, needs: .mock) {
      b in
      let c = try b.context()
      let ioas = try c.ioas()
      try c.allow(ioas, [(0x10000, 0x1FFFF)])
      try c.reserve(ioas, 0x20000, 0x1000)
      b.fails(.EADDRINUSE) {
        try c.allow(ioas, [(0x1_0000, 0x2_0000)])
      }
      b.equal(try c.map(ioas, try b.memory(4096), 4096), 0x10000, "placed in the old list")
    },
    ConformanceCase("an empty list lifts the limits", 30) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      try c.allow(ioas, [(0x10000, 0x1FFFF)])
      try c.allow(ioas, [])
      b.equal(try c.map(ioas, try b.memory(4096), 4096), 0x1000, "placed anywhere")
    },
    ConformanceCase("automatic placement stays in the list until it is full", 31) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      let memory = try b.memory(8192)
      try c.allow(ioas, [(0x10000, 0x11FFF), (0x30000, 0x30FFF)])
      b.equal(try c.map(ioas, memory, 4096), 0x10000, "first")
      b.equal(try c.map(ioas, memory, 4096), 0x11000, "second")
      b.equal(try c.map(ioas, memory, 4096), 0x30000, "third")
      b.fails(.ENOSPC) { try c.map(ioas, memory, 4096) }
      try c.unmap(ioas, 0x11000, 4096)
      b.fails(.ENOSPC, "two pages") { try c.map(ioas, memory, 8192) }
      b.equal(try c.map(ioas, memory, 4096), 0x11000, "again")
    },
    ConformanceCase("a list below the first page still leaves out page 0", 31) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      try c.allow(ioas, [(0, 0x1FFF)])
      b.equal(try c.map(ioas, try b.memory(4096), 4096), 0x1000, "placed")
    },
    ConformanceCase("fixed mappings may lie outside the list", 32) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      try c.allow(ioas, [(0x10000, 0x1FFFF)])
      b.equal(try c.map(ioas, try b.memory(4096), 4096, at: 0x9000_0000), 0x9000_0000, "placed")
    },
    ConformanceCase("the list does not change the ranges", 32) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      try c.allow(ioas, [(0x10000, 0x1FFFF)])
      b.equal(try c.ranges(ioas).ranges, [0...UInt64.max], "ranges")
    },
    ConformanceCase("a table that needs an allowed address fails", 33, needs: .mock) { b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      let ioas = try c.ioas()
      try c.allow(ioas, [(0x10000, 0x1FFFF)])
      b.fails(.EADDRINUSE) { try c.hwpt(device.id, on: ioas) }
      b.fails(.EADDRINUSE) { try c.device(on: ioas) }
      b.fails(.EADDRINUSE) { try c.replace(device, with: ioas) }
      c.expect(device, pasid: 0, on: device.hwpt)
      b.equal(try c.ranges(ioas).ranges, [0...UInt64.max], "ranges")
    },
    ConformanceCase("an attach that needs an allowed address fails", 33, needs: .interruptWindow) {
      b in
      let c = try b.context()
      let (device, id) = try b.bound(.interruptWindow, to: c)
      let ioas = try c.ioas()
      let hwpt = try c.hwpt(id, on: ioas)
      try c.allow(ioas, [(0xFEE0_0000, 0xFEE0_0FFF)])
      b.fails(.EADDRINUSE) { try device.attach(hwpt) }
      b.works("the table is free") { try c.destroy(hwpt) }
    },
  ]
}
