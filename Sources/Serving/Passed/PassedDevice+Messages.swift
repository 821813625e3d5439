import Hardware
import PCIe
import Passthrough
import Synchronization
import VFIOUser

extension PassedDevice: MessageCarrier {
  func post(_ data: UInt32, to address: UInt64) -> Bool {
    guard isBusMaster.load(ordering: .sequentiallyConsistent), let peer else { return false }
    var bytes = InlineArray<4, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    span.storeLittle(data, at: 0)
    return peer.post(address, bytes.span)
  }

  /// Config space as the guest is shown it, for the names of registers.
  var shownConfig: ConfigSpace {
    realised.withLock { state in
      guard let config = state.device?.guestConfig() else { return ConfigSpace(unchecked: []) }
      return config
    }
  }
}
