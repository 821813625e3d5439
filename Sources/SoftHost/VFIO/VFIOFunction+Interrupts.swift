package import HostABI
import PCIe

/// Finds the event sink of a descriptor that a program named.
///
/// Throws `EBADF` when the descriptor is not open and `EINVAL` when it is not an eventfd.
package typealias EventResolver = (Int32) throws(LinuxErrno) -> any EventSink

extension VFIOFunction {
  /// How many interrupts there are of a kind.
  func irqCount(_ kind: IRQIndex) -> Int {
    switch kind {
    case .intx: (view?.get(0x3D, 1) ?? 0) != 0 ? 1 : 0
    case .msi:
      places.msi.map { 1 << Int(registers.read(.word, at: $0 + 2) >> 1 & 7) } ?? 0
    case .msix: vectorTable?.count ?? 0
    case .error: isPCIExpress ? 1 : 0
    case .request: 1
    }
  }

  /// How many bytes of data belong to a `VFIO_DEVICE_SET_IRQS`, once its fixed part is found right.
  ///
  /// - Throws: `EINVAL` for everything that is wrong with the fixed part.
  package func irqDataByteCount(_ header: SetIRQsHeader) throws(LinuxErrno) -> Int {
    guard isOpen, header.argumentSize >= 20, let kind = IRQIndex(rawValue: header.index),
      header.count < UInt32.max - header.start, header.flags & ~0x3F == 0
    else { throw .EINVAL }
    let count = UInt64(irqCount(kind))
    guard header.start < count, UInt64(header.start) + UInt64(header.count) <= count else {
      throw .EINVAL
    }
    let size: UInt64
    switch header.flags & 7 {
    case 1: size = 0
    case 2: size = 1
    case 4: size = 4
    default: throw .EINVAL
    }
    let needed = size * UInt64(header.count)
    guard UInt64(header.argumentSize - 20) >= needed else { throw .EINVAL }
    return Int(needed)
  }

  /// `VFIO_DEVICE_SET_IRQS`.
  ///
  /// - Parameters:
  ///   - header: The fixed part.
  ///   - data: What follows it, ``irqDataByteCount(_:)`` bytes.
  ///   - resolve: Finds the sinks of the descriptors in the data.
  /// - Returns: 0, or the number of vectors that there are when they are fewer than asked for.
  /// - Throws: As ``irqDataByteCount(_:)``; `ENOTTY` for an action that the kind does not have or
  ///   for more than one, `EINVAL` while another kind is on, what `resolve` throws.
  package mutating func setIRQs(
    _ header: SetIRQsHeader, data: [UInt8], resolve: EventResolver
  ) throws(LinuxErrno) -> Int32 {
    try wake()
    let needed = try irqDataByteCount(header)
    guard data.count >= needed, let kind = IRQIndex(rawValue: header.index) else { throw .EINVAL }
    let request = IRQRequest(header, data)
    switch (kind, header.flags & 0x38) {
    case (.intx, 0x08): try maskLine(request)
    case (.intx, 0x10): try unmaskLine(request, resolve)
    case (.intx, 0x20): try triggerLine(request, resolve)
    case (.msi, 0x20): return try triggerVectors(request, .msi, resolve)
    case (.msix, 0x20): return try triggerVectors(request, .msix, resolve)
    case (.error, 0x20):
      try triggerSingle(request, \.error, resolve)
    case (.request, 0x20):
      try triggerSingle(request, \.request, resolve)
    default: throw .ENOTTY
    }
    return 0
  }

  /// Device errors and the host's request for the device have one sink each, on or off at any time.
  private mutating func triggerSingle(
    _ request: IRQRequest, _ place: WritableKeyPath<InterruptState, (any EventSink)?>,
    _ resolve: EventResolver
  ) throws(LinuxErrno) {
    let sink = interrupts[keyPath: place]
    switch request.data {
    case .none:
      guard let sink else { throw .EINVAL }
      if request.count > 0 { sink.signal() } else { interrupts[keyPath: place] = nil }
    case .bools(let values):
      guard let first = values.first else { throw .EINVAL }
      if first { sink?.signal() }
    case .descriptors(let values):
      guard let first = values.first else { throw .EINVAL }
      if first >= 0 {
        interrupts[keyPath: place] = try resolve(first)
      } else if first == -1 {
        interrupts[keyPath: place] = nil
      }
    }
  }

  /// Tells who asked to be told that the device reported an error.
  package func reportError() { interrupts.error?.signal() }

  /// Tells who asked to be told that the host wants the device back.
  package func requestRelease() { interrupts.request?.signal() }

  /// Turns INTx, MSI and MSI-X off.
  mutating func turnInterruptsOff() {
    switch interrupts.kind {
    case .msi: setMessageControl(places.msi, enable: 1, false)
    case .msix: setMessageControl(places.msix, enable: 1 << 15, false)
    case .intx, nil: break
    }
    interrupts.disable()
  }

  /// Sets or clears an enable bit in the device.
  mutating func setMessageControl(_ place: Int?, enable: UInt32, _ isOn: Bool) {
    guard let place else { return }
    registers.store(isOn ? enable : 0, mask: enable, .word, at: place + 2)
  }
}

/// A `VFIO_DEVICE_SET_IRQS` whose fixed part was found right.
struct IRQRequest: Sendable {
  /// What follows the fixed part.
  enum Data: Sendable {
    case none
    case bools([Bool])
    case descriptors([Int32])
  }

  let start: Int
  let count: Int
  let data: Data

  init(_ header: SetIRQsHeader, _ bytes: [UInt8]) {
    start = Int(header.start)
    count = Int(header.count)
    switch header.flags & 7 {
    case 2: data = .bools(bytes.prefix(count).map { $0 != 0 })
    case 4:
      data = .descriptors(
        (0..<count).map { index in
          var value: UInt32 = 0
          for byte in 0..<4 { value |= UInt32(bytes[4 * index + byte]) << UInt32(8 * byte) }
          return Int32(bitPattern: value)
        })
    default: data = .none
    }
  }
}
