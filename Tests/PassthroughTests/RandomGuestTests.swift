import GuestSupport
import HostABI
import Hardware
import IOMMU
import IOMMUClient
import PCIe
import Passthrough
import SoftHost
import TestSupport
import Testing
import VirtualIOMMU

@Suite("A guest that tells of all it changes never meets what it took away")
struct RandomGuestTests {
  /// A guest's processes and PASIDs, what it has told of them, and the device that follows.
  final class Scene {
    let machine: UnitTests.UnitMachine
    let driver: GuestDriver
    let requester = RequesterID(bus: 1, devfn: 0)
    let translator: VTdTranslator
    let endpoint: VTdEndpoint
    let directory: UInt64
    var random: SplitMix64
    /// What stands for a first stage: its root, and which of eight pages lead where.
    var processes: [(root: UInt64, pages: [UInt64?])] = []
    let targets: [UInt64]
    /// Per PASID, 0 for the RID: the process, or -1 for pass-through, and the domain.
    var attached: [UInt32: (process: Int, domain: UInt64)] = [:]
    var isOn = true
    static let first: UInt64 = 0x4000_0000

    init(seed: UInt64) throws {
      random = SplitMix64(seed: seed)
      machine = try UnitTests.UnitMachine()
      driver = machine.driver
      translator = driver.unit.makeTranslator()
      endpoint = driver.unit.endpoint(at: requester, translatedBy: translator)
      let driver = driver
      targets = (0..<16).map { number in
        let page = driver.page()
        driver[page] = 0x1000 + UInt64(number)
        return page
      }
      guard driver.boot() else { throw LinuxErrno.EIO }
      directory = driver.context(requester)
      for _ in 0..<6 { processes.append((driver.page(), [UInt64?](repeating: nil, count: 8))) }
      set(0, process: -1)
      driver.submit([(0x11, 0), (0x37, 0), (0x12, 0)])
    }

    func number(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    private func set(_ pasid: UInt32, process: Int) {
      let domain = UInt64(1 + number(3))
      driver.clear(pasid, directory, ifAny: true)
      driver.entry(
        pasid, directory, root: process < 0 ? nil : processes[process].root, domain: domain)
      attached[pasid] = (process, domain)
    }

    /// Changes something and tells of it.
    func step() {
      let pasid = UInt32(number(9))
      switch number(16) {
      case 0...3:
        let old = attached[pasid]
        set(pasid, process: number(4) == 0 ? -1 : number(processes.count))
        tell(pasid, of: old?.domain)
      case 4:
        guard pasid != 0, let old = attached.removeValue(forKey: pasid) else { return }
        driver.clear(pasid, directory, ifAny: true)
        tell(pasid, of: old.domain)
      case 5...12: change(number(processes.count))
      case 13:
        isOn.toggle()
        if !isOn || number(2) == 0 { driver.submit([(0x12, 0)]) }
        driver.translation(isOn)
      case 14: driver.submit([(0x11, 0), (0x37, 0), (0x12, 0)])
      default: driver.unit.restoreSelf()
      }
    }

    private func tell(_ pasid: UInt32, of domain: UInt64?) {
      var descriptors: [(UInt64, UInt64)] = []
      for domain in Set([domain, attached[pasid]?.domain].compactMap(\.self)) {
        let name: UInt64 = domain << 16 | UInt64(pasid) << 32
        descriptors.append((name | 0x17, 0))
        descriptors.append((name | 0x26, 0))
      }
      driver.submit(descriptors)
    }

    /// Moves or takes away up to eight pages, and invalidates for all PASIDs of the process.
    private func change(_ process: Int) {
      let order = number(4)
      let start = number(8) & ~((1 << order) - 1)
      for page in start..<min(8, start + 1 << order) {
        let target = number(3) == 0 ? nil : targets[number(targets.count)]
        processes[process].pages[page] = target
        let address = Self.first + UInt64(page) << 12
        if let target {
          driver.map(address, to: target, root: processes[process].root)
        } else {
          driver.unmap(address, root: processes[process].root)
        }
      }
      let word = (Self.first + UInt64(start) << 12) | UInt64(order)
      var descriptors: [(UInt64, UInt64)] = []
      for (pasid, found) in attached where found.process == process {
        let name: UInt64 = found.domain << 16 | UInt64(pasid) << 32
        descriptors.append((name | 0x36, word))
      }
      driver.submit(descriptors)
    }

    /// What a device's read of a page must find.
    func expected(_ pasid: UInt32?, _ page: Int) -> UInt64? {
      guard isOn else { return nil }
      guard let found = attached[pasid ?? 0], found.process >= 0 else { return nil }
      return processes[found.process].pages[page].map { driver[$0] }
    }

    /// The same page through the host's nested tables and through the unit's own walk.
    func check(_ step: Int) {
      for _ in 0..<4 {
        let number = UInt32(number(9))
        let pasid = number == 0 ? nil : number
        let page = self.number(8)
        let address = Self.first + UInt64(page) << 12
        let expected = expected(pasid, page)
        let found = machine.read(address, pasid: pasid)
        #expect(found == expected, "step \(step), PASID \(number), page \(page)")
        var bytes = [UInt8](repeating: 0, count: 8)
        var span = bytes.mutableSpan
        let own = endpoint.read(
          from: IOVA(address), into: &span, pasid.flatMap { PASID(rawValue: $0) })
        let value = bytes.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        #expect((own.obstacle == nil ? value : nil) == expected, "step \(step), own")
      }
    }
  }

  @Test("random lives, through the host and by the own walk", arguments: 0..<16 as Range<UInt64>)
  func lives(seed: UInt64) throws {
    let scene = try Scene(seed: seed)
    var device = try scene.machine.realise()
    let pri = try #require(device.synthesis.pageRequests.offset)
    for step in 0..<400 {
      scene.step()
      switch scene.number(32) {
      case 0: device.writeConfig(UInt32(scene.number(2)), .word, at: pri + 4)
      case 1:
        try device.reset()
        device.writeConfig(6, .word, at: 4)
      case 2:
        let state = device.state()
        try device.restore(state)
      case 3:
        _ = scene.machine.host.send(
          EndpointPageRequest(
            IOVA(UInt64(scene.number(64)) << 12),
            pasid: PASID(rawValue: UInt32(1 + scene.number(8))), .write,
            group: UInt16(scene.number(4))),
          from: scene.machine.host.endpoints[0])
        try device.deliverPageRequests()
      default: break
      }
      scene.check(step)
    }
    #expect(scene.machine.host.units.allSatisfy { $0.staleHitCount == 0 })
    let backend = try device.wishes()
    #expect(backend.problems.isEmpty)
    device.unrealise()
    #expect(backend.nestedTableCount == 0 && backend.waitingGroupCount == 0)
    #expect(scene.machine.host.endpoints[0].attachedPASIDCount == 0)
    #expect(scene.machine.passthrough.context.abandonedObjects.isEmpty)
  }
}

extension VTdUnit {
  /// Takes over its own state, as after a failed migration.
  fileprivate func restoreSelf() { try? restore(save()) }
}

extension GuestDriver {
  fileprivate func clear(_ pasid: UInt32, _ directory: UInt64, ifAny: Bool) {
    guard self[directory + UInt64(pasid >> 6) * 8] & 1 == 1 else { return }
    clear(pasid, directory)
  }

  fileprivate func unmap(_ address: UInt64, root: UInt64) {
    var table = root
    for level in (1...3).reversed() {
      let entry = self[table + (address >> UInt64(12 + 9 * level) & 0x1FF) * 8]
      guard entry & 1 == 1 else { return }
      table = entry & 0x000F_FFFF_FFFF_F000
    }
    self[table + (address >> 12 & 0x1FF) * 8] = 0
  }

  fileprivate func translation(_ isOn: Bool) {
    let lasting = unit.read(0x1C, size: 4) & 0x16FF_FFFF
    unit.write(lasting | (isOn ? 1 << 31 : 0), at: 0x18, size: 4)
  }
}
