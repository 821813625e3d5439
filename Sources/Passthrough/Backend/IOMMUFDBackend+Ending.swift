import Hardware
import IOMMUClient
import Synchronization
import VirtualIOMMU

/// Reset, and the end.
extension IOMMUFDBackend {
  /// Takes everything of the guest's away: PASIDs are detached, and the RID passes through.
  ///
  /// - Parameter keepsPageRequests: Whether page requests stay on.
  /// - Throws: ``IOMMUError``; what could not be taken away is still known.
  func reset(keepsPageRequests: Bool = false) throws(IOMMUError) {
    try state.withLock { (state) throws(IOMMUError) in
      guard let hold = state.hold else { return }
      for case let pasid? in state.inPlace.keys {
        if let problem = Self.insist({ () throws(IOMMUError) in try Self.detach(hold.device, pasid)
        }) {
          throw problem
        }
        remove(pasid, &state)
      }
      let old = state.inPlace[nil]
      if old?.translation != .passThrough {
        try Self.attach(hold.device, nil, to: hold.parent, replacing: old != nil)
        remove(nil, &state)
        state.inPlace[nil] = InPlace(translation: .passThrough, table: hold.parent)
      }
      if !keepsPageRequests { state.queue = nil }
      state.waiting.removeAll()
    }
  }

  /// Takes everything away and lets go of the device; nothing can be asked any more.
  func end() {
    state.withLock { state in
      guard let hold = state.hold else { return }
      for pasid in state.inPlace.keys {
        // What cannot be detached goes when the device closes.
        Self.insist { () throws(IOMMUError) in try Self.detach(hold.device, pasid) }
      }
      state.inPlace = [:]
      state.tables = [:]
      state.queue = nil
      state.waiting.removeAll()
      state.hold = nil
    }
  }

  private func remove(_ pasid: PASID?, _ state: inout State) {
    guard let old = state.inPlace.removeValue(forKey: pasid) else { return }
    state.waiting.dropAll(of: pasid)
    release(old.translation, &state)
  }
}
