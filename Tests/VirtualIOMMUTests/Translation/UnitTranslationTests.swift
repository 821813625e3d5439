import HostSystem
import Hardware
import IOMMU
import Testing

@testable import VirtualIOMMU

/// Own translation behind a unit that a driver programs by registers and queue.
@Suite("Emulated devices behind a unit")
struct UnitTranslationTests {
  /// A unit with a device whose PASID 3 maps 0x1000 to a page of domain 1.
  private struct Scene {
    let guest: UnitGuest
    let endpoint: VTdEndpoint
    let translator: VTdTranslator
    let directory: UInt64
    let top: UInt64
    let leaf: UInt64
    let pages: [UInt64]

    init(start: Bool = true, _ configuration: VTdConfiguration? = nil) throws {
      guest = try UnitGuest(configuration)
      translator = guest.unit.makeTranslator()
      endpoint = guest.unit.endpoint(at: UnitGuest.requester, translatedBy: translator)
      try guest.unit.addEmulated(at: UnitGuest.requester, name: "copy engine")
      directory = guest.writeContext()
      var table = guest.page()
      top = table
      for _ in 0..<3 {
        let next = guest.page()
        guest[table] = next | 7
        table = next
      }
      leaf = table + 8
      pages = [guest.page(), guest.page()]
      guest[leaf] = pages[0] | 0x67
      guest.writeEntry(3, directory, root: top)
      if start { guest.start() }
    }

    func page(_ access: DMAAccess = .read) -> UInt64? {
      let answer = endpoint.withRequests(PASID(rawValue: 3)) {
        $0.translate(IOVA(0x1000), access)
      }
      guard case .success(let found) = answer else { return nil }
      return found.address.address - guest.bytes.address
    }
  }

  @Test("requests follow what the queue tells to forget, and nothing else")
  func queue() throws {
    let scene = try Scene()
    let guest = scene.guest
    #expect(scene.page() == scene.pages[0])
    var current = 0
    for (descriptor, forgets) in [
      (.pasidPages(3, at: 0x2000), false), (.pasidPages(3, at: 0x1000), true),
      (.pasidAll(3, 2), false), (.pasidAll(3), true), (.iotlbGlobal, true),
      (.pasidCache(3), false), (.contextGlobal, false), (.pasidPages(3, at: 0, mask: 2), true),
    ] as [(VTdDescriptor, Bool)] {
      guest[scene.leaf] = scene.pages[1 - current] | 0x67
      #expect(scene.page() == scene.pages[current])
      #expect(guest.submit([descriptor]))
      if forgets { current = 1 - current }
      #expect(scene.page() == scene.pages[current], "\(descriptor)")
      guest[scene.leaf] = scene.pages[current] | 0x67
    }
    guest.clearEntry(3, scene.directory)
    #expect(scene.page() == scene.pages[current])
    #expect(guest.submit([.pasidCache(3)]))
    #expect(scene.page() == nil)
  }

  @Test("nothing is translated before the driver says so")
  func off() throws {
    let scene = try Scene(start: false)
    let guest = scene.guest
    func physical() -> Bool {
      let answer = scene.endpoint.withRequests { $0.translate(IOVA(scene.pages[0]), .read) }
      guard case .success(let found) = answer else { return false }
      return found.address.address == guest.bytes.address + scene.pages[0]
    }
    #expect(physical() && scene.page() == nil)
    guest.start()
    #expect(!physical() && scene.page() == scene.pages[0])
    guest.command { $0.translation = false }
    #expect(physical() && scene.page() == nil)
  }

  @Test("a fault arrives in a recording register")
  func fault() throws {
    let scene = try Scene()
    let answer = scene.endpoint.withRequests(PASID(rawValue: 3)) {
      $0.translate(IOVA(0x5008), .write)
    }
    #expect(answer == .refused(.firstStageNotPresent))
    let record = VTdRegister.faultRecords
    #expect(scene.guest.unit.read(record, size: 8) == 0x5000)
    let high = scene.guest.unit.read(record + 8, size: 8)
    #expect(high & 0xFFFF == 0x110 && high >> 32 & 0xFF == 0x71 && high >> 63 == 1)
    #expect(high >> 40 & 0xF_FFFF == 3 && high >> 31 & 1 == 1)
  }

  @Test("a page request reaches the guest's queue, and the retry what it mapped")
  func pageRequest() throws {
    let scene = try Scene()
    let guest = scene.guest
    let queue = guest.page()
    guest.unit.write(queue, at: VTdRegister.requestAddress, size: 8)
    guest[scene.leaf] = 0
    let pasid = PASID(rawValue: 3)
    #expect(
      scene.endpoint.translationRequest(IOVA(0x1000), [.read, .write], pasid) == .success(nil))
    #expect(
      scene.endpoint.requestPage(
        GuestPageRequest(
          pasid: pasid, address: IOVA(0x1000), access: .read, group: 7, isLast: true)))
    #expect(guest[queue] == 1 | 1 << 8 | 0x110 << 16 | 3 << 32)
    #expect(guest[queue + 8] == 0x1000 | 7 << 3 | 4 | 1)
    guest[scene.leaf] = scene.pages[1] | 7
    guard
      case .success(let found?) = scene.endpoint.translationRequest(
        IOVA(0x1000), [.read, .write], pasid)
    else {
      Issue.record("still nothing there")
      return
    }
    #expect(found.address.rawValue == scene.pages[1] && found.permissions == [.read, .write])
  }

  @Test(
    "what a host's device is given leads where an emulated device gets",
    arguments: [0, 1, 1 << 4, 1 << 7, 1 | 1 << 4 | 1 << 7] as [UInt64])
  func sameTable(flags: UInt64) throws {
    let configuration = try VTdConfiguration(
      features: VTdConfiguration.passthroughFeatures.union([
        .supervisorRequests, .extendedAccessedFlag,
      ]))
    let scene = try Scene(configuration)
    let guest = scene.guest
    let other = RequesterID(bus: 1, devfn: 0x18)
    let backend = try guest.addDevice(other)
    guest.writeContext(other, directory: scene.directory)
    guest[scene.leaf] = scene.pages[0] | 5
    guest.writeEntry(3, scene.directory, root: scene.top, flags: flags)
    #expect(guest.submit([.contextGlobal, .pasidGlobal, .iotlbGlobal]))
    guard case .firstStage(let stage) = backend.inPlace[PASID(rawValue: 3)] else {
      Issue.record("\(backend.inPlace)")
      return
    }
    var options: VTdNestedTable.Options = []
    if stage.allowsSupervisor { options.insert(.supervisorRequests) }
    if stage.setsExtendedAccessed { options.insert(.extendedAccessed) }
    if stage.protectsWrites { options.insert(.writeProtect) }
    let nested = VTdNestedTable(
      parent: guest.table, root: stage.root, levels: stage.addressWidth == 57 ? 5 : 4,
      options: options, hostAddressWidth: 48)
    let host = TranslationUnit()
    for (tag, access)
      in ([.read, .write, [.read, .privileged], [.write, .privileged]]
      as [DMAAccess]).enumerated()
    {
      for iova in [0x1008, 0x2000, 1 << 47] as [UInt64] {
        let own = scene.endpoint.withRequests(PASID(rawValue: 3)) {
          $0.translate(IOVA(iova), access)
        }
        let context = TranslationContext(
          .vtdNested(nested), tag: UInt32(tag), pasid: PASID(rawValue: 3))
        let hosted = host.withDMA { $0.translate(IOVA(iova), access, for: context) }
        #expect(RandomWalkTests.agrees(own, hosted), "\(own) \(hosted)")
      }
    }
  }

  @Test("interrupts are remapped once the driver has set the table's pointer")
  func interrupts() throws {
    let configuration = try VTdConfiguration(
      features: VTdConfiguration.passthroughFeatures.union(.interruptRemapping))
    let scene = try Scene(configuration)
    let guest = scene.guest
    let remapper = guest.unit.makeInterruptRemapper()
    func answer() -> VTdInterruptAnswer {
      remapper.remap(0xFEE0_0030, 0, from: UnitGuest.requester, reportingTo: guest.unit)
    }
    #expect(answer() == .passed)
    let table = guest.page()
    guest[table + 16] = 1 | 0x45 << 16
    guest.unit.write(table | 7, at: VTdRegister.interruptTable, size: 8)
    guest.command { $0.interruptPointer = true }
    guest.command { $0.interruptRemapping = true }
    #expect(answer() == .remapped(VTdInterrupt(vector: 0x45, destination: 0)))
    guest[table + 16] = 1 | 0x46 << 16
    #expect(answer() == .remapped(VTdInterrupt(vector: 0x45, destination: 0)))
    #expect(guest.submit([VTdDescriptor(4 | 1 << 4 | 1 << 32)]))
    #expect(answer() == .remapped(VTdInterrupt(vector: 0x46, destination: 0)))
    guest[table + 16] = 0
    #expect(guest.submit([VTdDescriptor(4)]))
    #expect(answer() == .refused(.interruptNotPresent))
    let record = VTdRegister.faultRecords
    #expect(guest.unit.read(record, size: 8) == 1 << 48)
    #expect(guest.unit.read(record + 8, size: 8) >> 32 & 0xFF == 0x22)
  }
}
