import Hardware
import IOMMUClient
import Synchronization
import VirtualIOMMU

/// Reset, and the end.
extension IOMMUFDBackend {
  /// Takes everything of the guest's away: PASIDs are detached, and the RID passes through.
  ///
  /// - Parameter keepsPageRequests: Whether page requests stay on.
  /// - Throws: ``IOMMUError``, the first one; what could not be taken away is still known, and all
  ///   else is gone.
  func reset(keepsPageRequests: Bool = false) throws(IOMMUError) {
    try state.withLock { (state) throws(IOMMUError) in
      guard let hold = state.hold else { return }
      var first: IOMMUError?
      for case let pasid? in state.inPlace.keys {
        let problem = Self.insist { () throws(IOMMUError) in try Self.detach(hold.device, pasid) }
        if let problem { first = first ?? problem } else { remove(pasid, &state) }
      }
      let old = state.inPlace[nil]
      if old?.translation != .passThrough {
        do throws(IOMMUError) {
          try Self.attach(hold.device, nil, to: hold.parent, replacing: old != nil)
          remove(nil, &state)
          state.inPlace[nil] = InPlace(translation: .passThrough, table: hold.parent)
        } catch {
          first = first ?? error
        }
      }
      if !keepsPageRequests { state.queue = nil }
      // Those of tables that stay, too: the device that asked is reset.
      state.waiting.removeAll()
      if let first { throw first }
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
