import HostABI

extension BoundDevice {
  /// What is done about a feature of VFIO.
  public enum FeatureOperation: UInt32, Hashable, Sendable {
    /// Reading it.
    case get = 0x1_0000
    /// Setting it.
    case set = 0x2_0000
  }

  /// Resets the function (`VFIO_DEVICE_RESET`); its tables stay attached.
  ///
  /// - Throws: ``IOMMUError`` with `EINVAL` when the device has no reset that works.
  public func reset() throws(IOMMUError) { try handle.request(.reset, at: 0) }

  /// Whether a feature is there (`VFIO_DEVICE_FEATURE` with `PROBE`).
  ///
  /// - Parameters:
  ///   - feature: Its number, such as 1 for migration.
  ///   - operation: What would be done about it.
  /// - Returns: `false` when device or kernel do not have it.
  /// - Throws: ``IOMMUError`` for anything else than that.
  public func supports(
    feature: UInt16, _ operation: FeatureOperation
  ) throws(IOMMUError) -> Bool {
    let probe: UInt32 = 0x4_0000
    var argument = FeatureHeader()
    argument.flags = UInt32(feature) | operation.rawValue | probe
    do throws(IOMMUError) {
      try handle.perform(.feature, &argument)
      return true
    } catch {
      guard error.errno == .ENOTTY || error.errno == .EINVAL else { throw error }
      return false
    }
  }

  /// Delivers interrupts through event counters, and switches the kind on.
  ///
  /// - Parameters:
  ///   - kind: Which kind; only one of INTx, MSI and MSI-X can be on.
  ///   - start: The first interrupt.
  ///   - counters: An event counter for each; -1 drops one.
  /// - Throws: ``IOMMUError``; after an error none of them is delivered. A device that has fewer
  ///   interrupts to give than asked for is one too, with the number in words.
  public func deliver(
    _ kind: DeviceInterrupts.Kind, from start: UInt32 = 0, to counters: [Int32]
  ) throws(IOMMUError) {
    let available = try setInterrupts(
      kind, [.dataEventFD, .trigger], start, counters.count, counters)
    guard available == 0 else {
      throw IOMMUError(
        .device(.setIRQs), unexpected: "only \(available) interrupts can be had", [handle.name])
    }
  }

  /// Switches a kind of interrupts off.
  ///
  /// - Parameter kind: Which kind.
  /// - Throws: ``IOMMUError``.
  public func switchOff(_ kind: DeviceInterrupts.Kind) throws(IOMMUError) {
    _ = try setInterrupts(kind, [.dataNone, .trigger], 0, 0, [])
  }

  /// Fires interrupts from software, to try their delivery out.
  ///
  /// - Parameters:
  ///   - kind: A kind that is on.
  ///   - range: Which interrupts.
  /// - Throws: ``IOMMUError``.
  public func fire(
    _ kind: DeviceInterrupts.Kind, _ range: Range<UInt32>
  ) throws(IOMMUError) {
    _ = try setInterrupts(kind, [.dataNone, .trigger], range.lowerBound, range.count, [])
  }

  /// Masks or unmasks INTx, the one kind that Linux masks; it masks itself when it fires.
  ///
  /// - Parameter isMasked: Whether it is held back.
  /// - Throws: ``IOMMUError``.
  public func maskINTx(_ isMasked: Bool) throws(IOMMUError) {
    _ = try setInterrupts(.intx, [.dataNone, isMasked ? .mask : .unmask], 0, 1, [])
  }

  /// Unmasks INTx whenever an event counter is signalled, as the counter of a virtual interrupt
  /// controller's acknowledgement is.
  ///
  /// - Parameter counter: The event counter; -1 ends it.
  /// - Throws: ``IOMMUError``.
  public func unmaskINTx(with counter: Int32) throws(IOMMUError) {
    _ = try setInterrupts(.intx, [.dataEventFD, .unmask], 0, 1, [counter])
  }

  private func setInterrupts(
    _ kind: DeviceInterrupts.Kind, _ flags: VFIOSetIRQsFlags, _ start: UInt32, _ count: Int,
    _ data: [Int32]
  ) throws(IOMMUError) -> Int32 {
    let size = SetIRQsHeader.byteCount + 4 * data.count
    return try context.scratch.with(size) { (scratch) throws(IOMMUError) in
      var bytes: [UInt8] = []
      bytes.reserveCapacity(size)
      for field in [
        UInt32(clamping: size), flags.rawValue, kind.rawValue, start, UInt32(clamping: count),
      ] {
        bytes.append(little: field)
      }
      for value in data { bytes.append(little: UInt32(bitPattern: value)) }
      try scratch.store(bytes)
      return try handle.request(.setIRQs, at: scratch.address)
    }
  }
}
