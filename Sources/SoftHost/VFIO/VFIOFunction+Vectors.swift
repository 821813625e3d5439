import HostABI
import PCIe

/// MSI and MSI-X.
extension VFIOFunction {
  mutating func triggerVectors(
    _ request: IRQRequest, _ kind: InterruptState.Kind, _ resolve: EventResolver
  ) throws(LinuxErrno) -> Int32 {
    if interrupts.kind == kind, request.count == 0, case .none = request.data {
      turnInterruptsOff()
      return 0
    }
    guard interrupts.kind == kind || interrupts.kind == nil else { throw .EINVAL }
    if case .descriptors(let descriptors) = request.data {
      if interrupts.kind == kind {
        try setSinks(descriptors, from: request.start, resolve)
        return 0
      }
      return try enable(kind, descriptors, from: request.start, resolve)
    }
    guard interrupts.kind == kind else { throw .EINVAL }
    for index in 0..<request.count where interrupts.vectors.indices.contains(request.start + index)
    {
      if case .bools(let values) = request.data, !values[index] { continue }
      interrupts.vectors[request.start + index]?.signal()
    }
    return 0
  }

  /// Turns a kind on with the first `start + count` vectors, as far as the platform has them.
  private mutating func enable(
    _ kind: InterruptState.Kind, _ descriptors: [Int32], from start: Int,
    _ resolve: EventResolver
  ) throws(LinuxErrno) -> Int32 {
    let wanted = start + descriptors.count
    // The kernel asks for one vector at least and `wanted` at most.
    guard wanted > 0 else { throw .ERANGE }
    guard powerState == 0 else { throw .EINVAL }
    if let limit = description.vectorLimit, limit < wanted {
      guard limit > 0 else { throw .ENOSPC }
      return Int32(truncatingIfNeeded: limit)
    }
    interrupts.kind = kind
    // Where vectors can be added, the whole table has places from the start.
    let places = kind == .msix && description.addsVectors ? irqCount(.msix) : wanted
    interrupts.vectors = Array(repeating: nil, count: places)
    switch kind {
    case .msi:
      view?.messageLimit = wanted <= 1 ? 0 : Int.bitWidth - (wanted - 1).leadingZeroBitCount
      setMessageControl(self.places.msi, enable: 1, true)
    case .msix: setMessageControl(self.places.msix, enable: 1 << 15, true)
    case .intx: break
    }
    do throws(LinuxErrno) {
      try setSinks(descriptors, from: start, resolve)
    } catch {
      turnInterruptsOff()
      throw error
    }
    return 0
  }

  /// Gives vectors their sinks; when one cannot be had, all of the block that were set are dropped.
  private mutating func setSinks(
    _ descriptors: [Int32], from start: Int, _ resolve: EventResolver
  ) throws(LinuxErrno) {
    for (index, descriptor) in descriptors.enumerated() {
      let vector = start + index
      do throws(LinuxErrno) {
        if interrupts.vectors.indices.contains(vector) { interrupts.vectors[vector] = nil }
        guard descriptor >= 0 else { continue }
        guard interrupts.vectors.indices.contains(vector) else { throw .EINVAL }
        interrupts.vectors[vector] = try resolve(descriptor)
      } catch {
        for earlier in start...vector where interrupts.vectors.indices.contains(earlier) {
          interrupts.vectors[earlier] = nil
        }
        throw error
      }
    }
  }

  /// The device sends the message of a vector.
  ///
  /// A message is a write to memory, so nothing is sent without bus mastering. A masked MSI vector
  /// stays pending.
  ///
  /// - Returns: Whether somebody was told.
  @discardableResult
  package mutating func fire(vector: Int) -> Bool {
    guard isBusMaster, powerState == 0, interrupts.kind == .msi || interrupts.kind == .msix,
      interrupts.vectors.indices.contains(vector), let sink = interrupts.vectors[vector]
    else { return false }
    if interrupts.kind == .msi, let masks = messageMasks, vector < 32 {
      let bit = UInt32(1) << UInt32(vector)
      if registers.read(.dword, at: masks) & bit != 0 {
        registers.store(bit, mask: bit, .dword, at: masks + 4)
        return false
      }
    }
    sink.signal()
    return true
  }

  /// Sends MSI messages that are pending and no longer masked.
  mutating func deliverPendingMessages() {
    guard interrupts.kind == .msi, isBusMaster, let masks = messageMasks else { return }
    var due =
      registers.read(.dword, at: masks + 4) & ~registers.read(.dword, at: masks)
    while due != 0 {
      let vector = due.trailingZeroBitCount
      due &= due - 1
      registers.store(0, mask: 1 << UInt32(vector), .dword, at: masks + 4)
      fire(vector: vector)
    }
  }

  /// Where MSI's mask bits are, when it has them; the pending bits follow.
  private var messageMasks: Int? {
    guard let place = places.msi else { return nil }
    let control = registers.read(.word, at: place + 2)
    guard control >> 8 & 1 == 1 else { return nil }
    return place + (control >> 7 & 1 == 1 ? 16 : 12)
  }

  /// Whether the function may write to memory of its own accord.
  package var isBusMaster: Bool { registers.read(.byte, at: 4) & 4 != 0 }

  /// Which of INTx (0), MSI (1) and MSI-X (2) is on.
  package var enabledInterrupts: UInt32? { interrupts.kind?.rawValue }
}
