import Synchronization
import Testing
import VirtualIOMMU

@testable import Serving

@Suite("Interrupts of the unit go over a device of the host")
struct PassedMessageTests {
  @Test("one that waits is sent when the device becomes a bus master")
  func waiting() throws {
    let machine = try PassedMachine(1)
    let routes = MessageRoutes(of: "iommu", trace: machine.trace)
    let device = try PassedDevice(
      "dsa0", from: .node("/dev/vfio/devices/vfio0"), at: PassedMachine.place, behind: nil,
      on: machine.kernel, offersMapping: false, trace: machine.trace,
      becameBusMaster: { [weak routes] in routes?.retry() })
    defer { routes.end() }
    routes.add(device)
    let peer = SamplePeer()
    device.attached(to: peer)
    routes.send(0x66, to: 0xFEE0_2000)
    #expect(peer.posted.isEmpty)
    func setCommand(_ value: UInt8) throws {
      let bytes = [value, 0]
      try device.write(7, at: 4, bytes.span)
    }
    // Memory decoding alone is not enough.
    try setCommand(2)
    #expect(peer.posted.isEmpty)
    try setCommand(6)
    #expect(peer.posted.map(\.0) == [0xFEE0_2000])
    #expect(peer.posted.map(\.1) == [[0x66, 0, 0, 0]])
    try setCommand(6)
    try setCommand(2)
    try setCommand(6)
    #expect(peer.posted.count == 1)
    // After a reset nothing goes until the guest lets the function be a bus master again.
    try device.reset()
    routes.send(0x77, to: 0xFEE0_3000)
    #expect(peer.posted.count == 1)
    try setCommand(6)
    #expect(peer.posted.map(\.0) == [0xFEE0_2000, 0xFEE0_3000])
  }
}
