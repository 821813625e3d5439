public import HostABI
import Hardware
import IOMMUClient
import PCIe
import Passthrough
import Synchronization
public import VFIOUser
import VirtualIOMMU

/// Registers, resets, and the coming and going of clients.
extension PassedDevice {
  /// Reads a region; config space as the guest is shown it, the others from the device.
  ///
  /// - Parameters:
  ///   - region: The region's number.
  ///   - offset: The first byte.
  ///   - buffer: What is filled; ones where nothing answers.
  /// - Throws: `ENODEV` once the device was given back; otherwise the kernel's answer, such as `EIO`
  ///   while memory decoding is off.
  public func read(
    _ region: Int, at offset: UInt64, into buffer: inout MutableSpan<UInt8>
  ) throws(LinuxErrno) {
    guard regions.indices.contains(region), let kept = function.withLock({ $0 }) else {
      throw .ENODEV
    }
    if region == Int(VFIOPCI.configRegion) {
      guard let place = Int(exactly: offset) else { throw .EINVAL }
      readConfig(at: place, into: &buffer)
    } else {
      guard let facts = regions[region] else { throw .EINVAL }
      let count = buffer.count
      let bytes = try passOn { () throws(IOMMUError) in
        try kept.device.read(facts, at: offset, count: count)
      }
      buffer.store(bytes.span, at: 0)
      for index in min(bytes.count, count)..<count { buffer[index] = .max }
    }
    noteAccess(region, offset, buffer.span, isWrite: false)
  }

  private func noteAccess(_ region: Int, _ offset: UInt64, _ bytes: Span<UInt8>, isWrite: Bool) {
    guard let trace, trace.wantsAccesses else { return }
    note(
      .access(
        region: region, offset: offset, byteCount: bytes.count,
        value: bytes.value(min(8, bytes.count), at: 0), isWrite: isWrite))
  }

  /// Writes a region; config space as the guest is let, the others to the device.
  ///
  /// - Parameters:
  ///   - region: The region's number.
  ///   - offset: The first byte.
  ///   - bytes: What is written.
  /// - Throws: As ``read(_:at:into:)``.
  public func write(_ region: Int, at offset: UInt64, _ bytes: Span<UInt8>) throws(LinuxErrno) {
    guard regions.indices.contains(region), let kept = function.withLock({ $0 }) else {
      throw .ENODEV
    }
    noteAccess(region, offset, bytes, isWrite: true)
    if region == Int(VFIOPCI.configRegion) {
      guard let place = Int(exactly: offset) else { throw .EINVAL }
      writeConfig(at: place, bytes)
      return
    }
    guard let facts = regions[region] else { throw .EINVAL }
    var copy = [UInt8](repeating: 0, count: bytes.count)
    var span = copy.mutableSpan
    span.store(bytes, at: 0)
    _ = try passOn { () throws(IOMMUError) in try kept.device.write(copy, facts, at: offset) }
  }

  /// The widest access that PCI knows for bytes that are left.
  private static func width(at offset: Int, _ left: Int) -> AccessWidth {
    offset & 3 == 0 && left >= 4 ? .dword : offset & 1 == 0 && left >= 2 ? .word : .byte
  }

  private func readConfig(at offset: Int, into buffer: inout MutableSpan<UInt8>) {
    realised.withLock { state in
      if buffer.count > 64, let whole = state.device?.guestConfig() {
        for index in 0..<buffer.count { buffer[index] = whole.read8(offset &+ index) }
        return
      }
      var done = 0
      while done < buffer.count {
        let place = offset &+ done
        let width = Self.width(at: place, buffer.count - done)
        let value = state.device?.readConfig(width, at: place) ?? .max
        for byte in 0..<width.rawValue {
          buffer[done + byte] = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte))
        }
        done += width.rawValue
      }
    }
  }

  private func writeConfig(at offset: Int, _ bytes: Span<UInt8>) {
    var hasChanged = false
    var canCarry = false
    // When all is written, and no lock is held.
    defer { if canCarry { becameBusMaster() } }
    var done = 0
    while done < bytes.count {
      let place = offset &+ done
      let width = Self.width(at: place, bytes.count - done)
      var value: UInt32 = 0
      for byte in 0..<width.rawValue { value |= UInt32(bytes[done + byte]) << UInt32(8 * byte) }
      done += width.rawValue
      let command = 4
      if place <= command, place + width.rawValue > command {
        let isMaster = bytes[command - offset] & 4 != 0
        let wasMaster = isBusMaster.exchange(isMaster, ordering: .sequentiallyConsistent)
        if isMaster, !wasMaster { canCarry = true }
      }
      // Turning page requests off closes their queue, which a reset does too.
      let hasQueue = realised.withLock { $0.device?.pageRequestDescriptor != nil }
      let write = { [self] in
        realised.withLock { $0.device?.writeConfig(value, width, at: place) }
      }
      let outcome = hasQueue ? withQueueLeft(write) : write()
      guard let outcome else { return }
      if !outcome.changes.isEmpty { hasChanged = true }
      if let pasid = outcome.changes.pasidControl {
        note(.controls(pasid.new.isEnabled ? "PASID" : "no PASID"))
      }
      if let problem = outcome.problem { note(.note("page requests stay as they are: \(problem)")) }
    }
    if hasChanged { lookForRequests() }
  }

  // MARK: Resets

  /// Resets the function as at a reset of the whole machine: PASIDs are detached, and the guest's unit
  /// takes the device anew.
  ///
  /// - Throws: `ENODEV` once the device was given back; `EIO` when host or unit refuse.
  public func reset() throws(LinuxErrno) {
    // Until its guest says so again, as any function after a reset.
    isBusMaster.store(false, ordering: .relaxed)
    let problem = withQueueLeft {
      realised.withLock { state -> RealiseError?? in
        guard state.device != nil else { return .none }
        do throws(RealiseError) { try state.device?.reset() } catch { return .some(error) }
        return .some(nil)
      }
    }
    lookForRequests()
    guard let problem else { throw .ENODEV }
    note(.reset("the client"))
    if let problem {
      note(.note("\(problem)"))
      throw .EIO
    }
  }

  // MARK: Clients

  /// A client connected; the device is as after a reset.
  ///
  /// - Parameter peer: The way back to it.
  public func attached(to peer: any UserPeer) {
    self.peer = peer
    let problem = realised.withLock { state -> RealiseError? in
      // A unit that refused it at the last reset is asked again.
      guard state.device != nil, state.device?.requester == nil else { return nil }
      do throws(RealiseError) {
        try state.device?.renumber(state.place, in: state.topology)
      } catch { return error }
      return nil
    }
    if let problem { note(.note("\(problem)")) }
  }

  /// The client is gone: the device is reset, and reaches no memory and signals nobody any more.
  public func detached() {
    peer = nil
    isBusMaster.store(false, ordering: .relaxed)
    switchOffInterrupts()
    let problem = withQueueLeft {
      realised.withLock { state -> RealiseError? in
        do throws(RealiseError) { try state.device?.reset() } catch { return error }
        return nil
      }
    }
    lookForRequests()
    if let problem { note(.note("\(problem)")) }
    guard !unmapAll() else { return }
    note(.note("the kernel does not take memory away from the device: it is given back"))
    end()
  }

  // MARK: Page requests

  /// Passes page requests that wait to the guest's unit.
  ///
  /// - Returns: `false` when the queue cannot be read.
  func deliverPageRequests() -> Bool {
    let problem = realised.withLock { state -> BackendRefusal? in
      do throws(BackendRefusal) {
        let count = try state.device?.deliverPageRequests() ?? 0
        counts.add(UInt64(count), to: .pageRequests)
      } catch { return error }
      return nil
    }
    if let problem { note(.note("page requests: \(problem)")) }
    return problem == nil
  }
}
