import Hardware
import PCIe
import TestSupport
import Testing

@testable import Placement

@Suite("Pins")
struct PinTests {
  private func pin(_ members: [Member]) -> Pin {
    Pin(capability: PASIDCapability(), models: [ModelPin(Fleet.survey(members).plan())])
  }

  @Test(
    "of a fleet, those honour its pin that show the list of the most, if it had an offset",
    arguments: 0..<60 as Range<UInt64>)
  func own(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    let members = Fleet.random(using: &generator)
    let pin = pin(members)
    var honouring: Set<[SurveyedCapability]> = []
    for member in members {
      switch pin.breach(by: member.evidence) {
      case nil: honouring.insert(member.evidence.entries.map(\.header))
      case .noOffset: #expect(pin.models[0].offset == nil)
      case .otherLayout:
        #expect(member.evidence.entries.map(\.header) != pin.models[0].layout.map(\.header))
      case let breach?: Issue.record("\(breach)")
      }
    }
    // Both ends of a migration between them show the same list.
    #expect(honouring.count == (pin.models[0].offset == nil ? 0 : 1))
  }

  @Test("devices that a pin is not honoured by")
  func breaches() throws {
    let plain = Fleet.sample(strayAt: [])
    let pin = pin([Member("a", plain)])
    #expect(pin.models[0].offset == 0xFF8 && pin.models[0].grade == "likely")
    func breach(_ change: (inout ConfigSpaceBuilder) -> Void) -> PinBreach? {
      var builder = ConfigSpaceBuilder(plain)
      change(&builder)
      return pin.breach(by: Cases.evidence(builder.config))
    }
    #expect(breach { _ in } == nil)
    // What a guest sees of the list does not change with registers that nobody owns.
    #expect(breach { $0.put8(1, at: 0x800) } == nil)
    let other = DeviceModel(vendorID: 0x1234, deviceID: 0x5678, revision: 2)
    #expect(breach { $0.put8(2, at: 8) } == .noPin(other))
    #expect(breach { $0.put8(1, at: 0xFFC) } == .refused([.nonZero(offset: 0xFF8, at: 0xFFC)]))
    let dsn = SurveyedCapability(offset: 0x300, id: 3, version: 1, size: 12)
    let added = breach {
      $0.putExtendedHeader(id: 0x13, next: 0x300, at: 0x240)
      $0.putExtendedHeader(id: 3, next: 0, at: 0x300)
    }
    #expect(added == .otherLayout(missing: [], added: [dsn]))
    let pri = SurveyedCapability(offset: 0x240, id: 0x13, version: 1, size: 16)
    let removed = breach {
      $0.putExtendedHeader(id: 0x0F, next: 0, at: 0x220)
      $0.put32(0, 0, 0, at: 0x240)
    }
    #expect(removed == .otherLayout(missing: [pri], added: []))
    let version = breach { $0.putExtendedHeader(id: 0x13, version: 2, next: 0, at: 0x240) }
    let newer = SurveyedCapability(offset: 0x240, id: 0x13, version: 2, size: 16)
    #expect(version == .otherLayout(missing: [pri], added: [newer]))
    let swapped = breach {
      $0.putExtendedHeader(id: 0x18, next: 0x170, at: 0x150)
      $0.putExtendedHeader(id: 0x02, next: 0x160, at: 0x170)
      $0.putExtendedHeader(id: 0x17, next: 0x200, at: 0x160)
    }
    #expect(swapped == .otherLayout(missing: [], added: []))
    let own = Fleet.disguised(SampleDevice.sapphireRapidsDSA)
    #expect(pin.breach(by: Cases.evidence(own)) == .presentAt(offset: 0x230, pinned: 0xFF8))
    let broken = Cases.evidence(Fleet.disguised(Fixtures.named("loop of two")))
    #expect(pin.breach(by: broken) == .refused([.unusable(broken.space)]))
    for breach in [added, removed, version, swapped] {
      #expect(try #require(breach).description.hasPrefix("its guest would see other bytes: "))
    }
  }

  @Test("a pin on the device's own capability")
  func present() {
    let own = Fleet.disguised(SampleDevice.sapphireRapidsDSA)
    let pin = pin([Member("a", own)])
    #expect(pin.models[0].grade == "present" && pin.models[0].offset == 0x230)
    #expect(pin.breach(by: Cases.evidence(own)) == nil)
    let without = Cases.evidence(Fleet.sample(strayAt: []))
    #expect(pin.breach(by: without) == .notPresent(pinned: 0x230))
  }

  @Test("forbidden ranges breach a pin")
  func forbidden() throws {
    let plain = Fleet.sample(strayAt: [])
    let range = try DeclaredRange(0xFFF...0xFFF, .forbidden, source: "erratum")
    let breach = pin([Member("a", plain)]).breach(
      by: Cases.evidence(plain), declarations: Declarations(user: [range], quirks: []))
    #expect(breach == .refused([.forbidden(offset: 0xFF8, 0xFFF...0xFFF, source: "erratum")]))
  }

  @Test("models are found, however many there are")
  func many() {
    let models = (0..<50).map { (index: Int) -> DeviceModel in
      let vendor = UInt16(index * 7 % 5)
      return DeviceModel(vendorID: vendor, deviceID: UInt16(index / 3), revision: UInt8(index % 3))
    }
    let pins = models.map {
      ModelPin(model: $0, offset: nil, grade: "refused", members: 1, layout: [])
    }
    let pin = Pin(capability: PASIDCapability(), models: pins.reversed())
    for model in models {
      let evidence = PlacementEvidence(
        model: model, space: .usable, isExpress: true, entries: [], hidden: [], stray: .init())
      #expect(pin.breach(by: evidence) == .noOffset(model))
    }
  }
}

extension SurveyedCapability {
  /// What a guest sees of it: all but the length.
  fileprivate var header: SurveyedCapability {
    SurveyedCapability(offset: offset, id: id, version: version, size: nil)
  }
}
