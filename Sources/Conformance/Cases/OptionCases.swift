import HostABI

/// OPTION, VFIO_IOAS, and the container's requests on a context.
extension ConformanceSuite {
  static let options: [ConformanceCase] = [
    ConformanceCase("RLIMIT_MODE is set only on an empty context", 59, needs: .privileged) { b in
      let c = try b.context()
      b.equal(try c.getOption(0), 0, "default")
      b.works { try c.setOption(0, to: 1) }
      b.equal(try c.getOption(0), 1, "after setting 1")
      b.fails(.EINVAL) { try c.setOption(0, to: 2) }
      b.fails(.EINVAL) { try c.setOption(0, to: .max) }
      b.equal(try c.getOption(0), 1, "after a refusal")
      let ioas = try c.ioas()
      b.fails(.EBUSY) { try c.setOption(0, to: 0) }
      b.fails(.EBUSY, "busy before the value") {
        try c.setOption(0, to: 2)
      }
      b.equal(try c.getOption(0), 1, "reading is allowed")
      try c.destroy(ioas)
      b.works { try c.setOption(0, to: 0) }
    },
    ConformanceCase("RLIMIT_MODE needs the sys-resource capability", 59, needs: .unprivileged) {
      b in
      let c = try b.context()
      b.fails(.EPERM) { try c.setOption(0, to: 1) }
    },
    ConformanceCase("RLIMIT_MODE belongs to no object", 62) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      b.fails(.EOPNOTSUPP) { try c.getOption(0, of: ioas) }
      b.fails(.EOPNOTSUPP) { try c.setOption(0, of: 99, to: 0) }
    },
    ConformanceCase("HUGE_PAGES moves the alignment", 60) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      b.equal(try c.getOption(1, of: ioas), 1, "default")
      try c.setOption(1, of: ioas, to: 0)
      b.equal(try c.getOption(1, of: ioas), 0, "off")
      b.equal(try c.alignment(ioas), 4096, "alignment when off")
      b.works("again") { try c.setOption(1, of: ioas, to: 0) }
      try c.setOption(1, of: ioas, to: 1)
      b.equal(try c.alignment(ioas), 1, "alignment when on")
      b.fails(.EINVAL) { try c.setOption(1, of: ioas, to: 2) }
    },
    ConformanceCase("HUGE_PAGES cannot go off over a mapping that does not fit", 60) { b in
      let c = try b.context()
      let memory = try b.memory(8192)
      for (address, length, iova) in [
        (memory, 100, 0x10000), (memory + 16, 4096, 0x10000), (memory, 4096, 0x10010),
      ] as [(UInt64, UInt64, UInt64)] {
        let ioas = try c.ioas()
        try c.map(ioas, address, length, at: iova)
        b.fails(.EADDRINUSE) { try c.setOption(1, of: ioas, to: 0) }
        b.equal(try c.getOption(1, of: ioas), 1, "after the refusal")
        b.equal(try c.alignment(ioas), 1, "alignment after the refusal")
      }
      let ioas = try c.ioas()
      try c.map(ioas, memory, 4096, at: 0x10000)
      b.works("a mapping that fits") {
        try c.setOption(1, of: ioas, to: 0)
      }
    },
    ConformanceCase("HUGE_PAGES cannot go off under a table with a mapping", 61, needs: .mock) {
      b in
      let c = try b.context()
      let (ioas, _) = try c.ioasWithDevice()
      try c.map(ioas, try b.memory(4096), 4096)
      b.fails(.EINVAL) { try c.setOption(1, of: ioas, to: 0) }
      b.works("setting what is set") {
        try c.setOption(1, of: ioas, to: 1)
      }
      try c.unmap(ioas, 0, .max)
      b.works("without a mapping") { try c.setOption(1, of: ioas, to: 0) }
      try c.map(ioas, try b.memory(4096), 4096)
      b.works("repeating it") { try c.setOption(1, of: ioas, to: 0) }
      b.works("back on") { try c.setOption(1, of: ioas, to: 1) }
    },
    ConformanceCase("HUGE_PAGES with a VFIO device's table and a mapping", 61, needs: .vfio) { b in
      let c = try b.context()
      let (_, id) = try b.bound(to: c)
      let ioas = try c.ioas()
      _ = try c.hwpt(id, on: ioas)
      try c.map(ioas, try b.memory(4096), 4096)
      b.fails(.EINVAL) { try c.setOption(1, of: ioas, to: 0) }
    },
    ConformanceCase("OPTION: unknown option, operation, reserved field, id", 62) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      let rows: [(UInt32, UInt16, UInt16, UInt32, LinuxErrno)] = [
        (2, 0, 0, 0, .EOPNOTSUPP), (.max, 1, 0, 0, .EOPNOTSUPP), (0, 2, 0, 0, .EOPNOTSUPP),
        (1, 2, 0, ioas, .EOPNOTSUPP), (1, 2, 0, 99, .ENOENT), (0, 1, 1, 0, .EOPNOTSUPP),
        (1, 1, 0xFFFF, ioas, .EOPNOTSUPP), (1, 1, 0, 0, .ENOENT), (1, 0, 0, 99, .ENOENT),
        (2, 2, 0, 99, .EOPNOTSUPP),
      ]
      for (option, operation, reserved, id, expected) in rows {
        b.fails(expected) {
          try c.send(.option, OptionArgument.self) {
            $0.optionID = option
            $0.operation = operation
            $0.reserved = reserved
            $0.objectID = id
          }
        }
      }
    },
    ConformanceCase("VFIO_IOAS gets, sets and clears", 63) { b in
      let c = try b.context()
      b.fails(.ENODEV) { try c.compatIOAS(0) }
      b.works("clearing nothing") { try c.compatIOAS(2) }
      let ioas = try c.ioas()
      b.fails(.ENOENT) { try c.compatIOAS(1, 99) }
      try c.compatIOAS(1, ioas)
      b.equal(try c.compatIOAS(0), ioas, "the set one")
      let other = try c.ioas()
      try c.compatIOAS(1, other)
      b.equal(try c.compatIOAS(0), other, "the other")
      try c.compatIOAS(2, 99)
      b.fails(.ENODEV) { try c.compatIOAS(0) }
      try c.compatIOAS(1, ioas)
      b.works("the pointer is no use") { try c.destroy(ioas) }
      b.fails(.ENODEV) { try c.compatIOAS(0) }
    },
    ConformanceCase("VFIO_IOAS: reserved field and operation") { b in
      let c = try b.context()
      b.fails(.EOPNOTSUPP) { try c.compatIOAS(3) }
      b.fails(.EOPNOTSUPP) {
        try c.send(.vfioIOAS, VFIOIOASArgument.self) {
          $0.operation = 2
          $0.reserved = 1
        }
      }
    },
    ConformanceCase("the container's questions") { b in
      let c = try b.context()
      func ask(_ request: VFIOContainerRequest, _ value: UInt64) throws(LinuxErrno) -> Int32 {
        b.lastRequest = "\(request) \(value)"
        return try b.kernel.ioctl(c.descriptor, request.rawValue, value)
      }
      b.equal(try ask(.getAPIVersion, 0), 0, "version")
      for type: UInt64 in [1, 3, 9] {
        b.equal(try ask(.checkExtension, type), 1, "extension \(type)")
      }
      for type: UInt64 in [0, 2, 5, 6, 10, 77] {
        b.equal(try ask(.checkExtension, type), 0, "extension \(type)")
      }
      b.fails(.ENODEV, "coherency without an IOAS") {
        try ask(.checkExtension, 4)
      }
      b.fails(.ENODEV, "type 1 without an IOAS") { try ask(.setIOMMU, 1) }
      b.fails(.EINVAL, "another type") { try ask(.setIOMMU, 7) }
      let ioas = try c.ioas()
      try c.compatIOAS(1, ioas)
      b.equal(try ask(.checkExtension, 4), 1, "coherency without a table")
      b.equal(try ask(.setIOMMU, 3), 0, "type 3")
      b.equal(try c.getOption(1, of: ioas), 1, "large pages after type 3")
      b.equal(try ask(.setIOMMU, 1), 0, "type 1")
      b.equal(try c.getOption(1, of: ioas), 0, "large pages after type 1")
    },
    ConformanceCase("the container maps and unmaps") { b in
      let c = try b.context()
      let ioas = try c.ioas()
      try c.compatIOAS(1, ioas)
      let memory = try b.memory(0x4000)
      var map = ContainerMapArgument {
        $0.flags = 3
        $0.userAddress = memory
        $0.iova = 0x10000
        $0.byteCount = 0x2000
      }
      func perform<A: WireStructure>(
        _ request: VFIOContainerRequest, _ argument: inout A
      ) throws(LinuxErrno) {
        b.lastRequest = "\(request) \(argument)"
        _ = try b.kernel.perform(request.rawValue, on: c.descriptor, &argument)
      }
      try perform(.mapDMA, &map)
      b.fails(.EEXIST) { try perform(.mapDMA, &map) }
      map.flags = 4
      b.fails(.EINVAL) { try perform(.mapDMA, &map) }
      map.flags = 3
      map.argumentSize = 31
      b.fails(.EINVAL) { try perform(.mapDMA, &map) }
      var unmap = ContainerUnmapArgument {
        $0.iova = 0x80000
        $0.byteCount = 0x1000
      }
      try perform(.unmapDMA, &unmap)
      b.equal(unmap.byteCount, 0, "bytes of an empty range")
      unmap.flags = 1
      b.fails(.EINVAL, "a dirty bitmap") { try perform(.unmapDMA, &unmap) }
      unmap = ContainerUnmapArgument {
        $0.flags = 2
        $0.iova = 1
      }
      b.fails(.EINVAL, "all, from 1") { try perform(.unmapDMA, &unmap) }
      unmap.iova = 0
      try perform(.unmapDMA, &unmap)
      b.equal(unmap.byteCount, 0x2000, "bytes of all")
    },
  ]
}
