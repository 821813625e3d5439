import HostABI

/// Object ids, and DESTROY.
extension ConformanceSuite {
  static let objects: [ConformanceCase] = [
    ConformanceCase("ids count from 1 and are the lowest free", 7, 8) { b in
      let c = try b.context()
      for expected: UInt32 in 1...5 { b.equal(try c.ioas(), expected, "next id") }
      try c.destroy(4)
      try c.destroy(2)
      b.equal(try c.ioas(), 2, "the lowest free")
      b.equal(try c.ioas(), 4, "the next lowest free")
      b.equal(try c.ioas(), 6, "a new one")
    },
    ConformanceCase("each context counts its own ids", 7) { b in
      let one = try b.context()
      let two = try b.context()
      b.equal(try one.ioas(), 1, "first of one")
      b.equal(try two.ioas(), 1, "first of the other")
      try one.destroy(1)
      b.works("the other's stays") { try two.alignment(1) }
    },
    ConformanceCase("kinds share one number space", 7) { b in
      let c = try b.context()
      b.equal(try c.ioas(), 1, "an IOAS")
      b.equal(try c.faultQueue().id, 2, "a FAULT")
      b.equal(try c.ioas(), 3, "an IOAS")
    },
    ConformanceCase("DESTROY of 0 and of unknown ids fails ENOENT", 12) { b in
      let c = try b.context()
      for id: UInt32 in [0, 1, 2, 0x7FFF_FFFF, 0x8000_0000, .max] {
        b.fails(.ENOENT, "id \(id)") { try c.destroy(id) }
      }
      let ioas = try c.ioas()
      try c.destroy(ioas)
      b.fails(.ENOENT) { try c.destroy(ioas) }
    },
    ConformanceCase("a wrong type fails ENOENT where one type is wanted", 9) { b in
      let c = try b.context()
      let fault = try c.faultQueue().id
      let ioas = try c.ioas()
      b.fails(.ENOENT) { try c.ranges(fault) }
      b.fails(.ENOENT) { try c.unmap(fault, 0, .max) }
      b.fails(.ENOENT) { try c.map(fault, 0x1000, 4096) }
      b.fails(.ENOENT) { try c.allow(fault, []) }
      b.fails(.ENOENT) { try c.getOption(1, of: fault) }
      b.fails(.ENOENT) { try c.compatIOAS(1, fault) }
      b.fails(.ENOENT) { try c.trackDirty(ioas, true) }
      b.fails(.ENOENT) { try c.dirty(ioas, 0, 4096) }
      b.fails(.ENOENT) { try c.hardwareInfo(ioas) }
      b.fails(.ENOENT) { try c.hwpt(ioas, on: ioas) }
      b.fails(.ENOENT) { try c.viommu(ioas, on: ioas) }
      b.fails(.ENOENT) { try c.vdevice(ioas, in: ioas, as: 1) }
      b.fails(.ENOENT) { try c.eventQueue(ioas) }
      b.fails(.ENOENT) { try c.hwQueue(ioas, 0, 0, 4096) }
    },
    ConformanceCase("a DEVICE is busy while it is bound", 13, needs: .vfio) { b in
      let c = try b.context()
      let (device, id) = try b.bound(to: c)
      b.fails(.EBUSY) { try c.destroy(id) }
      try device.close()
      b.fails(.ENOENT) { try c.destroy(id) }
    },
    ConformanceCase("a mock DEVICE is busy, its holder is not", 13, needs: .mock) { b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      b.fails(.EBUSY) { try c.destroy(device.id) }
      b.works { try c.destroy(device.holder) }
      b.fails(.ENOENT) { try c.destroy(device.id) }
      b.fails(.ENOENT, "the automatic table") {
        try c.destroy(device.hwpt)
      }
    },
    ConformanceCase("an IOAS with a table is busy", 14, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      b.fails(.EBUSY, "with an automatic table") { try c.destroy(ioas) }
      let other = try c.ioas()
      let hwpt = try c.hwpt(device.id, on: other)
      b.fails(.EBUSY, "with a manual table") { try c.destroy(other) }
      try c.destroy(hwpt)
      b.works { try c.destroy(other) }
    },
    ConformanceCase("an IOAS with a table of a VFIO device is busy", 14, needs: .vfio) { b in
      let c = try b.context()
      let (device, id) = try b.bound(to: c)
      let ioas = try c.ioas()
      let hwpt = try c.hwpt(id, on: ioas)
      b.fails(.EBUSY) { try c.destroy(ioas) }
      try c.destroy(hwpt)
      try device.attach(ioas)
      b.fails(.EBUSY) { try c.destroy(ioas) }
      try device.detach()
      b.works { try c.destroy(ioas) }
    },
    ConformanceCase("a table is busy while a RID or a PASID is on it", 15, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let hwpt = try c.hwpt(device.id, on: ioas, .pasid)
      try c.replace(device, with: hwpt)
      b.fails(.EBUSY, "on the RID") { try c.destroy(hwpt) }
      let other = try c.hwpt(device.id, on: ioas, .pasid)
      try c.attach(device, pasid: 7, to: other)
      try c.attach(device, pasid: 8, to: other)
      b.fails(.EBUSY, "on two PASIDs") { try c.destroy(other) }
      try c.detach(device, pasid: 7)
      b.fails(.EBUSY, "on one PASID") { try c.destroy(other) }
      try c.detach(device, pasid: 8)
      b.works("on none") { try c.destroy(other) }
    },
    ConformanceCase("a table of a VFIO device is busy while it is attached", 15, needs: .vfio) {
      b in
      let c = try b.context()
      let (device, id) = try b.bound(to: c)
      let hwpt = try c.hwpt(id, on: try c.ioas())
      try device.attach(hwpt)
      b.fails(.EBUSY) { try c.destroy(hwpt) }
      try device.detach()
      b.works { try c.destroy(hwpt) }
    },
    ConformanceCase("an attached automatic table is busy", 15, needs: .mock) { b in
      let c = try b.context()
      let (_, device) = try c.ioasWithDevice()
      b.fails(.EBUSY) { try c.destroy(device.hwpt) }
    },
    ConformanceCase("a nesting parent is busy under a nested table or a vIOMMU", 16, needs: .mock) {
      b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let parent = try c.hwpt(device.id, on: ioas, .nestParent)
      let nested = try c.hwpt(device.id, on: parent, data: .mock())
      b.fails(.EBUSY, "under a nested table") { try c.destroy(parent) }
      try c.destroy(nested)
      let viommu = try c.viommu(device.id, on: parent)
      b.fails(.EBUSY, "under a vIOMMU") { try c.destroy(parent) }
      try c.destroy(viommu)
      b.works { try c.destroy(parent) }
    },
    ConformanceCase("a vIOMMU is busy while anything hangs on it", 17, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let parent = try c.hwpt(device.id, on: ioas, .nestParent)
      let viommu = try c.viommu(device.id, on: parent)
      let nested = try c.hwpt(device.id, on: viommu, data: .mock())
      b.fails(.EBUSY, "a nested table") { try c.destroy(viommu) }
      try c.destroy(nested)
      let vdevice = try c.vdevice(device.id, in: viommu, as: 0x42)
      b.fails(.EBUSY, "a vDEVICE") { try c.destroy(viommu) }
      try c.destroy(vdevice)
      let queue = try c.eventQueue(viommu)
      b.fails(.EBUSY, "an event queue") { try c.destroy(viommu) }
      try b.close(queue.descriptor)
      try c.destroy(queue.id)
      let memory = try b.memory(4096)
      try c.map(ioas, memory, 4096, at: MockIOMMU.apertureStart)
      let hwQueue = try c.hwQueue(viommu, 0, MockIOMMU.apertureStart, 4096)
      b.fails(.EBUSY, "a hardware queue") { try c.destroy(viommu) }
      try c.destroy(hwQueue)
      b.works { try c.destroy(viommu) }
    },
    ConformanceCase("a FAULT is busy while it is open or a table names it", 18, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let queue = try c.faultQueue()
      b.fails(.EBUSY, "open") { try c.destroy(queue.id) }
      let hwpt = try c.hwpt(device.id, on: ioas, .faultIDValid, fault: queue.id)
      try b.close(queue.descriptor)
      b.fails(.EBUSY, "named") { try c.destroy(queue.id) }
      try c.destroy(hwpt)
      b.works("neither") { try c.destroy(queue.id) }
    },
    ConformanceCase("a FAULT that nothing holds goes", 18) { b in
      let c = try b.context()
      let queue = try c.faultQueue()
      b.fails(.EBUSY) { try c.destroy(queue.id) }
      try b.close(queue.descriptor)
      b.works { try c.destroy(queue.id) }
    },
    ConformanceCase("an event queue is busy while it is open", needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let viommu = try c.viommu(device.id, on: try c.hwpt(device.id, on: ioas, .nestParent))
      let queue = try c.eventQueue(viommu)
      b.fails(.EBUSY) { try c.destroy(queue.id) }
      try b.close(queue.descriptor)
      b.works { try c.destroy(queue.id) }
    },
    ConformanceCase("an IOAS with mappings and no table goes", 19) { b in
      let c = try b.context()
      let ioas = try c.ioas()
      try c.map(ioas, try b.memory(8192), 8192)
      try c.map(ioas, try b.memory(8192), 8192)
      b.works { try c.destroy(ioas) }
      b.fails(.ENOENT) { try c.ranges(ioas) }
    },
    ConformanceCase("the objects of a mock device take ids in their order", 7, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      b.equal(ioas, 1, "the IOAS")
      b.equal(device.holder, 2, "the holder")
      b.equal(device.id, 3, "the DEVICE")
      b.equal(device.hwpt, 4, "the automatic table")
      let second = try c.device(on: ioas)
      b.equal(second.holder, 5, "the second holder")
      b.equal(second.id, 6, "the second DEVICE")
      b.equal(second.hwpt, 4, "the same table")
    },
    ConformanceCase("a hardware queue and its access take two ids", 8, needs: .mock) { b in
      let c = try b.context()
      let (ioas, device) = try c.ioasWithDevice()
      let viommu = try c.viommu(device.id, on: try c.hwpt(device.id, on: ioas, .nestParent))
      try c.map(ioas, try b.memory(4096), 4096, at: MockIOMMU.apertureStart)
      let queue = try c.hwQueue(viommu, 0, MockIOMMU.apertureStart, 4096)
      b.equal(try c.ioas(), queue + 2, "the id after the queue's access")
      b.fails(.EBUSY, "the access") { try c.destroy(queue + 1) }
      try c.destroy(queue)
      b.fails(.ENOENT, "the access") { try c.destroy(queue + 1) }
    },
  ]
}
