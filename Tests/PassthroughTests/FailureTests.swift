import HostABI
import Hardware
import PCIe
import Passthrough
import SoftHost
import Testing
import VirtualIOMMU

@Suite("Whichever request of the kernel fails, nothing is left behind")
struct FailureTests {
  /// A life of a device, with what each part of it leaves checked as it goes.
  enum Life: CaseIterable, Sendable {
    /// With a guest's unit that nests and attaches PASIDs.
    case nested
    /// The same while pages are tracked for a migration.
    case tracked
    /// Two devices that share the host's own tables.
    case shared
    /// An emulated device.
    case emulated

    var flags: VIOMMUFlags {
      self == .nested || self == .tracked ? FakeIOMMU.vtd : [.supportsPASID, .wantsPASIDAttach]
    }
  }

  /// Lives a life until the request that fails; goes on with what a VMM would go on with.
  ///
  /// - Returns: How often the VMM heard of a failure.
  static func live(_ life: Life, _ machine: Machine) throws -> Int {
    var heard = 0
    func attempt(_ body: () throws -> Void) { do { try body() } catch { heard += 1 } }
    switch life {
    case .emulated:
      var device = try machine.realise(7)
      attempt { try device.reset() }
    case .shared:
      let first = try machine.realise(1)
      var second = try machine.realise(0, device: 1)
      attempt { try second.wishes().setTranslation(.passThrough, for: pasid(2)) }
      try second.wishes().removeTranslation(of: pasid(2))
      attempt { try second.reset() }
      first.unrealise()
    case .nested, .tracked:
      if life == .tracked { attempt { try machine.passthrough.trackDirtyPages(true) } }
      var device = try machine.realise(0)
      device.enable()
      let backend = try device.wishes()
      let stages = try (0..<3).map {
        try machine.firstStage(0x10_0000 + UInt64($0) << 16, to: 0x20_0000)
      }
      for number in 1...3 as ClosedRange<UInt32> {
        attempt { try backend.setTranslation(stages[Int(number) - 1], for: pasid(number)) }
      }
      attempt { try backend.setTranslation(stages[0], for: nil) }
      attempt { try backend.setTranslation(stages[2], for: pasid(1)) }
      attempt { try backend.setTranslation(.passThrough, for: pasid(2)) }
      attempt { try backend.invalidate([.everything].span, of: pasid(1)) }
      let pri = device.synthesis.pageRequests.offset ?? 0
      if device.writeConfig(1, .word, at: pri + 4).problem != nil {
        heard += 1
        // The guest reads that they are off.
        #expect(device.readConfig(.word, at: pri + 4) == 0)
      }
      _ = machine.host.send(
        EndpointPageRequest(IOVA(0x9000), pasid: try pasid(1), .read, group: 1),
        from: machine.host.endpoints[0])
      attempt { try device.deliverPageRequests() }
      backend.respond(PageGroupResponse(pasid: try pasid(1), group: 1, code: .success))
      backend.removeTranslation(of: try pasid(3))
      for (number, wish) in [(1, stages[2]), (2, .passThrough)] as [(UInt32, GuestTranslation)]
      where backend.translation(of: try pasid(number)) == wish {
        // What the backend believes is what the device meets.
        try machine.check(number, goes: wish)
      }
      attempt { try device.reset() }
      #expect(backend.problems.isEmpty)
    }
    return heard
  }

  /// How many requests a life makes.
  static func callCount(_ life: Life) -> Int {
    // More than there are, so that none fails; the kernel in front counts.
    let machine = try? Machine(FakeIOMMU(life.flags), on: .server(), failing: .max)
    guard let machine, (try? live(life, machine)) != nil else { return 0 }
    return machine.callCount
  }

  static let calls: [(Life, Int)] = Life.allCases.flatMap { life in
    (1...max(1, callCount(life))).map { (life, $0) }
  }

  @Test("no object, no page, no attachment", arguments: calls)
  func sweep(life: Life, number: Int) throws {
    for errno in [LinuxErrno.ENOMEM, .EINVAL, .EBUSY] {
      let host = SoftwareHost.server()
      do {
        let machine = try? Machine(FakeIOMMU(life.flags), on: host, failing: number, with: errno)
        guard let machine else { continue }
        let outcome = Result { try Self.live(life, machine) }
        #expect(machine.iommu.devices.isEmpty)
        #expect(machine.hasNothingAbandoned, "call \(number), \(errno)")
        #expect(host.chargedPageCount == 0)
        #expect(host.endpoints.allSatisfy { $0.attachedPASIDCount == 0 })
        #expect(try machine.nextObject() == 2, "call \(number), \(errno), \(outcome)")
      }
      #expect(host.openContextCount == 0)
    }
  }

  @Test("a life without failures hears of none", arguments: Life.allCases)
  func control(life: Life) throws {
    let machine = try Machine(FakeIOMMU(life.flags), on: .server())
    #expect(try Self.live(life, machine) == 0)
    #expect(Self.callCount(life) > 10)
  }

  @Test("memory changes with devices realised are all or nothing")
  func memory() throws {
    for number in 1...60 {
      let failing = try? Machine(on: .server(), failing: number)
      guard let failing, var device = try? failing.realise(0),
        let second = try? failing.realise(4, device: 1)
      else { continue }
      device.enable()
      let pages = try failing.process.allocate(0x4000, [.read, .write])
      let mine = try GuestMemoryRegion(
        at: GuestPhysicalAddress(0x1000_0000), byteCount: 0x4000, .memory(address: pages))
      let address = mine.range.lowerBound.rawValue
      do {
        try failing.passthrough.map(mine)
        #expect(failing.read(0, address) == 0)
        do {
          try failing.passthrough.unmap(mine.range)
          #expect(failing.read(0, address) == nil)
        } catch {
          // As before: all devices reach it still.
          #expect(failing.read(0, address) == 0)
          try failing.passthrough.unmap(mine.range)
        }
      } catch {
        #expect(failing.read(0, address) == nil)
        try failing.passthrough.map(mine)
        #expect(failing.read(0, address) == 0)
      }
      second.unrealise()
    }
  }
}

extension Machine {
  /// Checks that a PASID goes where it should: the first stages of the test lead 0x7000 to one page.
  fileprivate func check(_ number: UInt32, goes wish: GuestTranslation) throws {
    try poke(UInt64(number) + 70, at: 0x20_0000)
    try poke(5, at: 0x7000)
    #expect(read(0, 0x7000, pasid: number) == (wish == .passThrough ? 5 : UInt64(number) + 70))
  }
}
