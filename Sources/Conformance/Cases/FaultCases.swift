import HostABI

/// Fault queues.
extension ConformanceSuite {
  /// A context with a device whose RID reports to a queue.
  private static func queue(
    _ b: Bench, flags: HWPTFlags = [.faultIDValid, .pasid]
  ) throws(LinuxErrno) -> (c: Context, device: MockDevice, hwpt: UInt32, queue: Int32) {
    let c = try b.context()
    let (ioas, device) = try c.ioasWithDevice()
    let fault = try c.faultQueue()
    let hwpt = try c.hwpt(device.id, on: ioas, flags, fault: fault.id)
    try c.replace(device, with: hwpt)
    return (c, device, hwpt, fault.descriptor)
  }

  static let faults: [ConformanceCase] = [
    ConformanceCase("FAULT_QUEUE_ALLOC takes no flags") { b in
      let c = try b.context()
      b.fails(.EOPNOTSUPP) {
        try c.send(.faultQueueAlloc, FaultAllocArgument.self) { $0.flags = 1 }
      }
      b.equal(try c.ioas(), 1, "the next id")
    },
    ConformanceCase("an empty queue reads 0 at once", 92) { b in
      let c = try b.context()
      let fault = try c.faultQueue()
      for count in [0, 40, 400] {
        b.equal(try b.readFaults(fault.descriptor, count).count, 0, "\(count)")
      }
    },
    ConformanceCase("sizes of reads and writes are multiples of a record", 93) { b in
      let c = try b.context()
      let fault = try c.faultQueue()
      for count in [1, 8, 39, 41, 79] {
        b.fails(.ESPIPE, "reading \(count)") { try b.readFaults(fault.descriptor, count) }
      }
      let page = try b.memory(4096)
      for count in [1, 4, 7, 9, 12] {
        b.fails(.ESPIPE, "writing \(count)") {
          try b.kernel.write(fault.descriptor, page, count)
        }
      }
      b.equal(try b.kernel.write(fault.descriptor, page, 0), 0, "writing nothing")
    },
    ConformanceCase("reading and writing at an offset fail ESPIPE", 93) { b in
      let c = try b.context()
      let fault = try c.faultQueue()
      let page = try b.memory(4096)
      for offset: UInt64 in [0, 40] {
        b.fails(.ESPIPE) { try b.kernel.pread(fault.descriptor, page, 40, at: offset) }
        b.fails(.ESPIPE) { try b.kernel.pwrite(fault.descriptor, page, 8, at: offset) }
      }
    },
    ConformanceCase("a fault is delivered with its facts", 94, needs: .mock) { b in
      let (c, device, _, queue) = try queue(b)
      try c.fault(device, group: 9, at: 0x123000)
      let records = try b.readFaults(queue)
      b.equal(records.count, 1, "records")
      guard let record = records.first else { return }
      b.equal(record.flags, PageFaultBits.lastPage, "flags")
      b.equal(record.deviceID, device.id, "dev_id")
      b.equal(record.pasid, 0, "pasid")
      b.equal(record.groupID, 9, "grpid")
      b.equal(record.permissions, PageFaultBits.read, "perm")
      b.equal(record.address, 0x123000, "addr")
      b.equal(record.length, 0, "length")
      b.equal(record.cookie, 1, "cookie")
      b.equal(try b.readFaults(queue).count, 0, "records of a second read")
    },
    ConformanceCase("a fault of a PASID names it", 94, needs: .mock) { b in
      let (c, device, hwpt, queue) = try queue(b)
      try c.attach(device, pasid: 5, to: hwpt)
      try c.fault(device, pasid: 5)
      let record = try b.readFaults(queue).first
      b.equal(record?.flags, PageFaultBits.lastPage | PageFaultBits.pasidValid, "flags")
      b.equal(record?.pasid, 5, "pasid")
    },
    ConformanceCase("groups come in order, each with its cookie", 94, 96, needs: .mock) { b in
      let (c, device, _, queue) = try queue(b)
      for group: UInt32 in 1...4 { try c.fault(device, group: group) }
      let first = try b.readFaults(queue, 80)
      b.equal(first.map(\.groupID), [1, 2], "the first two groups")
      b.equal(first.map(\.cookie), [1, 2], "their cookies")
      let rest = try b.readFaults(queue)
      b.equal(rest.map(\.groupID), [3, 4], "the next two groups")
      b.equal(rest.map(\.cookie), [3, 4], "their cookies")
    },
    ConformanceCase("too small a buffer fails EINVAL and leaves the group", 95, needs: .mock) { b in
      let (c, device, _, queue) = try queue(b)
      try c.fault(device)
      b.fails(.EINVAL) { try b.readFaults(queue, 0) }
      b.holds(try b.kernel.poll(queue).contains(.readable), "not readable any more")
      b.equal(try b.readFaults(queue).count, 1, "records")
    },
    ConformanceCase("a buffer that cannot be written leaves the group", 95, needs: .mock) { b in
      let (c, device, _, queue) = try queue(b)
      try c.fault(device)
      b.fails(.EFAULT) { try b.kernel.read(queue, try b.hole(), 40) }
      b.equal(try b.readFaults(queue).map(\.cookie), [1], "cookies")
    },
    ConformanceCase("an answered cookie is used again first", 96, needs: .mock) { b in
      let (c, device, _, queue) = try queue(b)
      for group: UInt32 in 1...3 { try c.fault(device, group: group) }
      b.equal(try b.readFaults(queue).map(\.cookie), [1, 2, 3], "cookies")
      b.equal(try b.answerFaults(queue, [(2, 0)]), 8, "bytes answered")
      for group: UInt32 in 4...5 { try c.fault(device, group: group) }
      b.equal(try b.readFaults(queue).map(\.cookie), [2, 4], "the next cookies")
    },
    ConformanceCase("bad answers stop the write", 97, needs: .mock) { b in
      let (c, device, _, queue) = try queue(b)
      for group: UInt32 in 1...4 { try c.fault(device, group: group) }
      _ = try b.readFaults(queue)
      for code: UInt32 in [2, .max] {
        b.fails(.EINVAL, "code \(code)") { try b.answerFaults(queue, [(1, code)]) }
      }
      for cookie: UInt32 in [0, 5, .max] {
        b.fails(.EINVAL, "cookie \(cookie)") { try b.answerFaults(queue, [(cookie, 0)]) }
      }
      b.equal(try b.answerFaults(queue, [(1, 0), (2, 1), (2, 0), (3, 0)]), 16, "bytes answered")
      b.fails(.EINVAL, "an answered cookie") { try b.answerFaults(queue, [(1, 0)]) }
      b.equal(try b.answerFaults(queue, [(4, 1), (3, 0)]), 16, "bytes answered")
      b.fails(.EFAULT) { try b.kernel.write(queue, try b.hole(), 8) }
    },
    ConformanceCase("an unread group has no cookie", 97, needs: .mock) { b in
      let (c, device, _, queue) = try queue(b)
      try c.fault(device)
      b.fails(.EINVAL) { try b.answerFaults(queue, [(1, 0)]) }
    },
    ConformanceCase("a fault without a table for it is not queued", 98, needs: .mock) { b in
      let (c, device, hwpt, queue) = try queue(b)
      let plain = try c.hwpt(device.id, on: 1, .pasid)
      try c.attach(device, pasid: 3, to: plain)
      try c.fault(device, pasid: 3)
      b.equal(try b.readFaults(queue).count, 0, "of a PASID on a table without a queue")
      try c.fault(device, pasid: 4)
      b.equal(try b.readFaults(queue).count, 0, "of a PASID on no table")
      try c.replace(device, with: plain)
      try c.fault(device)
      b.equal(try b.readFaults(queue).count, 0, "of a RID on a table without a queue")
      try c.attach(device, pasid: 4, to: hwpt)
      try c.fault(device, pasid: 4)
      b.equal(try b.readFaults(queue).count, 1, "of a PASID on a table with the queue")
    },
    ConformanceCase("a PASID on no table goes to the RID's nested table", 98, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let fault = try c.faultQueue()
      let parent = try c.hwpt(device.id, on: ioas, .nestParent)
      let nested = try c.hwpt(
        device.id, on: parent, [.pasid, .faultIDValid], data: .mock(), fault: fault.id)
      try c.replace(device, with: nested)
      try c.fault(device, pasid: 6)
      b.equal(try b.readFaults(fault.descriptor).map(\.pasid), [6], "PASIDs")
    },
    ConformanceCase("replacing drops pending faults and their cookies", 99, needs: .mock) { b in
      let (c, device, hwpt, queue) = try queue(b)
      try c.fault(device, group: 1)
      _ = try b.readFaults(queue)
      try c.fault(device, group: 2)
      let plain = try c.hwpt(device.id, on: 1, .pasid)
      try c.replace(device, with: plain)
      b.equal(try b.readFaults(queue).count, 0, "records")
      b.fails(.EINVAL, "the cookie") { try b.answerFaults(queue, [(1, 0)]) }
      try c.replace(device, with: hwpt)
      try c.fault(device, group: 3)
      b.equal(try b.readFaults(queue).map(\.cookie), [1], "cookies afterwards")
    },
    ConformanceCase("detaching a PASID drops its faults alone", 99, needs: .mock) { b in
      let (c, device, hwpt, queue) = try queue(b)
      for pasid: UInt32 in [1, 2] { try c.attach(device, pasid: pasid, to: hwpt) }
      for pasid: UInt32 in [0, 1, 2] { try c.fault(device, pasid: pasid) }
      try c.detach(device, pasid: 1)
      b.equal(try b.readFaults(queue).map(\.pasid), [0, 2], "PASIDs")
    },
    ConformanceCase("replacing by the same table keeps faults", 99, needs: .mock) { b in
      let (c, device, hwpt, queue) = try queue(b)
      try c.fault(device)
      try c.replace(device, with: hwpt)
      b.equal(try b.readFaults(queue).count, 1, "records")
    },
    ConformanceCase("unplugging a device drops its faults alone", 99, needs: .mock) { b in
      let (c, device, hwpt, queue) = try queue(b)
      let second = try c.device(on: hwpt)
      try c.fault(device)
      try c.fault(second)
      try c.destroy(device.holder)
      b.equal(try b.readFaults(queue).map(\.deviceID), [second.id], "devices")
    },
    ConformanceCase("poll: writable always, readable with a group", 100, needs: .mock) { b in
      let (c, device, _, queue) = try queue(b)
      b.equal(try b.kernel.poll(queue), .writable, "empty")
      try c.fault(device)
      b.equal(try b.kernel.poll(queue), [.readable, .writable], "with a group")
      _ = try b.readFaults(queue)
      b.equal(try b.kernel.poll(queue), .writable, "after reading")
    },
    ConformanceCase("a queue serves several tables", 94, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let second = try c.device(on: ioas)
      let fault = try c.faultQueue()
      for each in [device, second] {
        try c.replace(each, with: try c.hwpt(device.id, on: ioas, .faultIDValid, fault: fault.id))
      }
      try c.fault(second)
      try c.fault(device)
      b.equal(try b.readFaults(fault.descriptor).map(\.deviceID), [second.id, device.id], "order")
    },
    ConformanceCase("a fault table on a VFIO device without page requests", needs: .vtdWithoutPRI) {
      b in
      let c = try b.context()
      let (device, id) = try b.bound(.vtdWithoutPRI, to: c)
      let fault = try c.faultQueue()
      let hwpt = try c.hwpt(id, on: try c.ioas(), .faultIDValid, fault: fault.id)
      b.fails(.ENODEV) { try device.attach(hwpt) }
      b.works { try c.destroy(hwpt) }
    },
  ]
}

extension Bench {
  /// Reads a fault queue.
  func readFaults(
    _ descriptor: Int32, _ count: Int = 4000
  ) throws(LinuxErrno) -> [PageFaultRecord] {
    let page = try memory(4096)
    lastRequest = "read \(count) bytes of a fault queue"
    let got = try kernel.read(descriptor, page, count)
    let bytes = try kernel.load(page, got)
    return stride(from: 0, to: got, by: 40).map { at in
      PageFaultRecord {
        $0.flags = bytes.little(UInt32.self, at: at)
        $0.deviceID = bytes.little(UInt32.self, at: at + 4)
        $0.pasid = bytes.little(UInt32.self, at: at + 8)
        $0.groupID = bytes.little(UInt32.self, at: at + 12)
        $0.permissions = bytes.little(UInt32.self, at: at + 16)
        $0.reserved = bytes.little(UInt32.self, at: at + 20)
        $0.address = bytes.little(UInt64.self, at: at + 24)
        $0.length = bytes.little(UInt32.self, at: at + 32)
        $0.cookie = bytes.little(UInt32.self, at: at + 36)
      }
    }
  }

  /// Answers groups, by cookies and codes; returns how many bytes were taken.
  func answerFaults(
    _ descriptor: Int32, _ answers: [(cookie: UInt32, code: UInt32)]
  ) throws(LinuxErrno) -> Int {
    let bytes = answers.flatMap { $0.cookie.littleEndianBytes + $0.code.littleEndianBytes }
    let address = try stored(bytes)
    lastRequest = "answer \(answers)"
    return try kernel.write(descriptor, address, bytes.count)
  }
}
