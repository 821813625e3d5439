import Commands
import HostABI
import PCIe
import SoftHost
import TestSupport
import Testing

@Suite("The lab with a VT-d unit of the guest's") struct VTdLabTests {
  static let counts = [1, 2, 3, 64, 65, 1000]

  /// The steps of a run with PASIDs, in order.
  static let steps: [LabStep.Name] = [
    .host, .realise, .unit, .function, .attach, .dma, .invalidation, .faults, .pageRequests,
    .replace, .detach, .migration, .close,
  ]

  /// A run, with nothing left on either host.
  static func run(_ options: LabOptions) throws -> LabReport {
    let (host, target) = (try LabHost(options), try LabHost(options))
    let report = Lab.run(options, on: host, to: target)
    for lab in [host, target] {
      #expect(lab.host.openContextCount == 0 && lab.host.chargedPageCount == 0)
      #expect(lab.host.endpoints[0].attachedPASIDCount == 0)
    }
    return report
  }

  @Test("every step does what it states, and nothing is left", arguments: counts)
  func holds(count: Int) throws {
    let report = try Self.run(LabOptions(pasidCount: count))
    #expect(report.holds && report.heldCount == report.claimCount)
    #expect(report.steps.map(\.name) == Self.steps)
    for step in report.steps {
      #expect(step.events.allSatisfy { $0.expected == nil && $0.holds != false })
      #expect(step.events.contains { $0.holds == true } && !step.way.isEmpty)
    }
    let processes = report.facts.processes
    #expect(processes.map(\.pasid) == (1...UInt32(count)).map { $0 })
    #expect(processes.allSatisfy { $0.text == "written with PASID \($0.pasid)" })
    #expect(Set(processes.map(\.pageTable)).count == count)
    #expect(report.facts.migration?.isDone == true)
    #expect(report.facts.migration?.attachedPASIDs == count)
  }

  @Test("what crosses a seam follows from the specification")
  func crossings() throws {
    let report = try Self.run(LabOptions(pasidCount: 5))
    func count(_ seam: LabCrossing.Seam, _ name: String, in step: LabStep.Name) -> Int {
      let crossings = report.steps.first { $0.name == step }?.crossings ?? []
      return crossings.first { $0.seam == seam && $0.name == name }?.count ?? 0
    }
    #expect(count(.unit, "queue PASID-cache invalidation", in: .attach) == 5)
    #expect(count(.backend, "setTranslation(first stage, PASID)", in: .attach) == 5)
    #expect(count(.host, "VFIO_DEVICE_ATTACH_IOMMUFD_PT", in: .attach) == 5)
    #expect(count(.host, "IOMMU_HWPT_INVALIDATE", in: .invalidation) == 1)
    #expect(count(.guest, "fault interrupt", in: .faults) == 1)
    #expect(count(.guest, "page request interrupt", in: .pageRequests) == 2)
    // A replace is one call of the backend, and one of the host besides the new table.
    #expect(count(.backend, "removeTranslation(PASID)", in: .replace) == 0)
    #expect(count(.host, "VFIO_DEVICE_DETACH_IOMMUFD_PT", in: .replace) == 0)
    #expect(report.steps.first { $0.name == .dma }?.crossings == [], "DMA crosses none of them")
    let errors = report.steps.flatMap(\.crossings).compactMap(\.error)
    #expect(errors.isEmpty)
  }

  @Test("the tables are where the entries point")
  func tables() throws {
    let facts = try Self.run(LabOptions(pasidCount: 2)).facts
    let tables = try #require(facts.tables)
    let mask: UInt64 = ~0xFFF
    #expect(tables.rootEntry.address == tables.root + UInt64(tables.source >> 8) * 16)
    #expect(tables.rootEntry.value & mask == tables.contextTable)
    #expect(tables.contextEntry.address == tables.contextTable)
    #expect(tables.contextEntry.value & mask == tables.directory)
    // Present, DTE, PASIDE and PRE; a directory for all 20 bits.
    #expect(tables.contextEntry.value & 0xFFF == 0x1D | 7 << 9)
    #expect(tables.directoryEntry.address == tables.directory)
    #expect(tables.pasidEntry.address == tables.directoryEntry.value & mask + 64)
    #expect(tables.pasidEntry.value == 1 | 1 << 6)
    #expect(tables.firstStage == facts.processes.first?.table)
    #expect(tables.nestedTable == facts.processes.first?.pageTable)
    #expect(facts.unitFaults.map(\.reason) == [0x5A])
    #expect(facts.faults.map(\.reason) == [0x71, 0x85, 0x79, nil])
    #expect(facts.pageRequests.map(\.answer) == ["success", "invalid"])
    #expect(facts.invalidation?.staleHits == 0)
  }

  @Test("whatever fails shows as expected, and leaves nothing", arguments: LabBreak.allCases)
  func breaks(what: LabBreak) throws {
    let report = try Self.run(LabOptions(breaking: what))
    #expect(report.holds, "\(LabTextReport.text(report, style: .plain))")
    let names = report.steps.map(\.name)
    switch what.effect {
    case .refusesDevice: #expect(names == [.host, .realise, .close])
    case .withholdsPASIDs: #expect(names == [.host, .realise, .unit, .function, .close])
    case .changesStep(let step):
      #expect(names == Self.steps)
      let plain = try Self.run(LabOptions())
      let events = [report, plain].map { report in
        report.steps.first { $0.name == step }?.events.map { "\($0.action) \($0.answer)" }
      }
      #expect(events[0] != events[1], "the step goes otherwise")
    }
    // Of a forgotten entry nobody but the guest knows.
    if what != .forgottenAttach {
      #expect(!report.steps.flatMap(\.messages).isEmpty, "an operator is told")
    }
    #expect(!what.summary.isEmpty && LabBreak.list.contains("\(what.rawValue) "))
  }

  @Test("breaks name what an operator needs to know")
  func messages() throws {
    let words: [LabBreak: String] = [
      .noHostPASID: "the host must have enabled them", .blockedPath: "Access Control Services",
      .mdev: "mediated or emulated", .legacyContainer: "not bound to iommufd",
      .collidingOffset: "would overlap", .narrowVIOMMU: "4 bits of the guest's IOMMU",
      .noPageRequests: "has not enabled page requests", .noNesting: "EOPNOTSUPP",
      .narrowHost: "the host translates 48 bits", .noCachingMode: "caching mode",
      .conventionalBridge: "conventional bridge", .memoryLimit: "RLIMIT_MEMLOCK",
      .refusedAttach: "ENOMEM", .refusedReplace: "stays", .wrongDescriptor: "queue stopped",
      .forgottenInvalidation: "fault 0x71", .refusedInvalidation: "DMA was stopped",
      .fullPageRequestQueue: "PRS.PRO", .noDirtyTracking: "DIRTY_TRACKING",
      .otherLayout: "0xff8-0xffb",
    ]
    for (what, word) in words {
      let messages = try Self.run(LabOptions(breaking: what)).steps.flatMap(\.messages)
      #expect(messages.contains { $0.contains(word) }, "\(what.rawValue): \(messages)")
    }
    #expect(words.count == LabBreak.allCases.count - 1)
  }

  @Test("any function that a VMM can have goes through", arguments: RealDumps.all)
  func devices(dump: RealDump) throws {
    let device = LabDevice(
      LoadedDevice(address: nil, source: dump.file, config: dump.config))
    let options = try LabOptions(pasidCount: 2, device: device)
    do throws(LabOptionProblem) {
      _ = try LabHost(options)
    } catch {
      guard case .notPassable = error else { throw error }
      return #expect(dump.config.headerType != 0 || dump.config.vendorID == .max)
    }
    let report = try Self.run(options)
    #expect(report.holds, "\(LabTextReport.text(report, style: .plain))")
    let pasid = dump.config.walkCapabilities().first(Capability.pasidID, in: .extended)
    if pasid == nil { #expect(report.facts.synthesis?.pasid.reasons.first == "host-has-none") }
  }

  @Test("a device has to have what is asked for")
  func options() throws {
    let plain = SampleDevice.sapphireRapidsDSA
    var without = ConfigSpaceBuilder(plain)
    without.putExtendedHeader(id: 0x0F, next: 0x240, at: 0x220)
    let device = LabDevice(
      LoadedDevice(address: nil, source: "test", config: without.config))
    #expect(throws: LabOptionProblem.noPASIDs(.refusedReplace)) {
      try LabOptions(device: device, breaking: .refusedReplace)
    }
    #expect(try Self.run(LabOptions(device: device)).holds)
    var narrow = ConfigSpaceBuilder(plain)
    narrow.put16(5 << 8, at: 0x234)
    let small = LabDevice(LoadedDevice(address: nil, source: "test", config: narrow.config))
    #expect(throws: LabOptionProblem.tooMany(31, width: 5)) {
      try LabOptions(pasidCount: 31, device: small)
    }
    #expect(try Self.run(LabOptions(pasidCount: 30, device: small)).holds)
  }

  @Test("whichever call fails, the run says so, ends, and leaves nothing behind")
  func failures() throws {
    let options = try LabOptions(pasidCount: 1)
    var counter: FailingKernel?
    _ = Lab.run(options, on: try LabHost(options), to: try LabHost(options)) { process in
      let kernel = FailingKernel(process, failing: 0)
      counter = kernel
      return kernel
    }
    let calls = counter?.callCount ?? 0
    #expect(calls > 30)
    for number in 1...calls where number < 80 || number % 16 == 0 {
      let (host, target) = (try LabHost(options), try LabHost(options))
      let report = Lab.run(options, on: host, to: target) {
        FailingKernel($0, failing: number)
      }
      for lab in [host, target] {
        #expect(
          lab.host.openContextCount == 0 && lab.host.chargedPageCount == 0, "call \(number)")
      }
      guard !report.holds else { continue }
      let failed = report.steps.flatMap(\.events).filter { $0.holds == false }
      #expect(!failed.isEmpty && failed.allSatisfy { $0.expected?.isEmpty == false })
    }
  }
}
