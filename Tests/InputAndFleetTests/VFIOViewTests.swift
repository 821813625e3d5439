import PCIe
import Placement
import TestSupport
import Testing

@testable import Commands

@Suite("What a VMM sees")
struct VFIOViewsTests {
  @Test("vfio-pci's rules hide the sample's PASID capability, whose width and rights are kept")
  func automatic() throws {
    let views = try VFIOViews("auto", Messages())
    let view = try #require(try views.view(of: .sample))
    let request = InspectRequest()
    let inspected = Inspection.inspect([.sample], views: [0: view], request: request)
    let device = try #require(inspected.first)
    #expect(device.decision.outcome == .placed(offset: 0xFF8, .likely))
    #expect(device.evidence.hidden.map(\.offset) == [0x230])
    #expect(device.capability == PASIDCapability(width: 20, privileged: true))
    let guest = try #require(device.guestConfig)
    #expect(guest.read32(0xFFC) == 0x1404)
    let without = Inspection.inspect([.sample], request: request)
    #expect(without.first?.decision.outcome == .present(offset: 0x230))
  }

  @Test("a promise beyond the device's own is known", arguments: 1...20)
  func promise(width: Int) {
    let own = PASIDCapability(width: 10, execute: true)
    #expect(PASIDCapability(width: width, execute: true).isWithin(own) == (width <= 10))
    #expect(!PASIDCapability(width: width, privileged: true).isWithin(own))
    #expect(PASIDCapability(register: own.register) == own)
  }
}
