public import HostABI
import IOMMUClient
import Passthrough
import Synchronization
public import VFIOUser

/// Which kinds of interrupts a client has switched on.
struct PassedInterrupts {
  var active: Set<DeviceInterrupts.Kind> = []
}

extension PassedDevice {
  /// Passes on where interrupts go: the kernel signals the client's eventfds by itself.
  ///
  /// - Parameter change: What is to change.
  /// - Throws: `ENOSPC` when the device can have fewer vectors than asked for, otherwise the kernel's
  ///   answer.
  public func setInterrupts(_ change: UserInterruptChange) throws(LinuxErrno) {
    guard let kind = UInt32(exactly: change.kind).flatMap(DeviceInterrupts.Kind.init(rawValue:)),
      let start = UInt32(exactly: change.start)
    else { throw .EINVAL }
    guard let kept = function.withLock({ $0 }) else { throw .ENODEV }
    // Changes come one at a time, from the connection's thread; the end comes from there too.
    guard !change.actions.isEmpty else {
      guard interrupts.withLock({ $0.active.remove(kind) }) != nil else { return }
      try passOn { () throws(IOMMUError) in try kept.device.switchOff(kind) }
      note(.interruptsChanged(kind: change.kind, active: 0))
      return
    }
    var index = 0
    while index < change.actions.count {
      let place = start &+ UInt32(index)
      switch change.actions[index] {
      case .trigger:
        // All of a run at once: the first time switches on as many vectors as there are.
        var counters: [Int32] = []
        while index < change.actions.count, case .trigger(let file) = change.actions[index] {
          counters.append(file?.descriptor ?? -1)
          index += 1
        }
        try deliver(kind, place, counters, kept)
        continue
      case .fire:
        try passOn { () throws(IOMMUError) in try kept.device.fire(kind, place..<place &+ 1) }
      case .mask: try mask(kind, true, kept)
      case .unmask: try mask(kind, false, kept)
      case .unmaskBy(let file):
        guard kind == .intx else { throw .EINVAL }
        let counter = file?.descriptor ?? -1
        try passOn { () throws(IOMMUError) in try kept.device.unmaskINTx(with: counter) }
      case .none: break
      }
      index += 1
    }
  }

  private func deliver(
    _ kind: DeviceInterrupts.Kind, _ start: UInt32, _ counters: [Int32], _ kept: KeptDevice
  ) throws(LinuxErrno) {
    do throws(IOMMUError) {
      try kept.device.deliver(kind, from: start, to: counters)
    } catch {
      // Without an errno the kernel has said how many there are.
      throw error.errno ?? .ENOSPC
    }
    interrupts.withLock { _ = $0.active.insert(kind) }
    note(
      .interruptsChanged(kind: Int(kind.rawValue), active: counters.count { $0 >= 0 }))
  }

  private func mask(
    _ kind: DeviceInterrupts.Kind, _ isMasked: Bool, _ kept: KeptDevice
  ) throws(LinuxErrno) {
    guard kind == .intx else { throw .EINVAL }
    try passOn { () throws(IOMMUError) in try kept.device.maskINTx(isMasked) }
  }

  /// Switches off what the client had switched on.
  func switchOffInterrupts() {
    let active = interrupts.withLock { interrupts in
      defer { interrupts.active = [] }
      return interrupts.active
    }
    guard let kept = function.withLock({ $0 }) else { return }
    for kind in active { try? kept.device.switchOff(kind) }
  }

  func passOn<Value>(_ body: () throws(IOMMUError) -> Value) throws(LinuxErrno) -> Value {
    do throws(IOMMUError) { return try body() } catch { throw error.errno ?? .EIO }
  }
}
