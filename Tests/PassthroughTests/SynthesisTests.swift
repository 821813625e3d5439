import Foundation
import Hardware
import PCIe
import Passthrough
import Placement
import TestSupport
import Testing
import VirtualIOMMU

@Suite("A guest sees PASIDs only when everybody can honour them")
struct SynthesisTests {
  /// A function as VFIO shows it, with the host's ATS and PRI on.
  static let view: ConfigSpace = {
    var builder = ConfigSpaceBuilder(SampleDevice.sapphireRapidsDSA)
    builder.put16(1, at: 0x244)
    let config = builder.config
    return config.shownByVFIO(config.walkCapabilities())
  }()

  static let pasids = HostIOMMUDevice.PASIDInfo(
    width: 20, allowsExecute: true, allowsPrivileged: true)

  static func facts() -> SynthesisFacts {
    SynthesisFacts(
      view: view,
      host: .present(pasids: pasids, canAttachPASIDs: true, supportsATS: true, nests: true),
      guest: .init(
        flags: FakeIOMMU.vtd, pasidWidth: 20, honoursExecute: true, honoursPrivileged: true,
        supportsATS: true, supportsPageRequests: true),
      path: openPath)
  }

  static let openPath: PASIDPath = {
    var topology = PCITopology()
    guard let bus = try? topology.addRootBus(),
      let place = try? topology.add(
        PCIFunction(.integratedEndpoint, passesPrefixes: true), named: "x", on: bus, device: 0)
    else { preconditionFailure("an empty bus has room") }
    return topology.pasidPath(of: place)
  }()

  static let closedPath = PCITopology.closedPath

  @Test("with all conditions met")
  func shown() throws {
    let view = Synthesis.view(of: Self.facts(), SynthesisRequest())
    #expect(
      view.decision.pasids
        == .shown(
          offset: 0xFF8, PASIDCapability(width: 20, execute: true, privileged: true), .likely))
    #expect(view.decision.ats.isShown && view.decision.pageRequests.isShown)
    let guest = VirtualConfigSpace(Self.view, emulation: view.emulation)
    let walk = try guest.snapshot().walkCapabilities()
    #expect(walk.problems.isEmpty)
    #expect(walk.first(Capability.pasidID, in: .extended)?.offset == 0xFF8)
    #expect(walk.first(0x0F, in: .extended)?.offset == 0x220)
    #expect(walk.first(0x13, in: .extended)?.offset == 0x240)
  }

  typealias Change = @Sendable (inout SynthesisFacts, inout SynthesisRequest) -> Void

  /// What is missing, and the reason that is told.
  static let conditions: [(Change, String)] = [
    ({ _, request in request.wantsPASID = false }, "switched-off"),
    ({ facts, _ in facts.host = .absent(.emulated) }, "no-host-iommu"),
    ({ facts, _ in facts.host = .absent(.foreign) }, "no-host-iommu"),
    (
      { facts, _ in
        facts.host = .present(pasids: nil, canAttachPASIDs: true, supportsATS: true, nests: true)
      }, "host-has-none"
    ),
    ({ facts, _ in facts.guest = nil }, "no-guest-iommu"),
    ({ facts, _ in facts.guest?.flags = [.wantsNestingParent] }, "guest-has-none"),
    ({ facts, _ in facts.guest?.pasidWidth = 0 }, "guest-has-none"),
    (
      { facts, _ in
        facts.host = .present(
          pasids: pasids, canAttachPASIDs: false, supportsATS: true, nests: true)
      }, "not-attachable"
    ),
    ({ facts, _ in facts.path = closedPath }, "path"),
    ({ _, request in request.offset = 0x220 }, "no-place"),
    ({ _, request in request.offset = 0x101 }, "no-place"),
    (
      { _, request in
        request.declarations = Declarations(user: forbidden, quirks: [])
      }, "no-place"
    ),
  ]

  static let forbidden: [DeclaredRange] = {
    guard let all = try? DeclaredRange(0x100...0xFFF, .forbidden, source: "a test") else {
      preconditionFailure("the whole extended space is a range")
    }
    return [all]
  }()

  @Test("each missing condition withholds it, with its reason", arguments: conditions.indices)
  func withheld(index: Int) throws {
    let (change, reason) = Self.conditions[index]
    var facts = Self.facts()
    var request = SynthesisRequest()
    change(&facts, &request)
    let view = Synthesis.view(of: facts, request)
    #expect(view.decision.pasids == .withheld)
    #expect(view.decision.reasons.first?.name == reason)
    let guest = VirtualConfigSpace(facts.view, emulation: view.emulation)
    #expect(
      try guest.snapshot().walkCapabilities().first(Capability.pasidID, in: .extended) == nil)
  }

  @Test("a capability that VFIO shows stays as it is")
  func present() throws {
    var facts = Self.facts()
    facts.view = SampleDevice.sapphireRapidsDSA
    let view = Synthesis.view(of: facts, SynthesisRequest())
    #expect(view.decision.pasids == .present(offset: 0x230))
    #expect(view.decision.reasons == [.alreadyShown(offset: 0x230)])
  }

  /// Widths of host and guest.
  static let widths: [(UInt8, UInt8)] = [(20, 20), (20, 16), (8, 20), (1, 1), (20, 1), (5, 9)]

  @Test("it is as wide as the narrowest, and allows what all allow", arguments: widths)
  func width(host: UInt8, guest: UInt8) {
    for bits in 0..<16 {
      let flag = { (bit: Int) in bits >> bit & 1 == 1 }
      var facts = Self.facts()
      facts.host = .present(
        pasids: .init(width: host, allowsExecute: flag(0), allowsPrivileged: flag(1)),
        canAttachPASIDs: true, supportsATS: true, nests: true)
      facts.guest?.pasidWidth = guest
      facts.guest?.honoursExecute = flag(2)
      facts.guest?.honoursPrivileged = flag(3)
      let decision = Synthesis.view(of: facts, SynthesisRequest()).decision
      #expect(
        decision.capability
          == PASIDCapability(
            width: Int(min(host, guest)), execute: flag(0) && flag(2),
            privileged: flag(1) && flag(3)))
      #expect(decision.reasons.contains(.width(host: Int(host), guest: Int(guest))))
      #expect(decision.reasons.contains { $0.name == "without-execute" } != (flag(0) && flag(2)))
    }
  }

  @Test("a risky place is used only when it is asked for")
  func risky() {
    var facts = Self.facts()
    // A register at the very end leaves holes only.
    var builder = ConfigSpaceBuilder(Self.view)
    builder.putExtendedHeader(id: 0x13, next: 0xFF0, at: 0x240)
    builder.putExtendedHeader(id: 0x03, next: 0, at: 0xFF0)
    builder.put32(1, 2, at: 0xFF4)
    facts.view = builder.config
    let withheld = Synthesis.view(of: facts, SynthesisRequest()).decision
    #expect(withheld.pasids == .withheld && withheld.reasons.first?.name == "risky")
    #expect(!withheld.alternatives.isEmpty)
    let asked = Synthesis.view(of: facts, SynthesisRequest(offset: 0x800)).decision
    #expect(asked.offset == 0x800)
    guard case .shown(_, _, .risky) = asked.pasids else {
      Issue.record("\(asked)")
      return
    }
  }

  @Test("a pin is kept, or refused with what breaks it")
  func pins() throws {
    let facts = Self.facts()
    let evidence = PlacementEvidence(
      layout: LayoutMap(of: facts.view), of: facts.view, view: facts.view)
    func pin(_ offset: Int?, _ capability: PASIDCapability, grade: String = "likely") -> Pin {
      Pin(
        capability: capability,
        models: [
          ModelPin(
            model: evidence.model, offset: offset, grade: grade, members: 3,
            layout: evidence.entries)
        ])
    }
    let narrow = PASIDCapability(width: 16)
    let kept = Synthesis.view(of: facts, SynthesisRequest(pin: pin(0xE00, narrow))).decision
    #expect(kept.pasids == .shown(offset: 0xE00, narrow, .likely))
    #expect(kept.reasons.contains(.pinned(offset: 0xE00)))
    func refusal(_ request: SynthesisRequest) -> String? {
      let decision = Synthesis.view(of: facts, request).decision
      #expect(decision.pasids == .withheld)
      return decision.reasons.first?.name
    }
    #expect(refusal(SynthesisRequest(pin: pin(nil, narrow))) == "pin-breach")
    #expect(refusal(SynthesisRequest(pin: pin(0x220, narrow))) == "pin-breach")
    #expect(refusal(SynthesisRequest(pin: Pin(capability: narrow, models: []))) == "pin-breach")
    #expect(refusal(SynthesisRequest(offset: 0xFF8, pin: pin(0xE00, narrow))) == "pin-offset")
    var wide = facts
    wide.guest?.pasidWidth = 8
    let promised = Synthesis.view(of: wide, SynthesisRequest(pin: pin(0xE00, narrow))).decision
    #expect(promised.reasons.first?.name == "pin-promises")
  }

  @Test("decisions read as text and as JSON")
  func forms() throws {
    let decision = Synthesis.view(of: Self.facts(), SynthesisRequest()).decision
    #expect(decision.description.hasPrefix("PASID: 20 bits at 0xff8 (likely): 20 bits of device"))
    let json = String(decoding: try JSONEncoder().encode(decision), as: UTF8.self)
    #expect(json.contains("\"outcome\":\"shown\"") && json.contains("\"width\":20"))
    #expect(json.contains("\"name\":\"end-to-end\""))
  }
}

@Suite("ATS and page requests are shown only when they work end to end")
struct TranslationServiceTests {
  typealias Change = @Sendable (inout SynthesisFacts) -> Void

  static let pasids = SynthesisTests.pasids

  /// What is missing, and why ATS and page requests are not shown.
  static let cuts: [(Change, ats: String, pri: String)] = [
    ({ _ in }, "end-to-end", "end-to-end"),
    ({ $0.guest = nil }, "no-guest-iommu", "no-guest-iommu"),
    ({ $0.guest?.supportsATS = false }, "guest-unit-lacks", "needs-ats"),
    ({ $0.guest?.supportsPageRequests = false }, "end-to-end", "guest-unit-lacks"),
    ({ $0.host = .absent(.emulated) }, "no-host-iommu", "no-host-iommu"),
    (
      {
        $0.host = .present(pasids: pasids, canAttachPASIDs: true, supportsATS: false, nests: true)
      },
      "host-has-no-ats", "needs-ats"
    ),
    (
      {
        $0.host = .present(pasids: pasids, canAttachPASIDs: true, supportsATS: true, nests: false)
      },
      "not-nested", "needs-ats"
    ),
    ({ $0.view = changed($0.view) { $0.put16(0, at: 0x244) } }, "end-to-end", "host-disabled-pri"),
    (
      { $0.view = changed($0.view) { $0.put16(0x0100, at: 0x246) } }, "end-to-end",
      "responses-without-pasid"
    ),
    (
      { $0.view = changed($0.view) { $0.putExtendedHeader(id: 0x0F, next: 0, at: 0x220) } },
      "end-to-end", "not-there"
    ),
  ]

  static func changed(
    _ config: ConfigSpace, _ change: (inout ConfigSpaceBuilder) -> Void
  ) -> ConfigSpace {
    var builder = ConfigSpaceBuilder(config)
    change(&builder)
    return builder.config
  }

  @Test("each cut hides what it cuts", arguments: cuts.indices)
  func hidden(index: Int) throws {
    let (change, ats, pri) = Self.cuts[index]
    var facts = SynthesisTests.facts()
    change(&facts)
    let view = Synthesis.view(of: facts, SynthesisRequest())
    #expect(view.decision.ats.reasons.map(\.name) == [ats])
    #expect(view.decision.pageRequests.reasons.map(\.name) == [pri])
    let guest = VirtualConfigSpace(facts.view, emulation: view.emulation)
    let walk = try guest.snapshot().walkCapabilities()
    #expect(walk.problems.isEmpty)
    #expect((walk.first(0x0F, in: .extended) != nil) == view.decision.ats.isShown)
    #expect((walk.first(0x13, in: .extended) != nil) == view.decision.pageRequests.isShown)
    // Nothing else goes.
    for id in [0x01, 0x18, 0x17, 0x02, 0x23] as [UInt16] {
      #expect(walk.first(id, in: .extended) != nil)
    }
  }

  @Test("the first entry of the list leaves a placeholder")
  func first() throws {
    var builder = ConfigSpaceBuilder()
    builder.put32(0x0B25_8086, 0x0010_0000, 0x0880_0000, at: 0)
    builder.put8(0x40, at: 0x34)
    builder.put32(0x0092_0010, 0, at: 0x40)
    builder.putExtendedHeader(id: 0x0F, next: 0x140, at: 0x100)
    builder.putExtendedHeader(id: 0x03, next: 0, at: 0x140)
    var facts = SynthesisTests.facts()
    facts.view = builder.config
    facts.guest?.supportsATS = false
    let view = Synthesis.view(of: facts, SynthesisRequest())
    let guest = VirtualConfigSpace(facts.view, emulation: view.emulation)
    let walk = try guest.snapshot().walkCapabilities()
    #expect(walk.extended.map(\.id) == [0, 0x03, Capability.pasidID])
  }

  @Test("their control registers answer as hardware does")
  func registers() throws {
    let machine = try Machine()
    var device = try machine.realise(0)
    let ats = try #require(device.synthesis.ats.offset)
    let pri = try #require(device.synthesis.pageRequests.offset)
    device.writeConfig(0xFFFF, .word, at: ats + 6)
    #expect(device.readConfig(.word, at: ats + 6) == 0x801F)
    // The smallest unit stays while ATS is on.
    device.writeConfig(0x8003, .word, at: ats + 6)
    #expect(device.readConfig(.word, at: ats + 6) == 0x801F)
    device.writeConfig(0x001F, .word, at: ats + 6)
    device.writeConfig(0x8000, .word, at: ats + 6)
    #expect(device.readConfig(.word, at: ats + 6) == 0x8000)
    #expect(device.readConfig(.word, at: pri + 6) == 0x8100)
    device.writeConfig(32, .dword, at: pri + 12)
    device.writeConfig(3, .word, at: pri + 4)
    #expect(device.readConfig(.word, at: pri + 4) == 1)
    #expect(device.readConfig(.word, at: pri + 6) == 0x8000)
    #expect(device.readConfig(.dword, at: pri + 12) == 32)
    device.writeConfig(0, .word, at: pri + 4)
    #expect(device.readConfig(.word, at: pri + 6) == 0x8100)
    // A reset of the function by its driver puts all of them back.
    device.writeConfig(0x8000, .word, at: 0x48)
    #expect(device.readConfig(.word, at: ats + 6) == 0)
    #expect(device.readConfig(.dword, at: pri + 12) == 0)
  }

  @Test("a guest that writes anything anywhere is no harm", arguments: 0..<8 as Range<UInt64>)
  func hostileGuest(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let machine = try Machine()
    var device = try machine.realise(0)
    let layout = ConfigLayout(of: device.guestConfig())
    let ours = [0x220, 0x240, 0xFF8, 0x48].flatMap { [$0, $0 + 4, $0 + 6] }
    for _ in 0..<2000 {
      let width = AccessWidth.allCases.randomElement(using: &random) ?? .byte
      let near = (ours.randomElement(using: &random) ?? 0) + Int.random(in: -3...3, using: &random)
      let offset = Bool.random(using: &random) ? near : Int.random(in: -4...4100, using: &random)
      // Base addresses and the like are the device's own business.
      guard offset < 0 || offset >= 0x40 else { continue }
      let value = UInt32.random(in: 0...(.max), using: &random)
      #expect(device.writeConfig(value, width, at: offset).problem == nil)
      _ = device.readConfig(width, at: offset)
    }
    #expect(ConfigLayout(of: device.guestConfig()).differences(from: layout).isEmpty)
    let pri = try #require(device.synthesis.pageRequests.offset)
    let isOn = device.readConfig(.word, at: pri + 4) & 1 == 1
    #expect((device.pageRequestDescriptor != nil) == isOn)
    #expect((device.readConfig(.word, at: pri + 6) & 0x100 == 0) == isOn)
  }

  @Test("a device that says nothing sensible is no harm", arguments: 0..<200 as Range<UInt64>)
  func hostileDevice(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var builder = ConfigSpaceBuilder(SynthesisTests.view)
    for _ in 0..<Int.random(in: 1...40, using: &random) {
      let at = Int.random(in: 0..<0x140, using: &random) * 4
      let headers: [UInt32] = [
        0x0001_000F | UInt32.random(in: 0x10..<0x40, using: &random) << 24,
        0x0001_0013 | UInt32.random(in: 0x10..<0x40, using: &random) << 24, 0, .max,
        UInt32.random(in: 0...(.max), using: &random),
      ]
      builder.put32(headers.randomElement(using: &random) ?? 0, at: at)
    }
    var facts = SynthesisTests.facts()
    facts.view = builder.config
    facts.isOnRootBus = seed & 1 == 1
    facts.guest?.supportsATS = seed & 2 == 0
    let view = Synthesis.view(of: facts, SynthesisRequest(offset: seed & 4 == 0 ? nil : 0x204))
    let guest = VirtualConfigSpace(facts.view, emulation: view.emulation)
    let before = facts.view.walkCapabilities().problems.count
    if before == 0 { #expect(try guest.snapshot().walkCapabilities().problems.isEmpty) }
  }
}

extension VirtualConfigSpace where Physical: Copyable {
  /// All bytes as the guest reads them.
  func snapshot() throws -> ConfigSpace {
    var space = self
    return try ConfigSpace((0..<4096).map { UInt8(space.read(.byte, at: $0)) })
  }
}

extension PCITopology {
  /// The path of an endpoint behind a port without End-End TLP prefixes.
  static let closedPath: PASIDPath = {
    var topology = PCITopology()
    guard let bus = try? topology.addRootBus(),
      let port = try? topology.add(
        PCIFunction(.rootPort, accessControl: AccessControl(offered: .offered)), named: "rp",
        on: bus, device: 0), let below = topology.bus(behind: port),
      let place = try? topology.add(
        PCIFunction(.endpoint, passesPrefixes: true), named: "x", on: below, device: 0)
    else { preconditionFailure("an empty bus has room") }
    return topology.pasidPath(of: place)
  }()
}
