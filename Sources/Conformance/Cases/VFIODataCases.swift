import HostABI

/// Regions, config space, interrupts, features of VFIO devices.
extension ConformanceSuite {
  private static func bound(
    _ b: Bench, _ need: Need
  ) throws(LinuxErrno) -> (device: VFIODescriptor, facts: VFIODeviceFacts) {
    let c = try b.context()
    guard let facts = b.testbed.device(need) else { throw .ENODEV }
    return (try b.bound(need, to: c).device, facts)
  }

  static let vfioData: [ConformanceCase] = vfioRegions + vfioConfig + vfioInterrupts

  private static let vfioRegions: [ConformanceCase] = [
    ConformanceCase("GET_INFO tells regions and interrupts", 139, needs: .vfio) { b in
      let (device, _) = try bound(b, .vfio)
      let info = try device.info()
      b.holds(info.flags & 2 != 0, "no PCI flag: \(hex(info.flags))")
      b.holds(info.regionCount >= 9, "\(info.regionCount) regions")
      b.equal(info.irqCount, 5, "interrupt kinds")
      b.fails(.EINVAL, "argsz 15") {
        try device.send(.getInfo, DeviceInfoArgument.self) { $0.argumentSize = 15 }
      }
      b.works("argsz 16") {
        try device.send(.getInfo, DeviceInfoArgument.self) { $0.argumentSize = 16 }
      }
      b.works("a large argsz") {
        try device.send(.getInfo, DeviceInfoArgument.self) { $0.argumentSize = 4096 }
      }
    },
    ConformanceCase("a region's offset is its index shifted by 40", 139, needs: .vfio) { b in
      for facts in b.testbed.devices {
        for (index, region) in facts.regions.enumerated() where region.byteCount > 0 {
          b.equal(region.offset, UInt64(index) << 40, "\(facts.path), region \(index)")
        }
      }
    },
    ConformanceCase("GET_REGION_INFO: argsz and index", 139, needs: .vfio) { b in
      let (device, facts) = try bound(b, .vfio)
      b.fails(.EINVAL, "argsz 31") {
        try device.send(.getRegionInfo, RegionInfoArgument.self) { $0.argumentSize = 31 }
      }
      for index in [facts.regionCount, facts.regionCount + 1, .max] {
        b.fails(.EINVAL, "region \(index)") { try device.region(index) }
      }
      b.equal(try device.region(VFIOPCI.configRegion).flags, 3, "flags of config space")
      let size = try device.region(VFIOPCI.configRegion).byteCount
      b.holds(size == 256 || size == 4096, "config space of \(size) bytes")
    },
    ConformanceCase("too small an argsz tells how much is needed", 140, needs: .msix) { b in
      let (device, facts) = try bound(b, .msix)
      var found = false
      for index: UInt32 in 0..<6 where facts.regions[Int(index)].flags & 8 != 0 {
        found = true
        let answer = try device.region(index)
        b.holds(answer.argumentSize > 32, "argsz \(answer.argumentSize)")
        b.equal(answer.capabilityOffset, 0, "cap_offset")
        b.holds(answer.flags & 8 != 0, "no flag for capabilities")
        let size = answer.argumentSize
        var bytes = [UInt8](repeating: 0, count: Int(size))
        bytes.replaceSubrange(0..<4, with: size.littleEndianBytes)
        bytes.replaceSubrange(8..<12, with: index.littleEndianBytes)
        let whole = try device.send(VFIODeviceRequest.getRegionInfo.number, bytes: bytes)
        b.equal(whole.little(UInt32.self, at: 12), 32, "cap_offset with room")
        b.equal(whole.little(UInt16.self, at: 32), 3, "the first capability's id")
      }
      b.holds(found, "no region has capabilities")
    },
    ConformanceCase(
      "reads and writes of length 0, and of regions that are not there", 139, needs: .vfio
    ) { b in
      let (device, facts) = try bound(b, .vfio)
      let config = UInt64(VFIOPCI.configRegion) << 40
      let page = try b.memory(4096)
      b.equal(try b.kernel.pread(device.descriptor, page, 0, at: config), 0, "nothing read")
      b.fails(.EINVAL, "past the last region") {
        try device.read(at: UInt64(facts.regionCount) << 40, 4)
      }
      for (index, region) in facts.regions.prefix(6).enumerated() where region.byteCount == 0 {
        b.fails(.EINVAL, "BAR \(index), absent") { try device.read(at: UInt64(index) << 40, 4) }
      }
    },
    ConformanceCase("BARs end where they end", 139, needs: .memoryBAR) { b in
      let (device, facts) = try bound(b, .memoryBAR)
      guard
        let index = facts.regions.prefix(6).firstIndex(where: {
          $0.byteCount >= 4 && $0.flags & 4 != 0
        })
      else { return }
      let region = facts.regions[index]
      b.fails(.EINVAL, "past the end") { try device.read(at: region.offset + region.byteCount, 4) }
      b.fails(.EINVAL, "mapping past the end") {
        try b.kernel.map(
          device.descriptor, offset: region.offset + ((region.byteCount + 4095) & ~4095), 4096,
          .read)
      }
    },
    ConformanceCase("a BAR can be mapped, but not what lies behind it", needs: .mappableBAR) { b in
      let (device, facts) = try bound(b, .mappableBAR)
      for region in facts.regions.prefix(6) where region.byteCount >= 4096 && region.flags & 4 != 0
      {
        let page = try b.kernel.map(device.descriptor, offset: region.offset, 4096, .read)
        try b.kernel.release(page, 4096)
        b.fails(.EINVAL, "one page more") {
          try b.kernel.map(
            device.descriptor, offset: region.offset, Int(region.byteCount) + 4096, .read)
        }
      }
    },
    ConformanceCase("with memory decode off a BAR fails EIO", 144, needs: .memoryBAR) { b in
      let (device, facts) = try bound(b, .memoryBAR)
      guard
        let index = facts.regions.prefix(6).firstIndex(where: {
          $0.byteCount >= 4 && $0.flags & 4 != 0
        })
      else { return }
      let config = UInt64(VFIOPCI.configRegion) << 40
      let command = try device.read(at: config + 4, 2)
      try device.write(at: config + 4, [command[0] & ~2, command[1]])
      b.fails(.EIO, "reading") { try device.read(at: facts.regions[index].offset, 4) }
      b.fails(.EIO, "writing") { try device.write(at: facts.regions[index].offset, [0, 0, 0, 0]) }
      try device.write(at: config + 4, [command[0] | 2, command[1]])
      b.works("with decode on") { try device.read(at: facts.regions[index].offset, 4) }
    },
  ]

  private static let vfioConfig: [ConformanceCase] = [
    ConformanceCase("config reads past the end fail EFAULT", 141, needs: .vfio) { b in
      let (device, facts) = try bound(b, .vfio)
      let config = UInt64(VFIOPCI.configRegion) << 40
      let size = facts.regions[7].byteCount
      b.fails(.EFAULT, "across the end") { try device.read(at: config + size - 2, 4) }
      b.fails(.EFAULT, "behind it") { try device.read(at: config + size, 4) }
      b.fails(.EFAULT, "writing behind it") { try device.write(at: config + size, [0]) }
      b.equal(try device.read(at: config + size - 4, 4).count, 4, "the last four bytes")
    },
    ConformanceCase("read-only fields take a write and keep their value", 141, needs: .vfio) { b in
      let (device, _) = try bound(b, .vfio)
      let config = UInt64(VFIOPCI.configRegion) << 40
      for (what, offset, count) in [
        ("vendor and device", 0, 4), ("class and revision", 8, 4), ("header type", 0x0E, 1),
        ("subsystem", 0x2C, 4), ("capability pointer", 0x34, 1),
      ] as [(String, UInt64, Int)] {
        let before = try device.read(at: config + offset, count)
        let written = try device.write(
          at: config + offset, [UInt8](repeating: 0xA5, count: count))
        b.equal(written, count, "bytes taken of \(what)")
        b.equal(try device.read(at: config + offset, count), before, what)
      }
    },
    ConformanceCase("config reads of any size and offset agree", 141, needs: .vfio) { b in
      let (device, _) = try bound(b, .vfio)
      let config = UInt64(VFIOPCI.configRegion) << 40
      let whole = try device.read(at: config, 256)
      for (offset, count) in [(0, 1), (1, 3), (2, 5), (3, 8), (0x0D, 7), (0x2B, 9)] {
        b.equal(
          try device.read(at: config + UInt64(offset), count),
          Array(whole[offset..<(offset + count)]), "\(count) bytes at \(offset)")
      }
    },
    ConformanceCase("the PASID capability is in no chain", 142, needs: .vfio) { b in
      for facts in b.testbed.devices {
        let ids = VFIODeviceFacts.extendedCapabilities(facts.config).map(\.id)
        b.holds(!ids.contains(0x1B), "\(facts.path) shows it: \(ids)")
      }
    },
    ConformanceCase("ATS is shown and cannot be changed", 142, needs: .vfioATS) { b in
      let (device, facts) = try bound(b, .vfioATS)
      let config = UInt64(VFIOPCI.configRegion) << 40
      let found = VFIODeviceFacts.extendedCapabilities(facts.config).first { $0.id == 0x0F }
      guard let found else { return }
      let at = config + UInt64(found.offset) + 6
      let before = try device.read(at: at, 2)
      try device.write(at: at, [before[0] ^ 1, before[1] ^ 0x80])
      b.equal(try device.read(at: at, 2), before, "control")
    },
    ConformanceCase("BARs can be sized by writing ones", 143, needs: .memoryBAR) { b in
      let (device, facts) = try bound(b, .memoryBAR)
      guard
        let index = facts.regions.prefix(6).firstIndex(where: {
          $0.byteCount >= 4 && $0.flags & 4 != 0
        })
      else { return }
      let at = UInt64(VFIOPCI.configRegion) << 40 + 0x10 + UInt64(index) * 4
      let before = try device.read(at: at, 4)
      try device.write(at: at, [0xFF, 0xFF, 0xFF, 0xFF])
      let mask = try device.read(at: at, 4).little(UInt32.self, at: 0) & ~0xF
      let size = facts.regions[index].byteCount
      if size < 1 << 32 { b.equal(UInt64(~mask &+ 1), size, "size by the mask") }
      try device.write(at: at, before)
      b.equal(try device.read(at: at, 4), before, "the address afterwards")
    },
    ConformanceCase("the command register is written through", 143, needs: .vfio) { b in
      let (device, _) = try bound(b, .vfio)
      let at = UInt64(VFIOPCI.configRegion) << 40 + 4
      let before = try device.read(at: at, 2)
      b.equal(before[0] & 4, 0, "bus mastering after the bind")
      try device.write(at: at, [before[0] | 4, before[1]])
      b.equal(try device.read(at: at, 2)[0] & 4, 4, "bus mastering")
      try device.write(at: at, before)
    },
  ]

  private static let vfioInterrupts: [ConformanceCase] = [
    ConformanceCase("GET_IRQ_INFO: kinds, argsz, index", 145, needs: .vfio) { b in
      let (device, _) = try bound(b, .vfio)
      b.fails(.EINVAL, "argsz 15") {
        try device.send(.getIRQInfo, IRQInfoArgument.self) { $0.argumentSize = 15 }
      }
      for index: UInt32 in [5, 6, .max] {
        b.fails(.EINVAL, "kind \(index)") { try device.interrupt(index) }
      }
      b.equal(try device.interrupt(0).flags, 7, "flags of INTx")
      b.equal(try device.interrupt(1).flags, 9, "flags of MSI")
      b.equal(try device.interrupt(4).count, 1, "release requests")
    },
    ConformanceCase("SET_IRQS checks its argument", 145, needs: .msix) { b in
      let (device, facts) = try bound(b, .msix)
      let count = facts.interrupts[2] ?? 0
      let trigger: UInt32 = 0x20
      let rows: [(String, UInt32, UInt32, UInt32, UInt32, [UInt8], UInt32?, LinuxErrno)] = [
        ("argsz 19", 2, 1 | trigger, 0, 0, [], 19, .EINVAL),
        ("kind 5", 5, 1 | trigger, 0, 0, [], nil, .EINVAL),
        ("an unknown flag", 2, 1 | trigger | 0x40, 0, 0, [], nil, .EINVAL),
        ("two data flags", 2, 3 | trigger, 0, 1, [1], nil, .EINVAL),
        ("no data flag", 2, trigger, 0, 1, [1], nil, .EINVAL),
        ("two actions", 2, 1 | trigger | 8, 0, 1, [], nil, .ENOTTY),
        ("no action", 2, 1, 0, 1, [], nil, .ENOTTY),
        ("start past the last", 2, 1 | trigger, count, 1, [], nil, .EINVAL),
        ("more than there are", 2, 1 | trigger, 0, count + 1, [], nil, .EINVAL),
        ("a count that wraps", 2, 1 | trigger, 1, .max, [], nil, .EINVAL),
        ("too little data", 2, 4 | trigger, 0, 2, [0, 0, 0, 0], nil, .EINVAL),
        ("masking MSI-X", 2, 1 | 8, 0, 1, [], nil, .ENOTTY),
        ("unmasking MSI-X", 2, 1 | 0x10, 0, 1, [], nil, .ENOTTY),
      ]
      for (what, index, flags, start, number, data, size, errno) in rows {
        b.fails(errno, what) {
          try device.setInterrupts(
            index, flags: flags, start: start, count: number, data: data, argumentSize: size)
        }
      }
    },
    ConformanceCase(
      "SET_IRQS on a kind without interrupts fails EINVAL", 145, needs: .emptyInterrupt
    ) { b in
      let (device, facts) = try bound(b, .emptyInterrupt)
      guard let index = facts.interrupts.firstIndex(of: 0) else { return }
      for count: UInt32 in [0, 1] {
        b.fails(.EINVAL, "count \(count)") {
          try device.setInterrupts(UInt32(index), flags: 0x21, count: count)
        }
      }
    },
    ConformanceCase("MSI-X vectors are set, fired and dropped", 145, needs: .msix) { b in
      let (device, _) = try bound(b, .msix)
      let counter = try b.eventCounter()
      b.fails(.EINVAL, "firing before it is on") {
        try device.setInterrupts(2, flags: 0x21, count: 1)
      }
      b.fails(.EBADF, "a descriptor that is not open") {
        try device.setInterrupts(2, flags: 0x24, data: Int32(9999).littleEndianBytes)
      }
      try device.setInterrupts(2, flags: 0x24, data: counter.littleEndianBytes)
      b.equal(try b.kernel.poll(counter).contains(.readable), false, "a signal before it fired")
      try device.setInterrupts(2, flags: 0x21, count: 1)
      b.equal(try b.kernel.poll(counter).contains(.readable), true, "a signal after it fired")
      b.fails(.EINVAL, "MSI beside it") {
        try device.setInterrupts(1, flags: 0x24, data: counter.littleEndianBytes)
      }
      b.works("dropping all") { try device.setInterrupts(2, flags: 0x21, count: 0) }
      b.fails(.EINVAL, "firing when it is off") {
        try device.setInterrupts(2, flags: 0x21, count: 1)
      }
    },
    ConformanceCase("a request to release can be heard", 145, needs: .vfio) { b in
      let (device, _) = try bound(b, .vfio)
      let counter = try b.eventCounter()
      try device.setInterrupts(4, flags: 0x24, data: counter.littleEndianBytes)
      try device.setInterrupts(4, flags: 0x21, count: 1)
      b.equal(try b.kernel.poll(counter).contains(.readable), true, "a signal")
      b.works("drop it") {
        try device.setInterrupts(4, flags: 0x24, data: Int32(-1).littleEndianBytes)
      }
    },
    ConformanceCase("FEATURE: numbers and operations", 146, needs: .vfio) { b in
      let (device, _) = try bound(b, .vfio)
      let get: UInt32 = 1 << 16
      let set: UInt32 = 1 << 17
      let probe: UInt32 = 1 << 18
      for (what, flags, size, errno) in [
        ("argsz 7", 3 | probe | set, 7, .EINVAL), ("an unknown flag", 3 | 1 << 19, nil, .EINVAL),
        ("get and set", 3 | get | set, nil, .EINVAL), ("an unknown number", 99 | get, nil, .ENOTTY),
        ("an unknown number, probed", 99 | probe | get, nil, .ENOTTY),
        ("migration without a driver for it", 1 | get, nil, .ENOTTY),
        ("reading what is only set", 3 | get, nil, .EINVAL),
        ("probing a read of what is only set", 3 | get | probe, nil, .EINVAL),
        ("no operation", 3, nil, .EINVAL), ("too little data", 4 | set, nil, .EINVAL),
      ] as [(String, UInt32, UInt32?, LinuxErrno)] {
        b.fails(errno, what) { try device.feature(flags, argumentSize: size) }
      }
      b.works("probing") { try device.feature(3 | probe | set) }
      b.works("probing another") { try device.feature(5 | probe | set) }
    },
    ConformanceCase("RESET needs a device that can", 120, needs: .vfio) { b in
      for facts in b.testbed.devices where !facts.flags.contains(.reset) {
        let c = try b.context()
        let device = VFIODescriptor(bench: b, descriptor: try b.open(facts.path))
        try device.bind(c)
        b.fails(.EINVAL, facts.path) {
          try b.kernel.ioctl(device.descriptor, VFIODeviceRequest.reset.number, 0)
        }
        try device.close()
      }
    },
    ConformanceCase("PCI_HOT_RESET of a cdev takes no descriptors", 120, needs: .vfio) { b in
      let (device, _) = try bound(b, .vfio)
      b.fails(.EINVAL, "argsz 11") {
        try device.send(.hotReset, HotResetHeader.self) { $0.argumentSize = 11 }
      }
      b.fails(.EINVAL, "flags") { try device.send(.hotReset, HotResetHeader.self) { $0.flags = 1 } }
      b.fails(.EINVAL, "argsz 11 of its question") {
        try device.send(.getHotResetInfo, HotResetInfoHeader.self) { $0.argumentSize = 11 }
      }
    },
  ]
}
