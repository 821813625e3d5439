import HostSystem
import Hardware
import IOMMU
import Synchronization
import TestSupport
import Testing
import VirtualIOMMU

@testable import VirtualIOMMU

@Suite("The guest's tables reach the backends")
struct VTdShadowTests {
  typealias Call = RecordingBackend.Call

  private func stage(_ root: UInt64, width: UInt8 = 48) -> GuestTranslation {
    .firstStage(VTdFirstStage(root: GuestPhysicalAddress(root), addressWidth: width))
  }

  /// A guest that runs, with a first stage for the RID.
  private func running(
    pages: Int = 512, _ configuration: VTdConfiguration? = nil, pdts: UInt64 = 7
  ) throws -> (UnitGuest, RecordingBackend, directory: UInt64) {
    let guest = try UnitGuest(pages: pages, configuration)
    let directory = guest.writeContext(pdts: pdts)
    guest.writeEntry(0, directory, root: 0x9000)
    let backend = try guest.addDevice()
    #expect(backend.takeCalls() == [.set(.passThrough, nil)])
    guest.start()
    #expect(backend.takeCalls() == [.set(stage(0x9000), nil)])
    return (guest, backend, directory)
  }

  @Test("a PASID is attached when the guest tells of its entry, and only then")
  func attach() throws {
    let (guest, backend, directory) = try running()
    guest.writeEntry(5, directory, root: 0xA000)
    #expect(backend.takeCalls().isEmpty)
    guest.submit([.pasidCache(5), .pasidAll(5)])
    #expect(backend.takeCalls() == [.set(stage(0xA000), .number(5))])
    // Told again: nothing changed.
    guest.submit([.pasidCache(5), .pasidCache(domain: 1), .pasidGlobal, .contextGlobal])
    #expect(backend.takeCalls().isEmpty)
    // Another root: replaced by one call.
    guest.writeEntry(5, directory, root: 0xB000)
    guest.submit([.pasidCache(5)])
    #expect(backend.takeCalls() == [.set(stage(0xB000), .number(5))])
    guest.clearEntry(5, directory)
    guest.submit([.pasidCache(5), .pasidAll(5)])
    #expect(backend.takeCalls() == [.remove(.number(5))])
    guest.submit([.pasidCache(5)])
    #expect(backend.takeCalls().isEmpty)
  }

  @Test(
    "an entry's fields become those of the first stage",
    arguments: [
      (0x00, VTdFirstStage(root: GuestPhysicalAddress(0xA000))),
      (0x01, VTdFirstStage(root: GuestPhysicalAddress(0xA000), allowsSupervisor: true)),
      (0x10, VTdFirstStage(root: GuestPhysicalAddress(0xA000), protectsWrites: true)),
      (0x80, VTdFirstStage(root: GuestPhysicalAddress(0xA000), setsExtendedAccessed: true)),
      (0x04, VTdFirstStage(root: GuestPhysicalAddress(0xA000), addressWidth: 57)),
    ] as [(UInt64, VTdFirstStage)])
  func fields(_ flags: UInt64, _ expected: VTdFirstStage) throws {
    let features = VTdConfiguration.passthroughFeatures.union([
      .supervisorRequests, .extendedAccessedFlag, .fiveLevels,
    ])
    let (guest, backend, directory) = try running(VTdConfiguration(features: features))
    guest.writeEntry(77, directory, root: 0xA000, flags: flags)
    guest.submit([.pasidCache(77)])
    #expect(backend.takeCalls() == [.set(.firstStage(expected), .number(77))])
    guest.writeEntry(77, directory, root: 0, type: 4)
    guest.submit([.pasidCache(77)])
    #expect(backend.takeCalls() == [.set(.passThrough, .number(77))])
  }

  @Test("the largest PASID and sparse directories are found")
  func sparse() throws {
    let (guest, backend, directory) = try running()
    let numbers: [UInt32] = [1, 63, 64, 4095, 4096, 0x7FFFF, 0xFFFFF]
    for number in numbers {
      guest.writeEntry(number, directory, root: UInt64(number) << 12)
    }
    guest.submit([.pasidGlobal])
    let calls = Set(backend.takeCalls())
    #expect(
      calls == Set(numbers.map { Call.set(stage(UInt64($0) << 12), PASID.number($0)) }))
    for number in numbers { guest.clearEntry(number, directory) }
    guest.submit([.pasidGlobal])
    #expect(Set(backend.takeCalls()) == Set(numbers.map { Call.remove(PASID.number($0)) }))
    #expect(backend.inPlace == [nil: stage(0x9000)])
  }

  @Test("PASIDs beyond the directory or the configured bits are none")
  func tooLarge() throws {
    let (guest, backend, directory) = try running(
      VTdConfiguration(pasidBits: 14), pdts: 0)
    for number in [8191, 8192, 16383, 16384] as [UInt32] {
      guest.writeEntry(number, directory, root: 0xA000)
    }
    let all: [VTdDescriptor] = [8191, 8192, 16383, 16384, 0xFFFFF].map { .pasidCache($0) }
    guest.submit(all + [.pasidGlobal])
    #expect(backend.takeCalls() == [.set(stage(0xA000), .number(8191))])
  }

  @Test("a domain's invalidation looks at its own entries, old and new")
  func domains() throws {
    let (guest, backend, directory) = try running()
    guest.writeEntry(5, directory, root: 0xA000, domain: 1)
    guest.writeEntry(6, directory, root: 0xB000, domain: 2)
    guest.submit([.pasidCache(domain: 1)])
    #expect(backend.takeCalls() == [.set(stage(0xA000), .number(5))])
    guest.submit([.pasidCache(domain: 2)])
    #expect(backend.takeCalls() == [.set(stage(0xB000), .number(6))])
    // Changed in another domain: stays until that is told of.
    guest.writeEntry(5, directory, root: 0xC000, domain: 1)
    guest.submit([.pasidCache(domain: 2)])
    #expect(backend.takeCalls().isEmpty)
    guest.clearEntry(6, directory)
    guest.submit([.pasidCache(domain: 1)])
    #expect(backend.takeCalls() == [.set(stage(0xC000), .number(5))])
    guest.submit([.pasidCache(domain: 2)])
    #expect(backend.takeCalls() == [.remove(.number(6))])
  }

  @Test("the RID's own PASID stands for the RID, and is no PASID")
  func own() throws {
    let (guest, backend, directory) = try running()
    guest.writeEntry(0, directory, root: 0xF000)
    guest.submit([.pasidCache(0)])
    #expect(backend.takeCalls() == [.set(stage(0xF000), nil)])
    guest.submit([.pasidPages(0, at: 0x5000), .pasidAll(0)])
    #expect(
      backend.takeCalls() == [
        .invalidate([.init(address: 0x5000, pageCount: 1, isLeafOnly: false), .everything], nil)
      ])
    guest.clearEntry(0, directory)
    guest.submit([.pasidCache(0)])
    #expect(backend.takeCalls() == [.remove(nil)])
  }

  @Test("a context entry may name another PASID for the RID")
  func ridPASID() throws {
    let features = VTdConfiguration.passthroughFeatures.union(.ridPASID)
    let (guest, backend, directory) = try running(VTdConfiguration(features: features))
    guest.writeEntry(5, directory, root: 0xA000)
    guest.submit([.pasidCache(5)])
    _ = backend.takeCalls()
    guest[guest.contextPlace(UnitGuest.requester) + 8] = 5
    guest.submit([.context(0x110)])
    #expect(
      backend.takeCalls() == [
        .set(stage(0xA000), nil), .remove(.number(5)), .set(stage(0x9000), .number(0)),
      ])
    guest.submit([.pasidAll(5)])
    #expect(backend.takeCalls() == [.invalidate([.everything], nil)])
    guest.clearEntry(5, directory)
    guest.submit([.pasidCache(5)])
    #expect(backend.takeCalls() == [.remove(nil)])
  }

  @Test("a context's change is seen when the guest tells of the device")
  func contexts() throws {
    let (guest, backend, directory) = try running()
    guest.writeEntry(5, directory, root: 0xA000)
    guest.submit([.pasidCache(5)])
    _ = backend.takeCalls()
    let place = guest.contextPlace(UnitGuest.requester)
    let entry = guest[place]
    guest[place] = entry & ~8
    guest.submit([.pasidGlobal, .context(0x111)])
    #expect(backend.takeCalls().isEmpty, "the context entry may be cached")
    guest.submit([.context(0x111, mask: 3)])
    #expect(backend.takeCalls() == [.remove(.number(5))], "PASIDE is clear")
    guest[place] = entry
    guest.submit([.context(0x110)])
    #expect(backend.takeCalls() == [.set(stage(0xA000), .number(5))])
    guest[place] = 0
    guest.submit([.contextGlobal])
    #expect(Set(backend.takeCalls()) == [.remove(.number(5)), .remove(nil)])
    guest[place] = entry
    guest.submit([VTdDescriptor(0x21)])
    #expect(
      Set(backend.takeCalls()) == [.set(stage(0x9000), nil), .set(stage(0xA000), .number(5))])
  }

  @Test("switching translation off and on, and another root")
  func switching() throws {
    let (guest, backend, directory) = try running()
    guest.writeEntry(5, directory, root: 0xA000)
    guest.submit([.pasidCache(5)])
    _ = backend.takeCalls()
    guest.command { $0.translation = false }
    #expect(backend.takeCalls() == [.set(.passThrough, nil), .remove(.number(5))])
    guest.submit([.pasidGlobal, .contextGlobal])
    #expect(backend.takeCalls().isEmpty)
    guest.command { $0.translation = true }
    #expect(backend.takeCalls() == [.set(stage(0x9000), nil), .set(stage(0xA000), .number(5))])
    // A root table with nothing in it.
    guest.unit.write(guest.page() | 1 << 10, at: VTdRegister.rootTable, size: 8)
    guest.command { $0.rootPointer = true }
    #expect(Set(backend.takeCalls()) == [.remove(nil), .remove(.number(5))])
    guest.setRoot()
    #expect(backend.takeCalls().count == 2)
    guest.unit.reset()
    #expect(backend.takeCalls() == [.set(.passThrough, nil), .remove(.number(5))])
  }

  @Test("legacy tables: pass-through is carried out, a second stage refused")
  func legacy() throws {
    let guest = try UnitGuest(pages: 64)
    let table = guest.page()
    guest[guest.root + 16] = table | 1
    guest[table + 0x100] = 1 | 2 << 2
    guest[table + 0x108] = 2
    let backend = try guest.addDevice()
    guest.start(scalable: false)
    #expect(backend.takeCalls() == [.set(.passThrough, nil)])
    guest[table + 0x100] = 0x5000 | 1
    guest.submit([.context(0x110)])
    #expect(backend.takeCalls() == [.remove(nil)])
    #expect(
      guest.unit.takeEvents() == [.secondStage(device: "0000:01:02.0", pasid: nil)])
  }

  @Test("a guest's own second stage is refused, and the operator told", arguments: [2, 3])
  func secondStage(type: UInt64) throws {
    let features = VTdConfiguration.passthroughFeatures.union([.secondStage, .nesting])
    let (guest, backend, directory) = try running(VTdConfiguration(features: features))
    guest.writeEntry(5, directory, root: 0xA000)
    guest.submit([.pasidCache(5)])
    _ = backend.takeCalls()
    guest.writeEntry(5, directory, root: 0xA000, type: type)
    guest.submit([.pasidCache(5)])
    #expect(backend.takeCalls() == [.remove(.number(5))])
    let events = guest.unit.takeEvents()
    #expect(events == [.secondStage(device: "0000:01:02.0", pasid: .number(5))])
    #expect(
      events[0].description
        == "0000:01:02.0, PASID 5: the guest's own second stage cannot be nested on a host; "
        + "its DMA is stopped")
    #expect(guest.faultStatus.rawValue == 0)
  }

  @Test(
    "entries that are wrong stop DMA, and are a fault with the right reason",
    arguments: [
      (1 | 1 << 6 | 1 << 10, 0xA000, 0x5A as UInt64), (1 | 2 << 6, 0xA000, 0x5B),
      (1 | 7 << 6, 0xA000, 0x5B), (1 | 1 << 6, 0xA004, 0x5B), (1 | 1 << 6, 0xA001, 0x5A),
      (1 | 1 << 6, 1 << 50, 0x5A),
    ] as [(UInt64, UInt64, UInt64)])
  func wrong(_ low: UInt64, _ third: UInt64, _ reason: UInt64) throws {
    let (guest, backend, directory) = try running()
    guest.writeEntry(5, directory, root: 0xA000)
    guest.submit([.pasidCache(5)])
    _ = backend.takeCalls()
    let place = guest.entryPlace(5, directory)
    guest[place] = low
    guest[place + 16] = third
    guest.submit([.pasidCache(5)])
    #expect(backend.takeCalls() == [.remove(.number(5))])
    let record = guest.unit.read(0x228, size: 8)
    #expect(record >> 32 & 0xFF == reason && record >> 40 & 0xFFFFF == 5)
    #expect(record >> 31 & 1 == 1 && record & 0xFFFF == 0x110)
    #expect(guest.unit.takeEvents().count == 1)
    // With FPD the same without a fault.
    guest.write(1 << 31, 0x22C)
    guest[place] = low | 2
    guest.submit([.pasidCache(5)])
    #expect(guest.faultStatus.pending == false)
  }

  // MARK: Refusals

  @Test("a refused replacement keeps the old table and says so; it is tried again when told of")
  func refusal() throws {
    let (guest, backend, directory) = try running()
    guest.writeEntry(5, directory, root: 0xA000)
    guest.submit([.pasidCache(5)])
    _ = backend.takeCalls()
    backend.refuse(1)
    guest.writeEntry(5, directory, root: 0xB000)
    guest.submit([.pasidCache(5)])
    #expect(backend.takeCalls() == [.set(stage(0xB000), .number(5))])
    #expect(backend.inPlace[.number(5)] == stage(0xA000))
    let event = guest.unit.takeEvents()
    #expect(
      event == [
        .refused(
          device: "0000:01:02.0", pasid: .number(5), BackendRefusal("no", errno: 22),
          keepsOld: true)
      ])
    #expect(event.first?.description.contains("goes on with the one before") == true)
    guest.submit([.pasidCache(5)])
    #expect(backend.inPlace[.number(5)] == stage(0xB000))
    // One that was never there stays away.
    backend.refuse(1)
    guest.writeEntry(6, directory, root: 0xC000)
    guest.submit([.pasidCache(6)])
    #expect(backend.inPlace[.number(6)] == nil)
    guest.clearEntry(6, directory)
    _ = backend.takeCalls()
    guest.submit([.pasidCache(6)])
    #expect(backend.takeCalls().isEmpty, "there is nothing to remove")
  }

  @Test("a refused invalidation takes the table away, so that nothing stale is reachable")
  func refusedInvalidation() throws {
    let (guest, backend, directory) = try running()
    guest.writeEntry(5, directory, root: 0xA000)
    guest.submit([.pasidCache(5)])
    _ = backend.takeCalls()
    backend.refuse(0, invalidations: 1)
    #expect(guest.submit([.pasidAll(5)]))
    #expect(backend.takeCalls() == [.invalidate([.everything], .number(5)), .remove(.number(5))])
    #expect(guest.unit.takeEvents().count == 1)
    guest.submit([.pasidAll(5)])
    #expect(backend.takeCalls().isEmpty)
    guest.submit([.pasidCache(5)])
    #expect(backend.takeCalls() == [.set(stage(0xA000), .number(5))])
  }

  // MARK: Invalidations

  @Test("invalidations come in one batch a PASID and wait, in order")
  func batches() throws {
    let (guest, backend, directory) = try running()
    for number in [5, 6] as [UInt32] {
      guest.writeEntry(number, directory, root: UInt64(number) << 12)
    }
    guest.submit([.pasidGlobal])
    _ = backend.takeCalls()
    let page = VTdDescriptorTests.pages
    guest.put([
      .pasidPages(5, at: 0x1000), .pasidPages(6, at: 0x2000, mask: 4, leaf: true),
      .pasidPages(5, at: 0x3000), .pasidPages(7, at: 0x4000), .pasidPages(5, 2, at: 0x4000),
      .wait(9, at: guest.status + 8), .pasidAll(6), .pasidPages(6, at: 0x5000),
    ])
    guest.ring()
    #expect(
      backend.takeCalls() == [
        .invalidate([page(0x1000, 1, false), page(0x3000, 1, false)], .number(5)),
        .invalidate([page(0, 16, true)], .number(6)),
        .invalidate([.everything, page(0x5000, 1, false)], .number(6)),
      ])
  }

  @Test("a PASID that two devices share is invalidated in both; a removed one in neither")
  func shared() throws {
    let (guest, first, directory) = try running()
    let other = RequesterID(bus: 1, devfn: 0x88)
    guest.writeContext(other, directory: directory)
    let second = try guest.addDevice(other)
    #expect(second.takeCalls() == [.set(stage(0x9000), nil)])
    guest.writeEntry(5, directory, root: 0xA000)
    guest.submit([.pasidCache(5)])
    #expect(first.takeCalls() == [.set(stage(0xA000), .number(5))])
    #expect(second.takeCalls() == [.set(stage(0xA000), .number(5))])
    guest.submit([.pasidAll(5)])
    #expect(first.takeCalls() == second.takeCalls())
    guest.unit.remove(UnitGuest.requester)
    guest.submit([.pasidAll(5)])
    #expect(first.takeCalls().isEmpty)
    #expect(second.takeCalls() == [.invalidate([.everything], .number(5))])
    guest.clearEntry(5, directory)
    guest.submit([.pasidPages(5, at: 0), .pasidCache(5), .pasidAll(5)])
    #expect(first.takeCalls().isEmpty)
    #expect(second.takeCalls() == [.remove(.number(5))])
  }

  @Test("whole domains, and everything")
  func wholeDomains() throws {
    let (guest, backend, directory) = try running()
    guest.writeEntry(5, directory, root: 0xA000, domain: 1)
    guest.writeEntry(6, directory, root: 0xB000, domain: 2)
    guest.writeEntry(7, directory, root: 0, domain: 2, type: 4)
    guest.submit([.pasidGlobal])
    _ = backend.takeCalls()
    guest.submit([VTdDescriptor(0x2_0022), .pasidPages(6, 2, at: 0x1000)])
    #expect(backend.takeCalls() == [.invalidate([.everything], .number(6))])
    guest.submit([VTdDescriptor(0x2_0032, 0x7000)])
    #expect(backend.takeCalls() == [.invalidate([.everything], .number(6))])
    guest.submit([.iotlbGlobal, .iotlbGlobal])
    #expect(
      Set(backend.takeCalls()) == [
        .invalidate([.everything], nil), .invalidate([.everything], .number(5)),
        .invalidate([.everything], .number(6)),
      ])
  }

  @Test("an entry that moves to another domain is invalidated by the new one")
  func movedDomain() throws {
    let (guest, backend, directory) = try running()
    guest.writeEntry(5, directory, root: 0xA000, domain: 1)
    guest.submit([.pasidCache(5, 1)])
    guest.writeEntry(5, directory, root: 0xA000, domain: 2)
    _ = backend.takeCalls()
    guest.submit([.pasidCache(5, 1)])
    guest.submit([.pasidAll(5, 1)])
    #expect(backend.takeCalls().isEmpty)
    guest.submit([.pasidAll(5, 2)])
    #expect(backend.takeCalls() == [.invalidate([.everything], .number(5))])
  }

  @Test("a wait completes only when the backends have done what came before it")
  func waitComesLast() throws {
    let (guest, backend, directory) = try running()
    guest.writeEntry(5, directory, root: 0xA000)
    let status = HostAddress(guest.bytes.address + guest.status)
    let seen = Mutex<[UInt64]>([])
    backend.atEachCall { _ in seen.withLock { $0.append(HostMemory.load(at: status)) } }
    let before = UInt64(guest.lastStatus)
    guest.submit([.pasidCache(5)])
    guest.submit([.pasidAll(5)])
    guest.clearEntry(5, directory)
    guest.submit([.pasidCache(5)])
    #expect(seen.withLock { $0 } == [before, before + 1, before + 2])
  }

  @Test("one doorbell reads tables and flushes domains once, however often it is told to")
  func boundedStretch() throws {
    let (guest, backend, directory) = try running()
    for number in 1...8 as ClosedRange<UInt32> {
      guest.writeEntry(number, directory, root: 0xA000, domain: UInt16(number))
    }
    let wait = VTdDescriptor.wait(9, at: guest.status + 8)
    // What changes while the doorbell is answered is seen at the next.
    let place = HostAddress(guest.bytes.address + guest.entryPlace(9, directory))
    backend.atEachCall { _ in HostMemory.store(1 | 1 << 6, at: place) }
    guest.put(Array([[.pasidGlobal, wait], [.contextGlobal, wait]].joined()))
    for _ in 0..<20 { guest.put([.pasidGlobal, wait]) }
    guest.ring()
    #expect(backend.takeCalls().count == 8)
    guest.submit([.pasidGlobal])
    #expect(backend.takeCalls() == [.set(stage(0), .number(9))])
    // The RID, and PASIDs 1 to 9.
    for _ in 0..<20 { guest.put([.iotlbGlobal, wait, .pasidAll(1), wait]) }
    guest.ring()
    #expect(backend.takeCalls().count == 10)
    for _ in 0..<20 { guest.put([VTdDescriptor(0x3_0022), wait]) }
    guest.ring()
    #expect(backend.takeCalls() == [.invalidate([.everything], .number(3))])
    // From some number of domains on, everything at once, and then nothing more.
    for domain in 2...8 as ClosedRange<UInt64> {
      guest.put([VTdDescriptor(0x22 | domain << 16), wait])
    }
    guest.ring()
    #expect(backend.takeCalls().count == VTdShadow.looks + 10)
    // The same for looking through directories: another domain's entry is seen as well.
    for number in 1...8 as ClosedRange<UInt32> { guest.clearEntry(number, directory) }
    for domain in 11...18 as ClosedRange<UInt16> { guest.put([.pasidCache(domain: domain), wait]) }
    guest.ring()
    #expect(backend.takeCalls().count == 8)
  }

  // MARK: Devices

  @Test(
    "a host that cannot do what the guest is promised is refused",
    arguments: [
      (nil, 26, 57, "nested translation"), (nil, 43, 57, "scalable mode"), (56, nil, 57, "1 GiB"),
      (60, nil, 57, "five-level"), (nil, 31, 57, "supervisor"), (nil, 30, 57, "execute"),
      (nil, 34, 57, "accessed"), (nil, nil, 39, "addressWidth"),
    ] as [(UInt64?, UInt64?, Int, String)])
  func refused(_ missing: UInt64?, _ extended: UInt64?, _ width: Int, _ word: String) throws {
    // Everything but one bit of CAP or ECAP.
    let capability = missing.map { .max ^ 1 << $0 } ?? UInt64.max
    let extended = extended.map { .max ^ 1 << $0 } ?? UInt64.max
    let features = VTdConfiguration.passthroughFeatures.union([
      .fiveLevels, .supervisorRequests, .executeRequests, .extendedAccessedFlag,
    ])
    let guest = try UnitGuest(pages: 16, VTdConfiguration(features: features))
    let backend = RecordingBackend()
    let error = #expect(throws: HostDeviceRefusal.self) {
      try guest.unit.add(
        .sample(backend, capability: capability, extended: extended, width: width),
        at: UnitGuest.requester)
    }
    #expect(error.map { "\($0)".contains(word) } == true)
    #expect(backend.takeCalls().isEmpty)
    try guest.unit.add(.sample(backend), at: UnitGuest.requester)
    #expect(throws: HostDeviceRefusal.taken(UnitGuest.requester)) {
      try guest.unit.addEmulated(at: UnitGuest.requester, name: "again")
    }
  }

  @Test("a device that comes while translation is on gets what the tables say, or nothing")
  func hotPlug() throws {
    let (guest, _, directory) = try running()
    let (known, unknown) = (RequesterID(bus: 1, devfn: 0x18), RequesterID(bus: 2, devfn: 0))
    guest.writeContext(known, directory: directory)
    #expect(try guest.addDevice(known).takeCalls() == [.set(stage(0x9000), nil)])
    #expect(try guest.addDevice(unknown).takeCalls() == [.remove(nil)])
    #expect(guest.faultStatus.rawValue == 0)
  }

  @Test("other kinds of hosts, and units that could not see new PASIDs")
  func otherKinds() throws {
    let backend = RecordingBackend()
    var device = HostIOMMUDevice.sample(backend)
    let guest = try UnitGuest(pages: 16)
    device.unit = .smmuv3(idr: [], iidr: 0, aidr: 0)
    #expect(throws: HostDeviceRefusal.otherKind(host: "SMMUv3", guest: "VT-d")) {
      try guest.unit.add(device, at: UnitGuest.requester)
    }
    let deaf = try UnitGuest(
      pages: 16,
      VTdConfiguration(features: VTdConfiguration.passthroughFeatures.subtracting(.cachingMode)))
    #expect(throws: HostDeviceRefusal.self) {
      try deaf.unit.add(.sample(backend), at: UnitGuest.requester)
    }
    // A unit that nests nothing takes any device, for pass-through.
    let plain = try UnitGuest(
      pages: 16, VTdConfiguration(pasidBits: 0, features: [.passThrough]))
    try plain.unit.add(device, at: UnitGuest.requester)
    #expect(backend.takeCalls() == [.set(.passThrough, nil)])
  }

  @Test("flags follow from the configuration alone")
  func flags() throws {
    func flags(_ bits: Int, _ features: VTdConfiguration.Features) throws -> VIOMMUFlags {
      try UnitGuest(pages: 16, VTdConfiguration(pasidBits: bits, features: features)).unit.flags
    }
    let usual = VTdConfiguration.passthroughFeatures
    #expect(
      try flags(20, usual) == [.wantsNestingParent, .supportsPASID, .wantsPASIDAttach])
    #expect(try flags(0, usual) == [.wantsNestingParent])
    #expect(
      try flags(0, usual.union(.dirtyTracking))
        == [.wantsNestingParent, .wantsNestingDirtyTracking])
    #expect(try flags(0, [.passThrough]) == [])
    #expect(try flags(20, [.scalableMode, .secondStage]) == [])
  }

  // MARK: Any sequence

  @Test(
    "after any changes that were told of, what is in place is what the tables say",
    arguments: 0..<20)
  func random(seed: UInt64) throws {
    let (guest, backend, directory) = try running(pages: 2048, pdts: 0)
    var random = SplitMix64(seed: seed)
    var expected: [PASID?: GuestTranslation] = [nil: stage(0x9000)]
    let numbers: [UInt32] = [0, 1, 2, 63, 64, 65, 1000, 8191]
    for _ in 0..<200 {
      var told: [VTdDescriptor] = []
      for _ in 0...random.next() % 3 {
        let number = numbers[Int(random.next() % 8)]
        let pasid = number == 0 ? nil : PASID.number(number)
        let root = (random.next() % 16) << 12
        switch random.next() % 4 {
        case 0:
          guest.clearEntry(number, directory)
          expected[pasid] = nil
        case 1:
          guest.writeEntry(number, directory, root: root, type: 4)
          expected[pasid] = .passThrough
        default:
          guest.writeEntry(number, directory, root: root)
          expected[pasid] = stage(root)
        }
        told.append(
          [.pasidCache(number), .pasidCache(domain: 1), .pasidGlobal][Int(random.next() % 3)])
      }
      #expect(guest.submit(told))
      #expect(backend.inPlace == expected)
    }
    #expect(guest.unit.takeEvents().isEmpty && guest.faultStatus.rawValue == 0)
  }
}
