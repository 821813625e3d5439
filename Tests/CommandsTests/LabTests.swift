import Commands
import HostABI
import SoftHost
import Testing

@Suite("The lab without a unit of the guest's") struct LabTests {
  static let counts = [1, 2, 3, 17, 64]

  @Test("every step does what it states, and nothing is left", arguments: counts)
  func holds(count: Int) throws {
    let lab = LabHost()
    let report = Lab.run(pasidCount: count, host: lab)
    #expect(report.holds && report.heldCount == report.claimCount)
    #expect(
      report.steps.map(\.name) == [
        .host, .bind, .memory, .tables, .dma, .faults, .pageRequests, .invalidation, .close,
      ])
    for step in report.steps {
      #expect(!step.way.isEmpty && !step.title.isEmpty && !step.events.isEmpty)
      #expect(step.events.allSatisfy { $0.expected == nil && $0.holds != false })
      #expect(step.events.contains { $0.holds == true })
    }
    let end = try #require(report.facts.end)
    #expect(end.openContexts == 0 && end.chargedPages == 0 && end.attachedPASIDs == 0)
    #expect(lab.host.openContextCount == 0 && lab.host.chargedPageCount == 0)
  }

  @Test("the device is what the first step says")
  func device() throws {
    let facts = Lab.run(pasidCount: 1).facts
    let device = try #require(facts.device)
    #expect(device.address == "0000:6a:01.0" && device.vendorID == 0x8086)
    #expect(device.pasidOffset == 0x230 && device.isPASIDShown == false)
    #expect(device.vpasidOffset != nil && device.vpasidGrade == "likely")
    let hardware = try #require(facts.hardware)
    #expect(hardware.unit == "vtd" && hardware.pasidWidth == 20 && hardware.nests)
    #expect(!hardware.allowsExecute && hardware.allowsPrivileged)
    let memory = try #require(facts.memory)
    #expect(UInt64(memory.pinnedPages) == memory.byteCount / 4096)
    // The addresses of interrupts are nobody's memory.
    #expect(memory.usable.allSatisfy { !$0.contains(0xFEE0_0000) })
  }

  @Test("each PASID reaches its own page at one address", arguments: counts)
  func pages(count: Int) {
    let processes = Lab.run(pasidCount: count).facts.processes
    #expect(processes.map(\.pasid) == (1...UInt32(count)).map { $0 })
    #expect(Set(processes.map(\.address)).count == 1)
    #expect(Set(processes.map(\.guestAddress)).count == count)
    #expect(Set(processes.map(\.table)).count == count)
    #expect(Set(processes.map(\.pageTable)).count == count)
    for process in processes { #expect(process.text == "written with PASID \(process.pasid)") }
  }

  @Test("a translation follows the entries, each through the second stage")
  func walk() throws {
    let facts = Lab.run(pasidCount: 2).facts
    let walk = try #require(facts.walk)
    let memory = try #require(facts.memory)
    #expect(walk.levels.map(\.level) == [4, 3, 2, 1])
    var table = try #require(facts.processes.first?.table)
    for level in walk.levels {
      #expect(UInt64(level.index) == walk.address >> UInt64(12 + 9 * (level.level - 1)) & 511)
      #expect(level.guestAddress == table + 8 * UInt64(level.index))
      #expect(level.hostAddress &- memory.hostAddress == level.guestAddress - memory.guestAddress)
      // Present, writable, user, accessed.
      #expect(level.entry & 0x27 == 0x27)
      table = level.entry & 0x000F_FFFF_FFFF_F000
    }
    #expect(try #require(walk.levels.last).entry & 0x40 != 0, "the page is dirty")
    #expect(walk.guestAddress == table | walk.address & 0xFFF)
    #expect(walk.hostAddress &- memory.hostAddress == walk.guestAddress - memory.guestAddress)
    #expect(walk.text == facts.processes.first?.text)
  }

  @Test("what the device may not do is refused for the reason that the specification has")
  func faults() throws {
    let faults = Lab.run(pasidCount: 3).facts.faults
    #expect(
      faults.map(\.name) == ["unmapped", "readOnly", "foreign", "unattached", "detached"])
    // VT-d §7.1.3: not present, no write permission, second stage.
    #expect(faults.map(\.reason) == [0x71, 0x85, 0x79, nil, nil])
    #expect(faults.map(\.isCurable) == [true, true, false, nil, nil])
    #expect(faults.map(\.stage) == [1, 1, 2, nil, nil])
    #expect(faults.map(\.result) == ["fault", "fault", "fault", "blocked", "blocked"])
    #expect(faults.map(\.pasid) == [1, 1, 1, 4, 3])
  }

  @Test("a page comes on request, or does not")
  func pageRequests() {
    let requests = Lab.run(pasidCount: 2).facts.pageRequests
    #expect(requests.map(\.answer) == ["success", "invalid"])
    #expect(requests.map(\.retry) == ["done", "fault"])
    #expect(Set(requests.map(\.group)).count == 2 && requests.allSatisfy { $0.pasid == 1 })
  }

  @Test("a forgotten invalidation shows, and the invalidation mends it")
  func invalidation() throws {
    let found = try #require(Lab.run(pasidCount: 3).facts.invalidation)
    #expect(found.oldPage != found.newPage && found.staleHits == 1 && found.staleHitsAfter == 0)
    #expect(found.staleText == found.text && !found.text.isEmpty)
  }

  @Test("the calls are those that passed the seam")
  func calls() throws {
    let report = Lab.run(pasidCount: 5)
    func count(_ name: String, in step: LabStep.Name) -> Int {
      report.steps.first { $0.name == step }?.calls.first { $0.name == name }?.count ?? 0
    }
    #expect(count("IOMMU_HWPT_ALLOC", in: .tables) == 5)
    #expect(count("VFIO_DEVICE_ATTACH_IOMMUFD_PT", in: .tables) == 5)
    #expect(count("VFIO_DEVICE_BIND_IOMMUFD", in: .bind) == 1)
    #expect(count("IOMMU_HWPT_INVALIDATE", in: .invalidation) == 1)
    #expect(report.steps.first { $0.name == .dma }?.calls == [], "DMA makes no system call")
    #expect(!report.steps.flatMap(\.calls).contains { $0.name == "ioctl" }, "all have names")
  }

  @Test("whichever call fails, the run says so, ends, and leaves nothing behind")
  func failures() {
    var counter: FailingKernel?
    _ = Lab.run(pasidCount: 1) { process in
      let kernel = FailingKernel(process, failing: 0)
      counter = kernel
      return kernel
    }
    let calls = counter?.callCount ?? 0
    #expect(calls > 30)
    var held = 0
    for number in 1...calls {
      let lab = LabHost()
      let report = Lab.run(pasidCount: 1, host: lab) { FailingKernel($0, failing: number) }
      #expect(lab.host.openContextCount == 0 && lab.host.chargedPageCount == 0, "call \(number)")
      // An owner that cannot destroy its object tries once more, so that such a run holds.
      guard !report.holds else {
        held += 1
        continue
      }
      let failed = report.steps.flatMap(\.events).filter { $0.holds == false }
      #expect(!failed.isEmpty && failed.allSatisfy { $0.expected?.isEmpty == false })
      #expect(LabTextReport.text(report, style: .plain).contains("expected: "))
    }
    #expect(held < calls / 3)
  }
}
