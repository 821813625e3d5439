import HostABI
import PCIe

/// INTx: a line with a level, masked when it fires until somebody unmasks it.
extension VFIOFunction {
  private func checkLine(_ request: IRQRequest) throws(LinuxErrno) {
    guard interrupts.kind == .intx, request.start == 0, request.count == 1 else { throw .EINVAL }
  }

  mutating func maskLine(_ request: IRQRequest) throws(LinuxErrno) {
    try checkLine(request)
    switch request.data {
    case .none: interrupts.isLineMasked = true
    case .bools(let values): if values.first == true { interrupts.isLineMasked = true }
    case .descriptors: throw .ENOTTY
    }
  }

  mutating func unmaskLine(
    _ request: IRQRequest, _ resolve: EventResolver
  ) throws(LinuxErrno) {
    try checkLine(request)
    switch request.data {
    case .none: unmaskLine()
    case .bools(let values): if values.first == true { unmaskLine() }
    case .descriptors(let values):
      guard let descriptor = values.first, descriptor >= 0 else {
        interrupts.unmask = nil
        return
      }
      let sink = try resolve(descriptor)
      guard interrupts.unmask == nil else { throw .EBUSY }
      interrupts.unmask = sink
      if sink.isSignalled { unmaskLine() }
    }
  }

  mutating func triggerLine(
    _ request: IRQRequest, _ resolve: EventResolver
  ) throws(LinuxErrno) {
    if interrupts.kind == .intx, request.count == 0, case .none = request.data {
      turnInterruptsOff()
      return
    }
    guard interrupts.kind == .intx || interrupts.kind == nil, request.start == 0,
      request.count == 1
    else { throw .EINVAL }
    if case .descriptors(let values) = request.data, let descriptor = values.first {
      let sink: (any EventSink)? = descriptor >= 0 ? try resolve(descriptor) : nil
      if interrupts.kind == nil {
        interrupts.kind = .intx
        interrupts.isLineMasked = interrupts.isLineDisabled
      }
      interrupts.line = sink
      interrupts.deliverLine()
      return
    }
    guard interrupts.kind == .intx else { throw .EINVAL }
    let fires = if case .bools(let values) = request.data { values.first == true } else { true }
    // Only the command register holds back what software fires; the mask does not.
    if fires, !interrupts.isLineDisabled { interrupts.line?.signal() }
  }

  /// Unmasks the line; a level that is still asserted fires again at once.
  mutating func unmaskLine() {
    guard interrupts.kind == .intx, !interrupts.isLineDisabled else { return }
    interrupts.isLineMasked = false
    interrupts.deliverLine()
  }

  /// The device asserts its interrupt line, or stops doing so.
  package mutating func setLine(_ isAsserted: Bool) {
    interrupts.isLineAsserted = isAsserted
    interrupts.deliverLine()
  }

  /// Whether INTx is on and masked.
  package var isLineMasked: Bool { interrupts.isLineMasked }

  /// The command register was written, where a bit turns INTx off.
  mutating func lineDisableWritten() {
    guard let isDisabled = view?.disablesINTx, isDisabled != interrupts.isLineDisabled else {
      return
    }
    interrupts.isLineDisabled = isDisabled
    guard interrupts.kind == .intx else { return }
    interrupts.isLineMasked = isDisabled
    interrupts.deliverLine()
  }
}
