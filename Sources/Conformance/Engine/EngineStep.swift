import HostABI

/// One thing that a driver of an engine does, and what must come of it.
package struct EngineStep: Sendable {
  /// What holds, as one line.
  package let name: String
  let body: @Sendable (EngineTrial) throws -> Void

  init(_ name: String, body: @escaping @Sendable (EngineTrial) throws -> Void) {
    self.name = name
    self.body = body
  }

  /// All, in the order in which they build upon one another.
  package static let all: [Self] = basics + pageRequests + nesting + endings

  private static let basics: [Self] = [
    Self("without a PASID the engine copies in the device's own space") { t in
      try t.expectCopy(EngineTrial.Queue.plain, in: t.plain)
    },
    Self("through a shared queue each PASID copies in its own space") { t in
      for pasid in t.pasids {
        guard let space = t.spaces[pasid] else { continue }
        try t.expectCopy(EngineTrial.Queue.shared, pasid: pasid, in: space)
      }
    },
    Self("through a dedicated queue the queue's PASID copies, whatever the descriptor says") { t in
      for pasid in t.sample {
        guard let space = t.spaces[pasid] else { continue }
        try t.dedicate(to: pasid)
        try t.expectCopy(EngineTrial.Queue.dedicated, pasid: t.absent, in: space)
      }
    },
    Self("a completion interrupt arrives") { t in
      let counter = try t.bench.eventCounter()
      let none: Int32 = -1
      try t.device.setInterrupts(
        2, flags: 0x24, count: 2, data: none.littleEndianBytes + counter.littleEndianBytes)
      try t.expectCopy(EngineTrial.Queue.plain, in: t.plain, vector: 1)
      let isReadable = try EnginePatience.until {
        try t.bench.kernel.poll(counter).contains(.readable)
      }
      t.bench.holds(isReadable, "no interrupt")
      try t.device.setInterrupts(2, flags: 0x21, count: 0)
    },
    Self("a PASID that nobody attached reaches nothing") { t in
      try t.expectNothing(EngineTrial.Queue.shared, pasid: t.absent, "shared")
      try t.dedicate(to: t.absent)
      try t.expectNothing(EngineTrial.Queue.dedicated, pasid: t.absent, "dedicated")
      try t.expectAllCopy()
    },
    Self("an address that nobody mapped faults, for reading and for writing") { t in
      for pasid in t.sample {
        try t.expectFault(
          pasid, from: EngineSpace.hole, at: EngineSpace.hole, isWrite: false, after: 0)
        try t.expectFault(
          pasid, to: EngineSpace.hole, at: EngineSpace.hole, isWrite: true, after: 0)
      }
    },
    Self("a copy that runs out of its mapping is done up to there") { t in
      let end = EngineSpace.source + UInt64(EngineSpace.pieceSize)
      try t.expectFault(
        t.pasids[0], from: end - 0x1000, at: end, isWrite: false, after: 0x1000)
    },
    Self("what is unmapped faults at once, and works again when it is mapped") { t in
      let pasid = t.pasids[0]
      try t.spaces[pasid]?.mapSource(false)
      try t.expectFault(pasid, at: EngineSpace.source, isWrite: false, after: 0)
      try t.spaces[pasid]?.mapSource(true)
      try t.expectAllCopy()
    },
    Self("a detached PASID reaches nothing, the others go on") { t in
      try t.detach(t.pasids[0])
      try t.expectNothing(EngineTrial.Queue.shared, pasid: t.pasids[0], "detached")
      try t.expectAllCopy()
    },
    Self("a PASID attaches to another space, and moves while it is attached") { t in
      let first = try EngineSpace("another", in: t.context, for: t.deviceID)
      try t.attach(t.pasids[0], to: first)
      try t.expectAllCopy()
      try t.attach(t.pasids[0], to: t.spare)
      try t.expectAllCopy()
    },
  ]

  private static let endings: [Self] = [
    Self("a reset of the device disables the engine and leaves the PASIDs attached") { t in
      _ = try t.bench.kernel.ioctl(t.device.descriptor, VFIODeviceRequest.reset.number, 0)
      try t.engine.switchOn()
      t.bench.equal(try t.engine.state(), 0, "the state after reset")
      try t.configure()
      try t.expectAllCopy()
      try t.expectCopy(EngineTrial.Queue.plain, in: t.plain)
    },
    Self("with everything detached nothing is reached") { t in
      for pasid in t.pasids { try t.detach(pasid) }
      try t.device.detach()
      for pasid in t.sample {
        try t.expectNothing(EngineTrial.Queue.shared, pasid: pasid, "PASID \(pasid)")
      }
      try t.expectNothing(EngineTrial.Queue.plain, pasid: nil, "no PASID")
    },
    Self("what was used can be destroyed, and the engine bound again") { t in
      try t.engine.perform(.resetDevice)
      try t.context.destroy(t.spare.table)
      try t.context.destroy(t.spare.ioas)
      try t.device.close()
      try t.context.close()
      let again = try EngineTrial(t.bench, t.path, pasidCount: t.pasids.count)
      try again.expectAllCopy()
    },
  ]
}

extension EngineTrial {
  /// Expects the attached PASIDs, or a sample of very many, to copy through the shared queue.
  func expectAllCopy() throws {
    for pasid in sample {
      guard let space = spaces[pasid] else { continue }
      try expectCopy(Queue.shared, pasid: pasid, in: space)
    }
  }
}
