package import HostABI
import PCIe

extension VFIOFunction {
  /// The most writes that events can stand for at a time.
  private static let ioEventLimit = 1000

  /// `VFIO_DEVICE_IOEVENTFD`: an event stands for a write to a base address region.
  ///
  /// - Parameters:
  ///   - argument: Width, place, data and descriptor; -1 takes the event away again.
  ///   - resolve: Finds the sink of the descriptor.
  /// - Throws: `EINVAL` for what is no such write, `EEXIST` for one that has an event, `ENODEV` for
  ///   taking away what is not there, `ENOSPC` for too many, what `resolve` throws.
  package mutating func setIOEvent(
    _ argument: IOEventFDArgument, resolve: EventResolver
  ) throws(LinuxErrno) {
    try wake()
    let width = argument.flags
    guard argument.argumentSize >= 28, width & ~0xF == 0, width.nonzeroBitCount == 1,
      argument.descriptor >= -1
    else { throw .EINVAL }
    let position = argument.offset & (1 << VFIOPCI.offsetShift - 1)
    let end = position + UInt64(width)
    guard argument.offset >> VFIOPCI.offsetShift < 6,
      let bar = bar(Int(argument.offset >> VFIOPCI.offsetShift)), end <= bar.byteCount
    else { throw .EINVAL }
    if let table = vectorTable, table.bar == bar.index,
      position < table.bytes.upperBound, end > table.bytes.lowerBound
    {
      throw .EINVAL
    }
    guard width != 8 else { throw .EINVAL }
    let known = ioEvents.firstIndex {
      $0.bar == bar.index && $0.position == position && $0.data == argument.data
        && $0.byteCount == Int(width)
    }
    if let known {
      guard argument.descriptor == -1 else { throw .EEXIST }
      ioEvents.remove(at: known)
      return
    }
    guard argument.descriptor >= 0 else { throw .ENODEV }
    guard ioEvents.count < Self.ioEventLimit else { throw .ENOSPC }
    ioEvents.append(
      IOEvent(
        bar: bar.index, position: position, data: argument.data, byteCount: Int(width),
        sink: try resolve(argument.descriptor)))
  }

  /// The eventfds that the function waits for: their owner tells it with ``signalled(_:)``.
  package var awaitedSinks: [any EventSink] {
    (interrupts.unmask.map { [$0] } ?? []) + ioEvents.map(\.sink)
  }

  /// An eventfd was signalled that the function may be waiting for.
  package mutating func signalled(_ sink: any EventSink) {
    if let unmask = interrupts.unmask, unmask === sink { unmaskLine() }
    for event in ioEvents where event.sink === sink {
      guard let bar = bar(event.bar), bar.kind == .io || decodesMemory else { continue }
      write(event, to: bar)
    }
  }

  /// The write that an event stands for, in pieces when its place is not aligned.
  private mutating func write(_ event: IOEvent, to bar: BARDescription) {
    var at = event.position
    var data = event.data
    var left = event.byteCount
    while left > 0 {
      var width = left
      while at & UInt64(width - 1) != 0 || width.nonzeroBitCount != 1 { width -= 1 }
      let bits = UInt64.max >> UInt64(64 - 8 * width)
      store(data & bits, bar, at, width)
      at += UInt64(width)
      data >>= UInt64(8 * width)
      left -= width
    }
  }
}
