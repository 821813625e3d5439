import DeviceModels
import HostABI
import Synchronization
import Testing
import VFIOUser
import VirtualIOMMU

@testable import Serving

@Suite("Interrupts of the unit wait for a function that may carry them")
struct MessageRouteTests {
  /// The number of config space among the regions.
  private static let config = 7

  /// A client with something happening between a device's look at its gate and its message's turn.
  private final class LatePeer: UserPeer {
    let sample = SamplePeer()
    let meanwhile = Mutex<(@Sendable () -> Void)?>(nil)
    let ready = Mutex<(@Sendable () -> Void)?>(nil)
    let refuses = Atomic(false)

    func post(_ address: UInt64, _ bytes: Span<UInt8>) -> Bool { sample.post(address, bytes) }
    func post(_ address: UInt64, _ bytes: Span<UInt8>, while isOpen: () -> Bool) -> Bool {
      meanwhile.withLock { $0.take() }?()
      return isOpen() && !refuses.load(ordering: .relaxed) && sample.post(address, bytes)
    }
    func whenReady(_ body: @escaping @Sendable () -> Void) { ready.withLock { $0 = body } }
    func read(_ address: UInt64, into buffer: inout MutableSpan<UInt8>) throws(LinuxErrno) {
      throw .EIO
    }
    func write(_ address: UInt64, _ bytes: Span<UInt8>) throws(LinuxErrno) { throw .EIO }
  }

  /// A function that can carry messages from the second one on.
  private final class SlowCarrier: MessageCarrier {
    let asked = Atomic(0)
    func post(_ data: UInt32, to address: UInt64) -> Bool {
      asked.wrappingAdd(1, ordering: .relaxed).newValue > 1
    }
  }

  /// What shuts the gate of a function.
  enum Closing: CaseIterable, Sendable { case reset, functionLevelReset, command }

  @Test("none is sent behind a reset or the end of bus mastering", arguments: Closing.allCases)
  func gate(_ closing: Closing) throws {
    let guest = try ServedGuest()
    let peer = LatePeer()
    let device = guest.device
    device.attached(to: peer)
    let routes = guest.function.routes
    try guest.store(6, 2, 4, Self.config, device)
    routes.send(0x55, to: 0xFEE0_1000)
    #expect(peer.sample.posted.map(\.0) == [0xFEE0_1000])

    // The PCI Express capability, for Initiate Function Level Reset in its control register.
    var express = Int(try guest.load(1, 0x34, Self.config, device))
    while try guest.load(1, UInt64(express), Self.config, device) != 0x10 {
      express = Int(try guest.load(1, UInt64(express) + 1, Self.config, device))
      try #require(express != 0)
    }
    let control = UInt64(express) + 8
    peer.meanwhile.withLock {
      $0 = {
        switch closing {
        case .reset: try? device.reset()
        case .functionLevelReset:
          let bytes: [UInt8] = [0, 0x80]
          try? device.write(Self.config, at: control, bytes.span)
        case .command:
          let bytes: [UInt8] = [2, 0]
          try? device.write(Self.config, at: 4, bytes.span)
        }
      }
    }
    routes.send(0x66, to: 0xFEE0_2000)
    routes.send(0x77, to: 0xFEE0_3000)
    #expect(peer.sample.posted.count == 1)
    #expect(!device.controls.contains(.busMaster))
    // Memory decoding alone lets nothing out; bus mastering lets all out that waits, in order.
    try guest.store(2, 2, 4, Self.config, device)
    #expect(peer.sample.posted.count == 1)
    try guest.store(6, 2, 4, Self.config, device)
    #expect(peer.sample.posted.map(\.0) == [0xFEE0_1000, 0xFEE0_2000, 0xFEE0_3000])
    #expect(peer.sample.posted.map(\.1).last == [0x77, 0, 0, 0])
    try guest.store(2, 2, 4, Self.config, device)
    try guest.store(6, 2, 4, Self.config, device)
    #expect(peer.sample.posted.count == 3)
  }

  @Test("one that the client cannot take yet goes when it says that it can, if it may still")
  func readiness() throws {
    let guest = try ServedGuest()
    let peer = LatePeer()
    guest.device.attached(to: peer)
    let ready = try #require(peer.ready.withLock { $0 })
    let routes = guest.function.routes
    try guest.store(6, 2, 4, Self.config, guest.device)
    peer.refuses.store(true, ordering: .relaxed)
    routes.send(0x55, to: 0xFEE0_1000)
    peer.refuses.store(false, ordering: .relaxed)
    try guest.device.reset()
    ready()
    #expect(peer.sample.posted.isEmpty)
    try guest.store(6, 2, 4, Self.config, guest.device)
    #expect(peer.sample.posted.count == 1)
    peer.refuses.store(true, ordering: .relaxed)
    routes.send(0x66, to: 0xFEE0_2000)
    peer.refuses.store(false, ordering: .relaxed)
    #expect(peer.sample.posted.count == 1)
    ready()
    #expect(peer.sample.posted.map(\.0) == [0xFEE0_1000, 0xFEE0_2000])
  }

  @Test("one goes whose carrier became able just when it was put aside")
  func crossing() {
    let routes = MessageRoutes(of: "iommu", trace: SampleTrace())
    let carrier = SlowCarrier()
    routes.add(carrier)
    routes.send(0x55, to: 0xFEE0_1000)
    #expect(carrier.asked.load(ordering: .relaxed) == 2 && routes.sentCount == 1)
  }
}
