import Synchronization
import Testing

@testable import Serving

@Suite("Messages of the unit that no function can carry yet")
struct MessageRouteTests {
  @Test("a function that becomes a bus master while a message is refused carries it then")
  func becameMeanwhile() {
    let routes = MessageRoutes(of: "iommu", trace: SampleTrace())
    defer { routes.end() }
    let carrier = LateCarrier { [weak routes] in routes?.retry() }
    routes.add(carrier)
    routes.send(0x66, to: 0xFEE0_2000)
    #expect(carrier.carried == [0x66])
    routes.retry()
    #expect(carrier.carried == [0x66])
    #expect(routes.sentCount == 1)
  }
}

/// A function that its guest makes a bus master right after it has refused a message.
private final class LateCarrier: MessageCarrier {
  private let isMaster = Atomic(false)
  private let messages = Mutex<[UInt32]>([])
  private let becameMaster: @Sendable () -> Void

  init(_ becameMaster: @escaping @Sendable () -> Void) { self.becameMaster = becameMaster }

  var carried: [UInt32] { messages.withLock { $0 } }

  func post(_ data: UInt32, to address: UInt64) -> Bool {
    guard isMaster.exchange(true, ordering: .sequentiallyConsistent) else {
      becameMaster()
      return false
    }
    messages.withLock { $0.append(data) }
    return true
  }
}
