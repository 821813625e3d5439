import HostABI

/// Steps with pages that are asked for.
extension EngineStep {
  static let pageRequests: [Self] = [
    Self("a page that is missing is asked for, and the copy goes on when it is there") { t in
      let queue = try t.attachWithFaultQueue(t.pasids[0], "asking")
      try t.expectPageRequest(t.pasids[0], queue) { try $0.mapSource(true) }
      try t.expectAllCopy()
    },
    Self("a page that is refused ends the copy") { t in
      let queue = try t.attachWithFaultQueue(t.pasids[0], "refused")
      try t.expectPageRequest(t.pasids[0], queue) { _ in nil }
      try t.spaces[t.pasids[0]]?.mapSource(true)
      try t.expectAllCopy()
    },
  ]

  static let nesting: [Self] = [
    Self("a PASID copies through tables of this program above the host's") { t in
      try t.attach(t.pasids[0], to: t.nestedSpace("nested"))
      try t.expectAllCopy()
      try t.expectFault(
        t.pasids[0], from: EngineSpace.hole, at: EngineSpace.hole, isWrite: false, after: 0)
    },
    Self("an entry that is taken away and invalidated faults, and works when it is back") { t in
      let pasid = t.pasids[0]
      let space = try t.nestedSpace("nested again")
      try t.attach(pasid, to: space)
      try t.expectAllCopy()
      try space.mapSource(false)
      try t.expectFault(pasid, at: EngineSpace.source, isWrite: false, after: 0)
      try space.mapSource(true)
      try t.expectAllCopy()
    },
    Self("a page that tables of this program lack is asked for") { t in
      try t.wantNesting()
      let queue = try t.attachWithFaultQueue(t.pasids[0], "nested and asking", isNested: true)
      try t.expectPageRequest(t.pasids[0], queue) { try $0.mapSource(true) }
      try t.expectAllCopy()
    },
    Self("without a PASID the engine copies through tables of this program too") { t in
      let space = try t.nestedSpace("nested without PASID")
      try t.device.attach(space.table)
      try t.expectCopy(EngineTrial.Queue.plain, in: space)
      try t.device.attach(t.plain.table)
      try t.expectCopy(EngineTrial.Queue.plain, in: t.plain)
      try t.expectAllCopy()
    },
  ]
}

extension EngineTrial {
  /// Makes a nested space.
  ///
  /// - Throws: ``EngineFailure/lacks(_:)`` where the host's IOMMU cannot nest.
  func nestedSpace(_ name: String) throws -> EngineSpace {
    try wantNesting()
    return try EngineSpace(nested: name, in: context, for: deviceID)
  }

  /// Sees to it that the host's IOMMU is a VT-d unit that nests.
  func wantNesting() throws {
    let nests: UInt64 = 1 << 26
    guard try extendedCapability() & nests != 0 else {
      throw EngineFailure.lacks("VT-d unit that nests")
    }
  }

  /// The extended capabilities of the VT-d unit; 0 where there is none.
  private func extendedCapability() throws -> UInt64 {
    let (answer, data) = try context.hardwareInfo(deviceID)
    guard answer.dataType == HardwareInfoType.vtd, data.count >= 24 else { return 0 }
    return data.little(UInt64.self, at: 16)
  }

  /// Moves a PASID to a space whose page requests come to a queue.
  ///
  /// - Returns: The queue.
  /// - Throws: ``EngineFailure/lacks(_:)`` where device or host know no page requests.
  func attachWithFaultQueue(
    _ pasid: UInt32, _ name: String, isNested: Bool = false
  ) throws -> Int32 {
    guard engine.mayBlock else { throw EngineFailure.lacks("way to wait for a page") }
    let takesRequests: UInt64 = 1 << 29
    guard try extendedCapability() & takesRequests != 0 else {
      throw EngineFailure.lacks("VT-d unit that takes page requests")
    }
    let queue = try context.faultQueue()
    let space =
      try isNested
      ? EngineSpace(nested: name, in: context, for: deviceID, faultQueue: queue.id)
      : EngineSpace(name, in: context, for: deviceID, faultQueue: queue.id)
    do throws(LinuxErrno) {
      try attach(pasid, to: space)
    } catch .ENODEV {
      // What Linux says of a device that does not ask for pages.
      throw EngineFailure.lacks("page requests")
    }
    return queue.descriptor
  }

  /// Expects a copy whose source is missing to ask for it, and to end as the answer says, which
  /// gives the page or is `nil`.
  func expectPageRequest(
    _ pasid: UInt32, _ queue: Int32, provide: (EngineSpace) throws -> Void?
  ) throws {
    guard let space = spaces[pasid] else { return }
    try space.mapSource(false)
    _ = try copy(Queue.shared, pasid: pasid, in: space, blocks: true)
    let isThere = try EnginePatience.until {
      try bench.kernel.poll(queue).contains(.readable)
    }
    guard isThere else {
      bench.differ("\(space.name): no page is asked for; \(try outcome(in: space))")
      return
    }
    let requests = try bench.readFaults(queue)
    guard let request = requests.first, requests.count == 1 else {
      bench.differ("\(space.name): \(requests.count) requests for one page")
      return
    }
    let needed = PageFaultBits.lastPage | PageFaultBits.pasidValid
    bench.equal(request.flags & needed, needed, "\(space.name): flags")
    bench.equal(request.deviceID, deviceID, "\(space.name): the device")
    bench.equal(request.pasid, pasid, "\(space.name): the PASID")
    bench.equal(hex(request.address), hex(EngineSpace.source), "\(space.name): the page")
    bench.holds(
      request.permissions & PageFaultBits.read != 0, "\(space.name): asked for, but not to read")
    bench.equal(try space.record().status, 0, "\(space.name): status before the answer")

    let isProvided = try provide(space) != nil
    let code: UInt32 = isProvided ? 0 : 1
    bench.equal(
      try bench.answerFaults(queue, [(request.cookie, code)]), 8, "\(space.name): bytes answered")
    let outcome = try outcome(in: space)
    if isProvided { return try expectSuccess(outcome, in: space) }
    guard case .record(let record) = outcome, let fault = record.fault else {
      bench.differ("\(space.name): expected a fault, got \(outcome)")
      return
    }
    bench.equal(hex(fault.address & ~0xFFF), hex(EngineSpace.source), "\(space.name): the page")
    bench.equal(Int(record.bytesCompleted), 0, "\(space.name): bytes completed")
  }
}
