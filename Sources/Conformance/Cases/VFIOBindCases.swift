import HostABI

/// VFIO devices before, at and after BIND.
extension ConformanceSuite {
  static let vfioBinding: [ConformanceCase] = [
    ConformanceCase("before bind everything but BIND fails EINVAL", 107, needs: .vfio) { b in
      let device = try b.device()
      let argument = try b.stored(UInt32(64).littleEndianBytes + [UInt8](repeating: 0, count: 60))
      for request in VFIODeviceRequest.allCases where request != .bindIOMMUFD {
        b.fails(.EINVAL, request.name) {
          try b.kernel.ioctl(device.descriptor, request.number, argument)
        }
      }
      for number: UInt32 in [0x3B64, 0x3B81, 0, 0xFFFF] {
        b.fails(.EINVAL, "request \(hex(number))") {
          try b.kernel.ioctl(device.descriptor, number, argument)
        }
      }
      let page = try b.memory(4096)
      let config = UInt64(VFIOPCI.configRegion) << VFIOPCI.offsetShift
      b.fails(.EINVAL, "pread") { try b.kernel.pread(device.descriptor, page, 4, at: config) }
      b.fails(.EINVAL, "pwrite") { try b.kernel.pwrite(device.descriptor, page, 4, at: config) }
      b.fails(.EINVAL, "read") { try b.kernel.read(device.descriptor, page, 4) }
      b.fails(.EINVAL, "mmap") { try b.kernel.map(device.descriptor, offset: 0, 4096, .read) }
    },
    ConformanceCase("BIND checks its argument", 108, needs: .vfio) { b in
      let c = try b.context()
      let device = try b.device()
      func bind(_ fill: (inout BindArgument) -> Void) throws(LinuxErrno) {
        try device.send(.bindIOMMUFD, BindArgument.self) {
          $0.iommufd = c.descriptor
          fill(&$0)
        }
      }
      b.fails(.EINVAL, "argsz 15") { try bind { $0.argumentSize = 15 } }
      b.fails(.EINVAL, "argsz 0") { try bind { $0.argumentSize = 0 } }
      b.fails(.EINVAL, "flag 2") { try bind { $0.flags = 2 } }
      b.fails(.EINVAL, "descriptor -1") { try bind { $0.iommufd = -1 } }
      b.fails(.EBADF, "a descriptor that is not open") { try bind { $0.iommufd = 9999 } }
      let counter = try b.eventCounter()
      b.fails(.EBADFD, "an eventfd") { try bind { $0.iommufd = counter } }
      b.fails(.EBADFD, "itself") { try bind { $0.iommufd = device.descriptor } }
      let head: [UInt32] = [32, 0, UInt32(bitPattern: c.descriptor), 0]
      var bytes = head.flatMap(\.littleEndianBytes) + [UInt8](repeating: 0, count: 16)
      bytes[31] = 1
      b.fails(.E2BIG, "a tail that is not zero") {
        try device.send(VFIODeviceRequest.bindIOMMUFD.number, bytes: bytes)
      }
      bytes[31] = 0
      b.fails(.EFAULT, "no argument") {
        try b.kernel.ioctl(device.descriptor, VFIODeviceRequest.bindIOMMUFD.number, 0)
      }
      b.works("a zero tail") {
        try device.send(VFIODeviceRequest.bindIOMMUFD.number, bytes: bytes)
      }
    },
    ConformanceCase("BIND with argsz 16 works", 108, needs: .vfio) { b in
      let c = try b.context()
      let device = try b.device()
      let answer = try device.send(.bindIOMMUFD, BindArgument.self) {
        $0.argumentSize = 16
        $0.iommufd = c.descriptor
        $0.tokenAddress = 1
      }
      b.equal(answer.outDeviceID, 1, "out_devid")
    },
    ConformanceCase(
      "a token on a device without tokens fails EINVAL", 108, needs: .vfioWithoutTokens
    ) { b in
      let c = try b.context()
      let device = try b.device(.vfioWithoutTokens)
      let token = try b.stored([UInt8](repeating: 7, count: 16))
      b.fails(.EINVAL) {
        try device.send(.bindIOMMUFD, BindArgument.self) {
          $0.flags = 1
          $0.iommufd = c.descriptor
          $0.tokenAddress = token
        }
      }
      b.works("without") { try device.bind(c) }
    },
    ConformanceCase("a device is bound once", 109, needs: .vfio) { b in
      let c = try b.context()
      let (device, id) = try b.bound(to: c)
      b.fails(.EINVAL, "again") { try device.bind(c) }
      let other = try b.device()
      b.fails(.EINVAL, "through another descriptor") { try other.bind(c) }
      b.fails(.EINVAL, "to another context") { try other.bind(try b.context()) }
      b.fails(.EINVAL, "the other is still unbound") { try other.info() }
      try device.close()
      b.equal(try other.bind(c), id, "the id after the first is closed")
    },
    ConformanceCase(
      "the group's node and a bound device exclude each other", 110, needs: .groupNode
    ) { b in
      let c = try b.context()
      let device = try b.device()
      guard let node = b.testbed.groupNode else { return }
      let group = try b.open(node)
      b.fails(.EBUSY) { try device.bind(c) }
      try b.close(group)
      try device.bind(c)
      b.fails(.EBUSY) { try b.open(node) }
    },
    ConformanceCase("a sibling may not be bound to another context", 111, needs: .sharedGroup) {
      b in
      guard let (first, second) = Testbed.sharedPair(b.testbed.devices, b.kernel) else { return }
      let c = try b.context()
      let one = VFIODescriptor(bench: b, descriptor: try b.open(first.path))
      let two = VFIODescriptor(bench: b, descriptor: try b.open(second.path))
      try one.bind(c)
      b.fails(.EPERM) { try two.bind(try b.context()) }
      b.works("to the same context") { try two.bind(c) }
    },
    ConformanceCase("siblings share what is attached", 115, needs: .sharedGroup) { b in
      guard let (first, second) = Testbed.sharedPair(b.testbed.devices, b.kernel) else { return }
      let c = try b.context()
      let one = VFIODescriptor(bench: b, descriptor: try b.open(first.path))
      let two = VFIODescriptor(bench: b, descriptor: try b.open(second.path))
      let id = try one.bind(c)
      try two.bind(c)
      let ioas = try c.ioas()
      let hwpt = try c.hwpt(id, on: ioas)
      let other = try c.hwpt(id, on: ioas)
      try one.attach(hwpt)
      b.fails(.EINVAL, "another table") { try two.attach(other) }
      b.equal(try two.attach(hwpt), hwpt, "the same table")
      try one.attach(other)
      b.works("both moved: the first table is free") { try c.destroy(hwpt) }
      try one.detach()
      b.fails(.EBUSY, "the sibling is still on it") { try c.destroy(other) }
      try two.detach()
      b.works { try c.destroy(other) }
    },
    ConformanceCase("after close a device can be bound again", 112, needs: .vfio) { b in
      let c = try b.context()
      let (device, id) = try b.bound(to: c)
      let ioas = try c.ioas()
      try device.attach(ioas)
      try device.close()
      b.fails(.ENOENT, "the old id") { try c.hardwareInfo(id) }
      b.works("the IOAS is free") { try c.destroy(ioas) }
      let (again, newID) = try b.bound(to: c)
      b.equal(newID, id, "the lowest id")
      b.works { try again.info() }
    },
    ConformanceCase("two devices in one context", 112, needs: .twoDevices) { b in
      let c = try b.context()
      let ids = try b.testbed.devices.prefix(2).map { facts in
        try VFIODescriptor(bench: b, descriptor: try b.open(facts.path)).bind(c)
      }
      b.equal(ids, [1, 2], "ids")
    },
    ConformanceCase("unknown requests of a bound device fail ENOTTY", 107, needs: .vfio) { b in
      let c = try b.context()
      let (device, _) = try b.bound(to: c)
      let argument = try b.stored(UInt32(64).littleEndianBytes + [UInt8](repeating: 0, count: 60))
      for number: UInt32 in [0x3B64, 0x3B66, 0x3B79, 0x3B81, 0, 0xFFFF] {
        b.fails(.ENOTTY, hex(number)) {
          try b.kernel.ioctl(device.descriptor, number, argument)
        }
      }
    },
  ]
}
