import Synchronization

/// What devices, and processors that touch them, ask of the host; from any thread, and each takes
/// the host's lock.
extension SoftwareHost {
  /// A device sends the message of an MSI or MSI-X vector.
  ///
  /// - Parameters:
  ///   - vector: The vector.
  ///   - device: The device's number.
  /// - Returns: Whether somebody was told.
  @discardableResult
  package func interrupt(_ vector: Int, of device: Int) -> Bool {
    state.withLock { state in
      guard state.functions.indices.contains(device) else { return false }
      return state.functions[device].function.fire(vector: vector)
    }
  }

  /// A load by the processor from a region of a device; see ``VFIOFunction/load(bar:at:_:)``.
  package func load(
    _ byteCount: Int, at position: UInt64, ofBAR bar: Int, of device: Int
  ) -> UInt64? {
    state.withLock { state in
      guard state.functions.indices.contains(device) else { return nil }
      return state.functions[device].function.load(bar: bar, at: position, byteCount)
    }
  }

  /// A store by the processor to a region of a device; see ``VFIOFunction/store(_:bar:at:_:)``.
  package func store(
    _ value: UInt64, _ byteCount: Int, at position: UInt64, ofBAR bar: Int, of device: Int
  ) -> Bool {
    state.withLock { state in
      guard state.functions.indices.contains(device) else { return false }
      return state.functions[device].function.store(value, bar: bar, at: position, byteCount)
    }
  }

  /// A store of 64 bytes; see ``VFIOFunction/storeWide(_:bar:at:isAnswered:)``.
  package func storeWide(
    _ words: SIMD8<UInt64>, at position: UInt64, ofBAR bar: Int, of device: Int, isAnswered: Bool
  ) -> Bool? {
    state.withLock { state in
      guard state.functions.indices.contains(device) else { return nil }
      return state.functions[device].function.storeWide(
        words, bar: bar, at: position, isAnswered: isAnswered)
    }
  }
}
