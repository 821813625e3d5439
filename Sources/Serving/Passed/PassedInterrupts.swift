public import HostABI
import IOMMUClient
import Passthrough
import Synchronization
public import VFIOUser

/// Which kinds of interrupts a client has switched on.
struct PassedInterrupts {
  var active: Set<DeviceInterrupts.Kind> = []
  /// Where those go that were switched on, from the first on; `nil` for those that go nowhere.
  var receivers: [DeviceInterrupts.Kind: [ReceivedFile?]] = [:]
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
      let wasActive = interrupts.withLock { interrupts in
        interrupts.receivers[kind] = nil
        return interrupts.active.remove(kind) != nil
      }
      guard wasActive else { return }
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
        var counters: [ReceivedFile?] = []
        while index < change.actions.count, case .trigger(let file) = change.actions[index] {
          counters.append(file)
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

  /// Says where interrupts go, and switches them on.
  ///
  /// Kernels give a device as many messages as are switched on first, and no more later
  /// (`VFIO_IRQ_INFO_NORESIZE`). QEMU knows that, but its vfio-user client cuts the request for all of
  /// them where eventfds begin and end, so that later parts go beyond the first: then all are switched
  /// on anew.
  private func deliver(
    _ kind: DeviceInterrupts.Kind, _ start: UInt32, _ counters: [ReceivedFile?],
    _ kept: KeptDevice
  ) throws(LinuxErrno) {
    let place = Int(start)
    let told = information.interrupts[Int(kind.rawValue)]
    guard place + counters.count <= Int(told.count) else { throw .EINVAL }
    let isFixed = told.flags & DeviceInterrupts.Flags.fixedCount.rawValue != 0
    let (all, grows) = interrupts.withLock { interrupts in
      var all = interrupts.receivers[kind] ?? []
      let known = all.count
      while all.count < place + counters.count { all.append(nil) }
      for (index, counter) in counters.enumerated() { all[place + index] = counter }
      return (all, isFixed && known > 0 && all.count > known)
    }
    do throws(IOMMUError) {
      if grows {
        try kept.device.switchOff(kind)
        try kept.device.deliver(kind, from: 0, to: all.map { $0?.descriptor ?? -1 })
      } else {
        try kept.device.deliver(kind, from: start, to: counters.map { $0?.descriptor ?? -1 })
      }
    } catch {
      // Without an errno the kernel has said how many there are.
      throw error.errno ?? .ENOSPC
    }
    interrupts.withLock { interrupts in
      interrupts.active.insert(kind)
      interrupts.receivers[kind] = all
    }
    note(.interruptsChanged(kind: Int(kind.rawValue), active: all.count { $0 != nil }))
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
      defer { interrupts = PassedInterrupts() }
      return interrupts.active
    }
    guard let kept = function.withLock({ $0 }) else { return }
    for kind in active { try? kept.device.switchOff(kind) }
  }

  func passOn<Value>(_ body: () throws(IOMMUError) -> Value) throws(LinuxErrno) -> Value {
    do throws(IOMMUError) { return try body() } catch { throw error.errno ?? .EIO }
  }
}
