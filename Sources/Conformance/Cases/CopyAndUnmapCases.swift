import HostABI

/// IOAS_COPY, IOAS_UNMAP and IOAS_CHANGE_PROCESS.
extension ConformanceSuite {
  private static let wrongCopies:
    [(
      what: String, numbers: [Int], expected: LinuxErrno,
      fill: @Sendable (inout IOASCopyArgument) -> Void
    )] = [
      ("an unknown flag", [34], .EOPNOTSUPP, { $0.flags |= 8 }),
      (
        "an unknown flag before an unknown id", [34], .EOPNOTSUPP,
        {
          $0.flags |= 8
          $0.sourceID = 99
          $0.length = .max
        }
      ),
      ("the largest length", [36], .EOVERFLOW, { $0.length = .max }),
      ("the last address as source", [36], .EOVERFLOW, { $0.sourceIOVA = .max }),
      ("the last address as destination", [36], .EOVERFLOW, { $0.destinationIOVA = .max }),
      (
        "the last address before no access", [36], .EOVERFLOW,
        {
          $0.destinationIOVA = .max
          $0.flags = 0
        }
      ),
      (
        "no access, before an unknown id", [35], .EINVAL,
        {
          $0.flags = 1
          $0.sourceID = 99
        }
      ),
      ("an unknown source", [9], .ENOENT, { $0.sourceID = 99 }),
      ("length 0", [], .EINVAL, { $0.length = 0 }),
      (
        "length 0 before an unknown destination", [], .EINVAL,
        {
          $0.length = 0
          $0.destinationID = 99
        }
      ),
      (
        "a source that wraps", [], .EOVERFLOW,
        {
          $0.sourceIOVA = .max - 0xFFF
          $0.length = 0x2000
        }
      ),
      ("a source that is not mapped", [49], .ENOENT, { $0.sourceIOVA = 0x80000 }),
      ("a source that starts in a gap", [49], .ENOENT, { $0.sourceIOVA = 0xF000 }),
      ("a source across a gap", [49], .ENOENT, { $0.length = 0x5000 }),
      (
        "an unmapped source before an unknown destination", [49], .ENOENT,
        {
          $0.sourceIOVA = 0x80000
          $0.destinationID = 99
        }
      ),
      ("an unknown destination", [9], .ENOENT, { $0.destinationID = 99 }),
      ("a destination that is taken", [37], .EEXIST, { $0.destinationIOVA = 0x70000 }),
      ("a destination that wraps", [37], .EOVERFLOW, { $0.destinationIOVA = .max - 0xFFE }),
      (
        "writing a mapping that is read-only", [51], .EPERM,
        {
          $0.sourceIOVA = 0x20000
          $0.flags = 3
        }
      ),
      (
        "a taken destination before a read-only source", [51], .EEXIST,
        {
          $0.sourceIOVA = 0x20000
          $0.destinationIOVA = 0x70000
        }
      ),
    ]

  private static let wrongUnmaps:
    [(what: String, numbers: [Int], expected: LinuxErrno, iova: UInt64, length: UInt64)] = [
      ("length 0", [56], .EINVAL, 0x10000, 0), ("the largest length", [56], .EOVERFLOW, 1, .max),
      ("the last address", [56], .EOVERFLOW, .max, 1),
      ("a range that wraps", [56], .EOVERFLOW, .max - 1, 3),
      ("an empty range", [55], .ENOENT, 0x80000, 0x1000),
      ("the start of a mapping", [53], .ENOENT, 0x10000, 0x1000),
      ("the end of a mapping", [53], .ENOENT, 0x11000, 0x1000),
      ("the middle of a mapping", [53], .ENOENT, 0x10800, 0x800),
      ("all but the first byte", [53], .ENOENT, 0x10001, 0x1FFF),
      ("all but the last byte", [53], .ENOENT, 0x10000, 0x1FFF),
    ]

  static let copyAndUnmap: [ConformanceCase] =
    wrongCopies.map { row in
      ConformanceCase("COPY fails \(row.expected): \(row.what)", statements: row.numbers, needs: [])
      {
        b in
        let c = try b.context()
        let source = try c.ioas()
        let destination = try c.ioas()
        let memory = try b.memory(0x4000)
        try c.map(source, memory, 0x2000, at: 0x10000)
        try c.map(source, memory, 0x1000, at: 0x14000)
        try c.map(source, memory, 0x1000, .readable, at: 0x20000)
        try c.map(destination, memory, 0x1000, at: 0x70000)
        b.fails(row.expected) {
          try c.send(.ioasCopy, IOASCopyArgument.self) {
            $0.flags = 7
            $0.sourceID = source
            $0.destinationID = destination
            $0.length = 0x1000
            $0.sourceIOVA = 0x10000
            $0.destinationIOVA = 0x40000
            row.fill(&$0)
          }
        }
        b.equal(try c.unmap(destination, 0, .max), 0x1000, "bytes in the destination afterwards")
        b.equal(try c.unmap(source, 0, .max), 0x4000, "bytes in the source afterwards")
      }
    }
    + wrongUnmaps.map { row in
      ConformanceCase(
        "UNMAP fails \(row.expected): \(row.what)", statements: row.numbers, needs: []
      ) {
        b in
        let c = try b.context()
        let ioas = try c.ioas()
        try c.map(ioas, try b.memory(0x2000), 0x2000, at: 0x10000)
        var argument = IOASUnmapArgument {
          $0.ioasID = ioas
          $0.iova = row.iova
          $0.length = row.length
        }
        b.fails(row.expected) { try c.send(.ioasUnmap, &argument) }
        b.equal(argument.length, row.length, "length, which is not written on an error")
        b.equal(try c.unmap(ioas, 0, .max), 0x2000, "bytes mapped afterwards")
      }
    } + copies + unmaps

  private static let copies: [ConformanceCase] = [
    ConformanceCase("COPY takes part of a mapping", 48, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let source = try c.ioas()
      let memory = try b.memory(0x4000)
      try c.map(source, memory, 0x4000, at: 0x10000)
      try c.copy(0x1000, from: source, 0x11000, to: ioas, at: MockIOMMU.apertureStart)
      c.expectMapped(device.hwpt, MockIOMMU.apertureStart, 0x1000, memory + 0x1000)
    },
    ConformanceCase("COPY of adjacent mappings makes mappings of their own", 50, needs: .mock) {
      b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let source = try c.ioas()
      let memory = try b.memory(0x4000)
      try c.map(source, memory, 0x1000, at: 0x10000)
      try c.map(source, memory + 0x2000, 0x2000, at: 0x11000)
      let iova = MockIOMMU.apertureStart
      try c.copy(0x2800, from: source, 0x10000, to: ioas, at: iova)
      c.expectMapped(device.hwpt, iova, 0x1000, memory)
      c.expectMapped(device.hwpt, iova + 0x1000, 0x1800, memory + 0x2000)
      b.equal(try c.unmap(ioas, iova, 0x1000), 0x1000, "the first")
      b.equal(try c.unmap(ioas, iova + 0x1000, 0x1800), 0x1800, "the second")
    },
    ConformanceCase("COPY within one IOAS") { b in
      let c = try b.context()
      let ioas = try c.ioas()
      try c.map(ioas, try b.memory(0x2000), 0x2000, at: 0x10000)
      b.equal(try c.copy(0x1000, from: ioas, 0x11000, to: ioas), 0x1000, "placed")
      b.equal(try c.unmap(ioas, 0, .max), 0x3000, "bytes mapped")
    },
    ConformanceCase("COPY is placed by the source's address", 43) { b in
      let c = try b.context()
      let source = try c.ioas()
      let memory = try b.memory(0x20000)
      let aligned = (memory + 0xFFFF) & ~0xFFFF
      try c.map(source, aligned, 0x8000, at: 0x40000)
      let destination = try c.ioas()
      b.equal(try c.copy(0x3000, from: source, 0x42000, to: destination), 0x2000, "offset 0x2000")
      b.equal(try c.copy(0x4000, from: source, 0x44000, to: destination), 0x8000, "offset 0x4000")
    },
    ConformanceCase("READABLE is not checked against the source", 51) { b in
      let c = try b.context()
      let source = try c.ioas()
      try c.map(source, try b.memory(4096), 4096, .writeable, at: 0x10000)
      b.works {
        try c.copy(4096, from: source, 0x10000, to: source, .readable)
      }
    },
    ConformanceCase("a read-only copy may not be copied for writing, a writable mapping may") { b in
      let c = try b.context()
      let ioas = try c.ioas()
      try c.map(ioas, try b.memory(4096), 4096, at: 0x10000)
      try c.copy(4096, from: ioas, 0x10000, to: ioas, .readable, at: 0x20000)
      b.works("the pages are writable") {
        try c.copy(4096, from: ioas, 0x20000, to: ioas, .writeable, at: 0x30000)
      }
    },
    ConformanceCase("a copy outlives its source", 52, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let source = try c.ioas()
      let memory = try b.memory(0x2000)
      try c.map(source, memory, 0x2000, at: 0x10000)
      let iova = try c.copy(0x2000, from: source, 0x10000, to: ioas)
      try c.unmap(source, 0x10000, 0x2000)
      c.expectMapped(device.hwpt, iova, 0x2000, memory)
      try c.destroy(source)
      c.expectMapped(device.hwpt, iova, 0x2000, memory)
    },
    ConformanceCase("COPY to a table of bad memory fails EFAULT and leaves nothing", needs: .mock) {
      b in
      let c = try b.context()
      let (ioas, _) = try c.ioasWithDevice()
      let source = try c.ioas()
      let memory = try b.memory(4096)
      try c.map(source, memory, 4096, at: 0x10000)
      try c.map(source, try b.hole(), 4096, at: 0x11000)
      b.fails(.EFAULT) {
        try c.copy(0x2000, from: source, 0x10000, to: ioas)
      }
      b.equal(try c.unmap(ioas, 0, .max), 0, "bytes in the destination")
    },
  ]

  private static let unmaps: [ConformanceCase] = [
    ConformanceCase("UNMAP keeps what it removed before a mapping it may not split", 54) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      let memory = try b.memory(0x4000)
      for iova: UInt64 in [0x10000, 0x12000, 0x14000] { try c.map(ioas, memory, 0x2000, at: iova) }
      b.fails(.ENOENT) { try c.unmap(ioas, 0x10000, 0x5000) }
      b.equal(try c.unmap(ioas, 0, .max), 0x2000, "bytes left")
    },
    ConformanceCase("UNMAP removes several mappings and skips gaps", 55) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      let memory = try b.memory(0x4000)
      for iova: UInt64 in [0x10000, 0x14000, 0x20000] { try c.map(ioas, memory, 0x2000, at: iova) }
      b.equal(try c.unmap(ioas, 0x8000, 0x10000), 0x4000, "bytes unmapped")
      b.equal(try c.unmap(ioas, 0x20000, 0x2000), 0x2000, "the third")
    },
    ConformanceCase("UNMAP of everything", 55) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      b.equal(try c.unmap(ioas, 0, .max), 0, "of nothing")
      try c.map(ioas, try b.memory(0x2000), 0x2000)
      try c.map(ioas, try b.memory(0x2000), 0x1000, at: .max - 0x1FFF)
      b.equal(try c.unmap(ioas, 0, .max), 0x3000, "of two")
      b.fails(.ENOENT, "all but the last byte") {
        try c.unmap(ioas, 0, .max - 1)
      }
    },
    ConformanceCase("UNMAP of an unknown id fails ENOENT first", 56) { b in
      let c = try b.context()
      b.fails(.ENOENT) { try c.unmap(7, .max, 0) }
    },
    ConformanceCase("a user gives its pins back on UNMAP", needs: .mock) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      let memory = try b.memory(0x4000)
      let access = try c.access(ioas, pins: true)
      let iova = try c.map(ioas, memory, 0x4000)
      try c.mock(MockPinArgument.self) {
        $0.id = UInt32(bitPattern: access)
        $0.iova = iova
        $0.length = 0x2000
        $0.address = memory
      }
      b.equal(try c.unmap(ioas, iova, 0x4000), 0x4000, "bytes unmapped")
      b.fails(.ENOENT, "the pin") {
        try c.mock(MockUnpinArgument.self) { $0.id = UInt32(bitPattern: access) }
      }
    },
    ConformanceCase("UNMAP of a hardware queue's memory fails EBUSY", 57, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let viommu = try c.viommu(device.id, on: try c.hwpt(device.id, on: ioas, .nestParent))
      let iova = try c.map(ioas, try b.memory(4096), 4096)
      let queue = try c.hwQueue(viommu, 0, iova, 4096)
      b.fails(.EBUSY) { try c.unmap(ioas, iova, 4096) }
      b.fails(.EBUSY) { try c.unmap(ioas, 0, .max) }
      b.fails(.EBUSY, "part of it") { try c.unmap(ioas, iova, 2048) }
      try c.destroy(queue)
      b.equal(try c.unmap(ioas, iova, 4096), 4096, "bytes unmapped")
    },
    ConformanceCase("CHANGE_PROCESS refuses user memory", 58) { b in
      let c = try b.context()
      b.works("an empty context") {
        try c.send(.ioasChangeProcess, ChangeProcessArgument.self) { _ in }
      }
      b.fails(.EOPNOTSUPP) {
        try c.send(.ioasChangeProcess, ChangeProcessArgument.self) { $0.reserved = 1 }
      }
      let ioas = try c.ioas()
      try c.map(ioas, file: try b.memoryFile(4096), 4096)
      b.works("a file") {
        try c.send(.ioasChangeProcess, ChangeProcessArgument.self) { _ in }
      }
      try c.map(ioas, try b.memory(4096), 4096)
      b.fails(.EINVAL) {
        try c.send(.ioasChangeProcess, ChangeProcessArgument.self) { _ in }
      }
    },
  ]
}
