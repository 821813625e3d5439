import HostABI

/// IOAS_MAP and IOAS_MAP_FILE.
extension ConformanceSuite {
  /// What is wrong with a MAP on an IOAS with alignment 1 that has a mapping at 0x10000 of 0x2000.
  private static let wrongMaps:
    [(
      what: String, numbers: [Int], expected: LinuxErrno,
      fill: @Sendable (inout IOASMapArgument) -> Void
    )] = [
      ("an unknown flag", [34], .EOPNOTSUPP, { $0.flags = 8 | 7 }),
      ("a high unknown flag", [34], .EOPNOTSUPP, { $0.flags = 0x8000_0007 }),
      ("the reserved field", [34], .EOPNOTSUPP, { $0.reserved = 1 }),
      (
        "an unknown flag before everything else", [34], .EOPNOTSUPP,
        {
          $0.flags = 8
          $0.iova = .max
          $0.ioasID = 99
        }
      ),
      ("no access", [35], .EINVAL, { $0.flags = 1 }),
      (
        "no access before the id", [35], .EINVAL,
        {
          $0.flags = 0
          $0.ioasID = 99
        }
      ),
      ("the last address as IOVA", [36], .EOVERFLOW, { $0.iova = .max }),
      ("the largest length", [36], .EOVERFLOW, { $0.length = .max }),
      (
        "the last address before no access", [36], .EOVERFLOW,
        {
          $0.iova = .max
          $0.flags = 0
        }
      ),
      (
        "the last address as IOVA, though not fixed", [36], .EOVERFLOW,
        {
          $0.iova = .max
          $0.flags = 6
        }
      ),
      ("an unknown id", [9], .ENOENT, { $0.ioasID = 99 }),
      (
        "an unknown id before length 0", [9], .ENOENT,
        {
          $0.ioasID = 99
          $0.length = 0
        }
      ),
      ("memory that wraps", [36], .EOVERFLOW, { $0.userAddress = .max - 0xFFE }),
      ("length 0", [36], .EINVAL, { $0.length = 0 }),
      ("length near the largest", [36], .EOVERFLOW, { $0.length = .max - 1 }),
      (
        "length near the largest at address 0", [36], .EINVAL,
        {
          $0.length = .max - 1
          $0.userAddress = 0
        }
      ),
      ("the same place", [37], .EEXIST, { $0.iova = 0x10000 }),
      ("an overlap at the end", [37], .EEXIST, { $0.iova = 0x11FFF }),
      ("an overlap at the start", [37], .EEXIST, { $0.iova = 0xF001 }),
      (
        "an overlap around", [37], .EEXIST,
        {
          $0.iova = 0xF000
          $0.length = 0x4000
        }
      ),
      ("an IOVA that wraps", [37], .EOVERFLOW, { $0.iova = .max - 0xFFE }),
      (
        "automatic placement of half the space", [], .EOVERFLOW,
        {
          $0.flags = 6
          $0.length = 1 << 63
          $0.userAddress = 0
        }
      ),
    ]

  static let mapTable: [ConformanceCase] = wrongMaps.map { row in
    ConformanceCase("MAP fails \(row.expected): \(row.what)", statements: row.numbers, needs: []) {
      b in
      let c = try b.context()
      let ioas = try c.ioas()
      let memory = try b.memory(0x4000)
      try c.map(ioas, memory, 0x2000, at: 0x10000)
      b.fails(row.expected) {
        try c.send(.ioasMap, IOASMapArgument.self) {
          $0.flags = 7
          $0.ioasID = ioas
          $0.userAddress = memory
          $0.length = 0x1000
          $0.iova = 0x20000
          row.fill(&$0)
        }
      }
      b.equal(try c.unmap(ioas, 0, .max), 0x2000, "bytes mapped afterwards")
    }
  }

  static let mapping: [ConformanceCase] = [
    ConformanceCase(
      "a fixed mapping on reserved or misaligned addresses fails EINVAL", 37, needs: .mock
    ) { b in
      let c = try b.context()
      let (ioas, _) = try c.ioasWithDevice()
      let memory = try b.memory(0x4000)
      let start = MockIOMMU.apertureStart
      for (what, iova, length) in [
        ("below the aperture", start - 2048, 2048), ("across its start", start - 2048, 4096),
        ("above the aperture", MockIOMMU.apertureLast + 1, 2048),
        ("across its end", MockIOMMU.apertureLast - 2047, 4096),
        ("misaligned IOVA", start + 1024, 2048), ("misaligned length", start, 1024),
        ("misaligned length above a page", start, 3072),
      ] as [(String, UInt64, UInt64)] {
        b.fails(.EINVAL, what) {
          try c.map(ioas, memory, length, at: iova)
        }
      }
      try c.map(ioas, memory, 2048, at: MockIOMMU.apertureLast - 2047)
      try c.map(ioas, memory, 2048, at: start)
    },
    ConformanceCase("a wrapping IOVA fails EOVERFLOW before it is reserved", 37, needs: .mock) {
      b in
      let c = try b.context()
      let (ioas, _) = try c.ioasWithDevice()
      let memory = try b.memory(0x4000)
      b.fails(.EOVERFLOW) {
        try c.map(ioas, memory, 0x4000, at: .max - 0xFFF)
      }
    },
    ConformanceCase("user_va's offset in its page must be aligned", 38, needs: .mock) { b in
      let c = try b.context()
      let (ioas, _) = try c.ioasWithDevice()
      let memory = try b.memory(0x4000)
      for offset: UInt64 in [1, 512, 1024, 3072] {
        b.fails(.EINVAL, "fixed, offset \(offset)") {
          try c.map(ioas, memory + offset, 2048, at: MockIOMMU.apertureStart)
        }
        b.fails(.EINVAL, "automatic, offset \(offset)") {
          try c.map(ioas, memory + offset, 2048)
        }
      }
      try c.map(ioas, memory + 2048, 2048, at: MockIOMMU.apertureStart)
      b.equal(try c.unmap(ioas, 0, .max), 2048, "bytes mapped afterwards")
    },
    ConformanceCase("an IOVA that is taken counts before a bad user_va offset", needs: .mock) { b in
      let c = try b.context()
      let (ioas, _) = try c.ioasWithDevice()
      let memory = try b.memory(0x4000)
      try c.map(ioas, memory, 2048, at: MockIOMMU.apertureStart)
      b.fails(.EEXIST) {
        try c.map(ioas, memory + 1, 2048, at: MockIOMMU.apertureStart)
      }
    },
    ConformanceCase("without a table, mapping is lazy", 39, needs: .mock) { b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      let ioas = try c.ioas()
      let hole = try b.hole()
      let iova = MockIOMMU.apertureStart
      try c.map(ioas, hole, 4096, at: iova)
      b.fails(.EFAULT, "HWPT_ALLOC") { try c.hwpt(device.id, on: ioas) }
      b.fails(.EFAULT, "attach") { try c.device(on: ioas) }
      b.equal(try c.ranges(ioas).ranges, [0...UInt64.max], "ranges after the failures")
      b.equal(try c.unmap(ioas, iova, 4096), 4096, "bytes unmapped")
      b.works { try c.hwpt(device.id, on: ioas) }
    },
    ConformanceCase(
      "a first table takes mappings from the lowest address up", 39, needs: .mock
    ) { b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      let (hole, start) = (try b.hole(), MockIOMMU.apertureStart)
      // The context's own file has no pages for devices.
      for (file, memory, expected) in [
        (start, start + 4096, LinuxErrno.EINVAL), (start + 4096, start, .EFAULT),
      ] {
        let ioas = try c.ioas()
        try c.map(ioas, file: c.descriptor, 4096, at: file)
        try c.map(ioas, hole, 4096, at: memory)
        b.fails(expected) { try c.hwpt(device.id, on: ioas) }
      }
    },
    ConformanceCase("without a table, mapping is lazy for a VFIO device too", 39, needs: .vfio) {
      b in
      let c = try b.context()
      let (device, id) = try b.bound(to: c)
      let ioas = try c.ioas()
      try c.map(ioas, try b.hole(), 4096, at: 0x10000)
      b.fails(.EFAULT) { try c.hwpt(id, on: ioas) }
      b.fails(.EFAULT) { try device.attach(ioas) }
      b.equal(try c.ranges(ioas).ranges, [0...UInt64.max], "ranges after the failures")
    },
    ConformanceCase("with a table, memory that is not there fails EFAULT", 40, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let hole = try b.hole()
      b.fails(.EFAULT) { try c.map(ioas, hole, 4096) }
      let pages = try b.memory(8192)
      try b.kernel.protect(pages + 4096, 4096, [])
      b.fails(.EFAULT, "the second page") {
        try c.map(ioas, pages, 8192, at: MockIOMMU.apertureStart)
      }
      c.expectUnmapped(device.hwpt, MockIOMMU.apertureStart, pages)
      b.equal(try c.unmap(ioas, 0, .max), 0, "bytes mapped afterwards")
    },
    ConformanceCase(
      "with a table, memory up to the last page of all fails EOVERFLOW", 40, needs: .mock
    ) { b in
      let c = try b.context()
      let (ioas, _) = try c.ioasWithDevice()
      let lastPage = 0 &- 4096 as UInt64
      b.fails(.EOVERFLOW, "half of the last page") { try c.map(ioas, lastPage, 2048) }
      b.fails(.EOVERFLOW, "a page and half of the last one") {
        try c.map(ioas, lastPage - 4096, 6144)
      }
      b.fails(.EFAULT, "the page before") { try c.map(ioas, lastPage - 4096, 4096) }
      b.equal(try c.unmap(ioas, 0, .max), 0, "bytes mapped afterwards")
    },
    ConformanceCase(
      "with a table of a VFIO device, memory that is not there fails EFAULT", 40, 41, needs: .vfio
    ) { b in
      let c = try b.context()
      let (_, id) = try b.bound(to: c)
      let ioas = try c.ioas()
      _ = try c.hwpt(id, on: ioas)
      let hole = try b.hole()
      b.fails(.EFAULT) { try c.map(ioas, hole, 4096) }
      let readOnly = try b.memory(4096, .read)
      b.fails(.EFAULT) { try c.map(ioas, readOnly, 4096, .writeable) }
      b.equal(try c.unmap(ioas, 0, .max), 0, "bytes mapped afterwards")
    },
    ConformanceCase(
      "writing to read-only memory fails EFAULT when there is a table", 41, needs: .mock
    ) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let readOnly = try b.memory(4096, .read)
      for flags: MapFlags in [.writeable, [.readable, .writeable]] {
        b.fails(.EFAULT) { try c.map(ioas, readOnly, 4096, flags) }
      }
      let iova = try c.map(ioas, readOnly, 4096, .readable)
      c.expectMapped(device.hwpt, iova, 4096, readOnly)
      let lazy = try c.ioas()
      b.works("without a table") { try c.map(lazy, readOnly, 4096) }
    },
    ConformanceCase("memory that cannot be read cannot be mapped", needs: .mock) { b in
      let c = try b.context()
      let (ioas, _) = try c.ioasWithDevice()
      let pages = try b.memory(4096)
      try b.kernel.protect(pages, 4096, [])
      for flags: MapFlags in [.readable, .writeable] {
        b.fails(.EFAULT) { try c.map(ioas, pages, 4096, flags) }
      }
    },
    ConformanceCase("more than the memory-lock limit fails ENOMEM", 42, needs: .memoryLimit) { b in
      let c = try b.context()
      let (ioas, _) = try c.ioasWithDevice()
      let memory = try b.memory(1 << 24)
      b.fails(.ENOMEM) { try c.map(ioas, memory, 1 << 24) }
      b.equal(try c.unmap(ioas, 0, .max), 0, "bytes mapped afterwards")
    },
    ConformanceCase("placement starts at 0x1000 and goes up", 43) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      let memory = try b.memory(0x4000)
      b.equal(try c.map(ioas, memory, 4096), 0x1000, "first")
      b.equal(try c.map(ioas, memory, 4096), 0x2000, "second")
      b.equal(try c.map(ioas, memory, 4096), 0x3000, "third")
      try c.unmap(ioas, 0x2000, 4096)
      b.equal(try c.map(ioas, memory, 4096), 0x2000, "the hole")
      b.equal(try c.map(ioas, memory, 4096), 0x4000, "after it")
    },
    ConformanceCase("placement starts at the aperture", 43, needs: .mock) { b in
      let c = try b.context()
      let (ioas, _) = try c.ioasWithDevice()
      let memory = try b.memory(0x4000)
      b.equal(try c.map(ioas, memory, 4096), MockIOMMU.apertureStart, "first")
      b.equal(try c.map(ioas, memory, 4096), MockIOMMU.apertureStart + 4096, "second")
    },
    ConformanceCase("placement keeps the offset in the page", 44) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      let memory = try b.memory(0x4000)
      b.equal(try c.map(ioas, memory + 0x234, 100), 0x1234, "first")
      b.equal(try c.map(ioas, memory + 0x234, 100), 0x129C | 0x234, "second")
    },
    ConformanceCase("placement aligns to the length and the address", 43) { b in
      let c = try b.context()
      let memory = try b.memory(1 << 20)
      // The lowest address from `memory` on that is a multiple of 64 KiB.
      let aligned = (memory + 0xFFFF) & ~0xFFFF
      // (address, length, first place, second place)
      let rows: [(UInt64, UInt64, UInt64, UInt64)] = [
        (aligned, 0x3000, 0x4000, 0x8000), (aligned, 0x10000, 0x10000, 0x20000),
        (aligned + 0x1000, 0x3000, 0x1000, 0x4000), (aligned + 0x2000, 0x3000, 0x2000, 0x6000),
        (aligned, 0x1800, 0x2000, 0x4000),
      ]
      for (address, length, first, second) in rows {
        let ioas = try c.ioas()
        b.equal(try c.map(ioas, address, length), first, "\(hex(length)) at \(hex(address))")
        b.equal(try c.map(ioas, address, length), second, "the second of \(hex(length))")
      }
    },
    ConformanceCase("placement of address 0 aligns to the length alone") { b in
      let c = try b.context()
      let ioas = try c.ioas()
      b.equal(try c.map(ioas, 0, 0x3000), 0x4000, "three pages")
      b.equal(try c.map(ioas, 0, 0x40_0000), 0x20_0000, "4 MiB, aligned to 2 MiB at most")
    },
    ConformanceCase("placement needs the alignment of the IOAS", needs: .mock) { b in
      let c = try b.context()
      let (ioas, _) = try c.ioasWithDevice()
      let memory = try b.memory(0x4000)
      b.equal(try c.map(ioas, memory + 2048, 2048), MockIOMMU.apertureStart + 2048, "half a page")
      b.equal(try c.map(ioas, memory, 2048), MockIOMMU.apertureStart, "the half below")
    },
    ConformanceCase("an early mapping is in a later table", 45, needs: .mock) { b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      let ioas = try c.ioas()
      let memory = try b.memory(0x4000)
      try c.map(ioas, memory, 0x4000, at: MockIOMMU.apertureStart)
      let hwpt = try c.hwpt(device.id, on: ioas)
      c.expectMapped(hwpt, MockIOMMU.apertureStart, 0x4000, memory)
    },
    ConformanceCase("a mapping is in every table of its IOAS", 46, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let second = try c.hwpt(device.id, on: ioas, .nestParent)
      let memory = try b.memory(0x4000)
      let iova = try c.map(ioas, memory, 0x4000)
      for hwpt in [device.hwpt, second] { c.expectMapped(hwpt, iova, 0x4000, memory) }
      try c.unmap(ioas, iova, 0x4000)
      for hwpt in [device.hwpt, second] { c.expectUnmapped(hwpt, iova, memory) }
    },
    ConformanceCase("mapped memory outlives its unmapping by the caller", needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let memory = try b.memory(4096)
      let iova = try c.map(ioas, memory, 4096)
      try b.release(memory)
      b.fails(.EFAULT) { try c.checkMap(device.hwpt, iova, 4096, memory) }
      b.equal(try c.unmap(ioas, iova, 4096), 4096, "bytes unmapped")
    },
    ConformanceCase("a piece of a mapping at half-page offsets translates", needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let memory = try b.memory(0x4000)
      let iova = MockIOMMU.apertureStart
      try c.map(ioas, memory + 2048, 0x2000, at: iova)
      c.expectMapped(device.hwpt, iova, 0x2000, memory + 2048)
      try c.map(ioas, memory + 2048, 0x800, at: iova + 0x4000)
      c.expectMapped(device.hwpt, iova + 0x4000, 0x800, memory + 2048)
      b.fails(.EINVAL, "past its end") {
        try c.checkMap(device.hwpt, iova + 0x4800, 0x800, memory + 0x1000)
      }
    },
    ConformanceCase("MAP_FILE: bad descriptor, length 0, wrapping offset", 47) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      let file = try b.memoryFile(8192)
      b.fails(.EBADF) { try c.map(ioas, file: -1, 4096) }
      b.fails(.EBADF) { try c.map(ioas, file: 9999, 4096) }
      b.fails(.EINVAL) { try c.map(ioas, file: file, 0) }
      b.fails(.EOVERFLOW) {
        try c.map(ioas, file: file, start: .max - 0xFFE, 4096)
      }
      b.fails(.EINVAL, "a length near the largest") {
        try c.map(ioas, file: file, .max - 0xFFF)
      }
      b.works("the last byte there can be, lazily") {
        try c.map(ioas, file: file, start: .max, 1)
      }
      b.fails(.EINVAL, "length 0 before the descriptor") {
        try c.map(ioas, file: -1, 0)
      }
      b.fails(.ENOENT, "the id before the descriptor") {
        try c.map(99, file: -1, 4096)
      }
      b.fails(.EINVAL, "no access") {
        try c.map(ioas, file: file, 4096, [])
      }
      b.fails(.EOPNOTSUPP, "an unknown flag") {
        try c.map(ioas, file: file, 4096, MapFlags(rawValue: 12))
      }
      b.fails(.EOVERFLOW, "the last address") {
        try c.map(ioas, file: file, 4096, at: .max)
      }
    },
    ConformanceCase("MAP_FILE places by the file offset", 43) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      let file = try b.memoryFile(0x10000)
      b.equal(try c.map(ioas, file: file, start: 0x1000, 0x1000), 0x1000, "offset 0x1000")
      b.equal(try c.map(ioas, file: file, start: 0x2080, 0x100), 0x2080, "offset 0x2080")
      b.equal(try c.map(ioas, file: file, start: 0, 0x4000), 0x4000, "offset 0")
    },
    ConformanceCase(
      "MAP_FILE beyond the file, or of another kind of file, is lazy", 47, needs: .mock
    ) { b in
      let c = try b.context()
      let (ioas, _) = try c.ioasWithDevice()
      let file = try b.memoryFile(8192)
      let counter = try b.eventCounter()
      let lazy = try c.ioas()
      b.works("beyond, lazily") {
        try c.map(lazy, file: file, start: 8192, 4096)
      }
      b.works("an eventfd, lazily") {
        try c.map(lazy, file: counter, 4096)
      }
      b.fails(.EINVAL) { try c.map(ioas, file: file, start: 8192, 4096) }
      b.fails(.EINVAL) { try c.map(ioas, file: counter, 4096) }
    },
    ConformanceCase("MAP_FILE maps the file's pages", needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let file = try b.memoryFile(0x4000)
      let window = try b.kernel.map(file, offset: 0, 0x4000, [.read, .write])
      let iova = try c.map(ioas, file: file, start: 0x1000, 0x2000)
      c.expectMapped(device.hwpt, iova, 0x2000, window + 0x1000)
      try b.kernel.release(window, 0x4000)
    },
  ]
}
