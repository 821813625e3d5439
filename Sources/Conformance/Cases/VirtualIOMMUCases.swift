import HostABI

/// vIOMMUs, vDEVICEs, event queues, hardware queues.
extension ConformanceSuite {
  private static func viommu(
    _ b: Bench
  ) throws(LinuxErrno) -> (
    c: Context, ioas: UInt32, device: MockDevice, parent: UInt32, viommu: UInt32
  ) {
    let c = try b.context()
    let (ioas, device) = try c.ioasWithDevice()
    let parent = try c.hwpt(device.id, on: ioas, .nestParent)
    return (c, ioas, device, parent, try c.viommu(device.id, on: parent))
  }

  /// A device on a nested table of a vIOMMU, with an event queue.
  private static func events(
    _ b: Bench, depth: UInt32 = 8, as virtualID: UInt64 = 0x99
  ) throws(LinuxErrno) -> (c: Context, device: MockDevice, queue: Int32) {
    let (c, _, device, _, viommu) = try viommu(b)
    _ = try c.vdevice(device.id, in: viommu, as: virtualID)
    try c.replace(device, with: try c.hwpt(device.id, on: viommu, data: .mock()))
    return (c, device, try c.eventQueue(viommu, depth: depth).descriptor)
  }

  private static func event(_ sequence: UInt32, _ virtualID: UInt32) -> [UInt8] {
    [0, 0, 0, 0] + sequence.littleEndianBytes + virtualID.littleEndianBytes
  }

  private static func lost(_ sequence: UInt32) -> [UInt8] {
    [1, 0, 0, 0] + sequence.littleEndianBytes
  }

  static let virtualIOMMUs: [ConformanceCase] = viommus + eventQueues + hwQueues

  private static let viommus: [ConformanceCase] = [
    ConformanceCase("VIOMMU_ALLOC: type, flags, device, table", 101, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let parent = try c.hwpt(device.id, on: ioas, .nestParent)
      let plain = try c.hwpt(device.id, on: ioas)
      let rows: [(String, UInt32, UInt32, UInt32, UInt32, LinuxErrno)] = [
        ("type 0", 0, 0, device.id, parent, .EOPNOTSUPP),
        ("flags", 1, MockType.viommu, device.id, parent, .EOPNOTSUPP),
        ("flags before an unknown device", 1, MockType.viommu, 99, 99, .EOPNOTSUPP),
        ("an unknown device", 0, MockType.viommu, 99, parent, .ENOENT),
        ("an unknown device before another type", 0, 1, 99, parent, .ENOENT),
        ("another's type", 0, VIOMMUType.armSMMUv3, device.id, parent, .EOPNOTSUPP),
        ("another's type before an unknown table", 0, 1, device.id, 99, .EOPNOTSUPP),
        ("an unknown table", 0, MockType.viommu, device.id, 99, .ENOENT),
        ("an IOAS", 0, MockType.viommu, device.id, ioas, .ENOENT),
        ("a table that is no parent", 0, MockType.viommu, device.id, plain, .EINVAL),
        ("an automatic table", 0, MockType.viommu, device.id, device.hwpt, .EINVAL),
      ]
      for (what, flags, type, id, hwpt, errno) in rows {
        b.fails(errno, what) {
          try c.send(.viommuAlloc, VIOMMUAllocArgument.self) {
            $0.flags = flags
            $0.type = type
            $0.deviceID = id
            $0.hwptID = hwpt
          }
        }
      }
      b.works("the reserved field") {
        try c.send(.viommuAlloc, VIOMMUAllocArgument.self) {
          $0.type = MockType.viommu
          $0.deviceID = device.id
          $0.hwptID = parent
          $0.reserved = 1
        }
      }
    },
    ConformanceCase("VIOMMU_ALLOC on a VT-d unit", 101, needs: .vtd) { b in
      let c = try b.context()
      let (_, id) = try b.bound(.vtd, to: c)
      for type in [VIOMMUType.armSMMUv3, VIOMMUType.tegra241CMDQV, MockType.viommu] {
        b.fails(.EOPNOTSUPP, "type \(type)") { try c.viommu(id, on: 99, type: type) }
      }
    },
    ConformanceCase("a mock vIOMMU's data goes in and out", needs: .mock) { b in
      let (c, _, device, parent, _) = try viommu(b)
      for count in [4, 7, 25, 32] {
        b.fails(.EINVAL, "\(count) bytes") {
          try c.viommu(device.id, on: parent, data: [UInt8](repeating: 1, count: count))
        }
      }
      let address = try b.stored([0x44, 0x33, 0x22, 0x11] + [UInt8](repeating: 0, count: 20))
      let made = try c.send(.viommuAlloc, VIOMMUAllocArgument.self) {
        $0.type = MockType.viommu
        $0.deviceID = device.id
        $0.hwptID = parent
        $0.dataLength = 24
        $0.dataAddress = address
      }
      let bytes = try b.kernel.load(address, 24)
      b.equal(bytes.little(UInt32.self, at: 4), 0x1122_3344, "out_data")
      b.equal(bytes.little(UInt64.self, at: 8), 4096, "offset to map at")
      b.equal(bytes.little(UInt64.self, at: 16), 8192, "length to map")
      let page = try b.kernel.map(c.descriptor, offset: 4096, 8192, [.read, .write])
      b.equal(try b.kernel.load(page, 4), [0x44, 0x33, 0x22, 0x11], "the first word")
      b.fails(.EBUSY, "while it is mapped") { try c.destroy(made.outID) }
      try b.kernel.release(page, 8192)
      b.works { try c.destroy(made.outID) }
    },
    ConformanceCase(
      "mapping the context: offset and length must be what was handed out", needs: .mock
    ) { b in
      let (c, _, device, parent, _) = try viommu(b)
      _ = try c.viommu(device.id, on: parent, data: [UInt8](repeating: 0, count: 24))
      for (offset, count) in [(0, 8192), (4096, 4096), (8192, 4096), (8192, 8192), (4096, 12288)]
        as [(UInt64, Int)]
      {
        b.fails(.ENXIO, "\(count) bytes at \(offset)") {
          try b.kernel.map(c.descriptor, offset: offset, count, [.read])
        }
      }
    },
    ConformanceCase("VDEVICE_ALLOC: one a device, one a virtual id", 102, needs: .mock) { b in
      let (c, ioas, device, parent, viommu) = try viommu(b)
      let second = try c.device(on: ioas)
      let vdevice = try c.vdevice(device.id, in: viommu, as: 5)
      b.fails(.EEXIST, "the same device") { try c.vdevice(device.id, in: viommu, as: 6) }
      b.fails(.EEXIST, "the same virtual id") { try c.vdevice(second.id, in: viommu, as: 5) }
      let other = try c.viommu(device.id, on: parent)
      b.fails(.EEXIST, "the same device elsewhere") { try c.vdevice(device.id, in: other, as: 6) }
      b.works("the same virtual id elsewhere") { try c.vdevice(second.id, in: other, as: 5) }
      b.fails(.ENOENT) { try c.vdevice(99, in: viommu, as: 7) }
      b.fails(.ENOENT) { try c.vdevice(device.id, in: 99, as: 7) }
      try c.destroy(vdevice)
      b.works("again") { try c.vdevice(device.id, in: viommu, as: 5) }
    },
    ConformanceCase("a vDEVICE takes any virtual id", 102, needs: .mock) { b in
      let (c, ioas, _, _, viommu) = try viommu(b)
      for id: UInt64 in [0, 1 << 32, .max] {
        let device = try c.device(on: ioas)
        b.works("virtual id \(hex(id))") { try c.vdevice(device.id, in: viommu, as: id) }
      }
    },
    ConformanceCase(
      "unplugging a device destroys its vDEVICE and reserves the id", 103, needs: .mock
    ) { b in
      let (c, ioas, device, _, viommu) = try viommu(b)
      let second = try c.device(on: ioas)
      let vdevice = try c.vdevice(second.id, in: viommu, as: 5)
      try c.destroy(second.holder)
      b.fails(.ENOENT) { try c.destroy(vdevice) }
      var ids: [UInt32] = []
      for _ in 0..<4 { ids.append(try c.ioas()) }
      b.holds(!ids.contains(vdevice), "id \(vdevice) was given again: \(ids)")
      b.works("the virtual id is free") { try c.vdevice(device.id, in: viommu, as: 5) }
    },
    ConformanceCase("a nested table of a vIOMMU needs the device's vDEVICE", 106, needs: .mock) {
      b in
      let (c, ioas, device, _, viommu) = try viommu(b)
      let nested = try c.hwpt(device.id, on: viommu, data: .mock())
      b.fails(.ENOENT, "without") { try c.replace(device, with: nested) }
      c.expect(device, pasid: 0, on: device.hwpt)
      let vdevice = try c.vdevice(device.id, in: viommu, as: 5)
      b.works("with") { try c.replace(device, with: nested) }
      b.works("it may go while it is attached") { try c.destroy(vdevice) }
      b.works { try c.replace(device, with: ioas) }
    },
    ConformanceCase("SMMUv3: a translating nested table needs a vDEVICE", 106, needs: .smmuv3) {
      b in
      let c = try b.context()
      let (device, id) = try b.bound(.smmuv3, to: c)
      let parent = try c.hwpt(id, on: try c.ioas(), .nestParent)
      let viommu = try c.viommu(id, on: parent, type: VIOMMUType.armSMMUv3)
      func table(_ word0: UInt64) throws(LinuxErrno) -> UInt32 {
        try c.hwpt(
          id, on: viommu,
          data: VendorData(
            HWPTDataType.armSMMUv3, word0.littleEndianBytes + (0 as UInt64).littleEndianBytes))
      }
      let translate = try table(1 | 5 << 1)
      b.fails(.ENOENT) { try device.attach(translate) }
      for word0: UInt64 in [0, 1, 1 | 4 << 1] {
        b.works("word 0 \(hex(word0))") { try device.attach(try table(word0)) }
      }
      _ = try c.vdevice(id, in: viommu, as: 0)
      b.works { try device.attach(translate) }
      b.fails(.EIO, "a configuration that does not exist") { try table(1 | 6 << 1) }
    },
    ConformanceCase("INVALIDATE of a mock vIOMMU clears a device's cache", 89, needs: .mock) { b in
      let (c, _, device, _, viommu) = try viommu(b)
      _ = try c.vdevice(device.id, in: viommu, as: 0x42)
      let full = MockIOMMU.cacheEntry
      c.expectCache(device, [full, full, full, full])
      func entry(_ flags: UInt32, _ id: UInt32, _ cache: UInt32) -> [UInt8] {
        [flags, id, cache].flatMap(\.littleEndianBytes)
      }
      func send(_ bytes: [UInt8], count: UInt32, length: UInt32 = 12, type: UInt32? = nil)
        -> (errno: LinuxErrno?, done: UInt32)
      {
        c.invalidate(
          viommu, type: type ?? MockType.viommuInvalidation, entryLength: length, count: count,
          bytes)
      }
      var answer = send(entry(0, 0x42, 1) + entry(0, 0x42, 2) + entry(0, 0x43, 3), count: 3)
      b.ends(answer.errno, .EINVAL, "an unknown virtual id")
      b.equal(answer.done, 2, "entries done")
      c.expectCache(device, [full, 0, 0, full])
      answer = send(entry(2, 0x42, 0), count: 1)
      b.ends(answer.errno, .EOPNOTSUPP, "an unknown flag")
      answer = send(entry(0, 0x42, 4), count: 1)
      b.ends(answer.errno, .EINVAL, "a cache entry that does not exist")
      answer = send(entry(0, 0x42, 0), count: 1, type: MockType.invalidInvalidation)
      b.ends(answer.errno, .EINVAL, "a wrong type")
      answer = send([], count: 0, length: 0)
      b.ends(answer.errno, nil, "no entries")
      answer = send([], count: 0, length: 0, type: MockType.invalidInvalidation)
      b.ends(answer.errno, .EINVAL, "no entries of a wrong type")
      answer = send(entry(0, 0x42, 0) + [0, 0, 0, 0], count: 1, length: 16)
      b.ends(answer.errno, nil, "a zero tail")
      answer = send(entry(0, 0x42, 3) + [1, 0, 0, 0], count: 1, length: 16)
      b.ends(answer.errno, .E2BIG, "a tail that is not zero")
      c.expectCache(device, [0, 0, 0, full])
      answer = send(entry(1, 0x42, 0), count: 1)
      b.ends(answer.errno, nil, "all")
      c.expectCache(device, [0, 0, 0, 0])
    },
  ]

  private static let eventQueues: [ConformanceCase] = [
    ConformanceCase("VEVENTQ_ALLOC: type, depth, one of a type", 104, needs: .mock) { b in
      let (c, _, _, _, viommu) = try viommu(b)
      for depth: UInt32 in [0, (1 << 19) + 1, .max] {
        b.fails(.EINVAL, "depth \(depth)") { try c.eventQueue(viommu, depth: depth) }
        b.fails(.EINVAL, "depth \(depth) before the id") { try c.eventQueue(99, depth: depth) }
      }
      b.fails(.EOPNOTSUPP, "type 0") { try c.eventQueue(viommu, type: 0, depth: 0) }
      b.fails(.ENOENT) { try c.eventQueue(99) }
      for (flags, reserved) in [(1, 0), (0, 1)] as [(UInt32, UInt32)] {
        b.fails(.EOPNOTSUPP) {
          try c.send(.veventqAlloc, VEventQueueAllocArgument.self) {
            $0.viommuID = viommu
            $0.type = MockType.eventQueue
            $0.flags = flags
            $0.reserved = reserved
          }
        }
      }
      let queue = try c.eventQueue(viommu, depth: 1 << 19)
      b.fails(.EEXIST, "a second of the type") { try c.eventQueue(viommu) }
      b.works("another type") { try c.eventQueue(viommu, type: 7) }
      try b.close(queue.descriptor)
      try c.destroy(queue.id)
      b.works("again") { try c.eventQueue(viommu) }
    },
    ConformanceCase("events carry a sequence and the virtual id", 105, needs: .mock) { b in
      let (c, device, queue) = try events(b)
      for _ in 0..<2 { try c.event(device) }
      b.equal(try b.readEvents(queue, 4096), event(0, 0x99) + event(1, 0x99), "two events")
      try c.event(device)
      b.equal(try b.readEvents(queue, 4096), event(2, 0x99), "the third")
      b.equal(try b.readEvents(queue, 4096), [], "no more")
    },
    ConformanceCase("overflow leaves one header with the latest sequence", 105, needs: .mock) { b in
      let (c, device, queue) = try events(b, depth: 2)
      for _ in 0..<4 { try c.event(device) }
      b.equal(
        try b.readEvents(queue, 4096), event(0, 0x99) + event(1, 0x99) + lost(3), "four events")
      try c.event(device)
      b.equal(try b.readEvents(queue, 4096), event(4, 0x99), "the fifth")
    },
    ConformanceCase("the header of lost events goes when an event follows", 105, needs: .mock) {
      b in
      let (c, device, queue) = try events(b, depth: 1)
      for _ in 0..<3 { try c.event(device) }
      b.equal(try b.readEvents(queue, 12), event(0, 0x99), "the first")
      try c.event(device)
      b.equal(try b.readEvents(queue, 4096), event(3, 0x99), "the fourth, and no header")
    },
    ConformanceCase("a read of events wants room for the first", 105, needs: .mock) { b in
      let (c, device, queue) = try events(b, depth: 2)
      for count in [0, 7] { b.fails(.EINVAL, "\(count)") { try b.readEvents(queue, count) } }
      b.equal(try b.readEvents(queue, 8), [], "an empty queue")
      try c.event(device)
      for count in [8, 11] { b.fails(.EINVAL, "\(count)") { try b.readEvents(queue, count) } }
      try c.event(device)
      b.equal(try b.readEvents(queue, 23), event(0, 0x99), "room for one and a half")
      b.equal(try b.readEvents(queue, 12), event(1, 0x99), "the next")
    },
    ConformanceCase("event queues are read only", 105, needs: .mock) { b in
      let (c, device, queue) = try events(b)
      b.equal(try b.kernel.poll(queue), [], "poll of an empty queue")
      try c.event(device)
      b.equal(try b.kernel.poll(queue), .readable, "poll of a full one")
      b.fails(.EINVAL) { try b.kernel.write(queue, try b.memory(4096), 12) }
      b.fails(.EFAULT) { try b.kernel.read(queue, try b.hole(), 64) }
      b.equal(try b.readEvents(queue, 64), event(0, 0x99), "the event is still there")
    },
    ConformanceCase("events need a nested table and a queue", needs: .mock) { b in
      let (c, _, device, _, viommu) = try viommu(b)
      b.fails(.ENOENT, "no nested table") { try c.event(device) }
      _ = try c.vdevice(device.id, in: viommu, as: 0x99)
      b.fails(.ENOENT, "still none") { try c.event(device) }
      try c.replace(device, with: try c.hwpt(device.id, on: viommu, data: .mock()))
      b.fails(.EOPNOTSUPP, "no queue") { try c.event(device) }
      let queue = try c.eventQueue(viommu)
      b.works { try c.event(device) }
      _ = queue
    },
  ]

  private static let hwQueues: [ConformanceCase] = [
    ConformanceCase("HW_QUEUE_ALLOC: fields before the vIOMMU", needs: .mock) { b in
      let (c, ioas, _, _, viommu) = try viommu(b)
      let iova = try c.map(ioas, try b.memory(4096), 4096)
      b.fails(.EOPNOTSUPP, "type 0") { try c.hwQueue(99, 0, iova, 0, type: 0) }
      b.fails(.EOPNOTSUPP, "flags") {
        try c.send(.hwQueueAlloc, HWQueueAllocArgument.self) {
          $0.flags = 1
          $0.viommuID = 99
          $0.type = MockType.hwQueue
        }
      }
      b.fails(.EINVAL, "length 0") { try c.hwQueue(99, 0, iova, 0) }
      b.fails(.EOVERFLOW, "a wrap") { try c.hwQueue(99, 0, .max, 2) }
      b.fails(.ENOENT, "an unknown vIOMMU") { try c.hwQueue(99, 0, iova, 4096) }
      b.fails(.EOPNOTSUPP, "another's type") { try c.hwQueue(viommu, 0, iova, 4096, type: 1) }
      b.fails(.ENOENT, "no mapping") { try c.hwQueue(viommu, 0, iova + 4096, 4096) }
      b.fails(.EINVAL, "an index that does not exist") { try c.hwQueue(viommu, 2, iova, 4096) }
      b.fails(.EIO, "no queue before it") { try c.hwQueue(viommu, 1, iova, 4096) }
      b.equal(try c.alignment(ioas), 2048, "alignment afterwards")
    },
    ConformanceCase("hardware queues depend on the one before", needs: .mock) { b in
      let (c, ioas, _, _, viommu) = try viommu(b)
      let iova = try c.map(ioas, try b.memory(4096), 4096)
      let first = try c.hwQueue(viommu, 0, iova + 0x100, 0x200)
      b.equal(try c.alignment(ioas), 4096, "alignment with a queue")
      b.fails(.EEXIST) { try c.hwQueue(viommu, 0, iova, 4096) }
      let second = try c.hwQueue(viommu, 1, iova, 4096)
      b.fails(.EBUSY) { try c.destroy(first) }
      try c.destroy(second)
      b.works { try c.destroy(first) }
    },
    ConformanceCase("a hardware queue wants memory that it may read", needs: .mock) { b in
      let (c, ioas, _, _, viommu) = try viommu(b)
      let memory = try b.memory(8192)
      let iova = try c.map(ioas, memory, 4096, .writeable)
      b.fails(.EPERM) { try c.hwQueue(viommu, 0, iova, 4096) }
      try c.unmap(ioas, iova, 4096)
      try c.map(ioas, memory + 2048, 4096, at: MockIOMMU.apertureStart)
      b.fails(.EADDRINUSE, "a mapping below the page's alignment") {
        try c.hwQueue(viommu, 0, MockIOMMU.apertureStart, 4096)
      }
    },
  ]
}

extension Bench {
  /// Reads an event queue.
  func readEvents(_ descriptor: Int32, _ count: Int) throws(LinuxErrno) -> [UInt8] {
    let page = try memory(4096)
    lastRequest = "read \(count) bytes of an event queue"
    return try kernel.load(page, try kernel.read(descriptor, page, count))
  }
}
