package import HostABI
import PCIe

/// One PCI function behind vfio-pci: what the kernel shows of it and does for it.
///
/// A value: whoever owns it decides about locking. Requests arrive decoded, and answers leave the
/// same way; descriptors are resolved by an ``EventResolver``. Every request fails with `EINVAL`
/// while the function is not open, as on a descriptor that is not bound. Nothing that a program can
/// send traps. Facts: Linux 7.2, `drivers/vfio/pci`.
package struct VFIOFunction: Sendable {
  /// What the function is.
  package let description: FunctionDescription
  /// The function's own config registers.
  package internal(set) var registers: FunctionRegisters
  /// What a program sees of them, while the function is open.
  package internal(set) var view: VFIOConfigView?
  /// The bytes behind the base address registers that no device model stands behind, by number.
  var memories: [RegionMemory]
  /// Where the function has its capabilities.
  let places: CapabilityPlaces
  /// Where the MSI-X table is, which reads and writes do not reach.
  let vectorTable: VectorTable?
  var interrupts = InterruptState()
  var ioEvents: [IOEvent] = []
  /// Whether the program asked for low power, and who is told when that ends.
  var lowPower: LowPower?
  /// The token that a physical function asks of those who open its virtual ones, 16 bytes.
  package internal(set) var token: [UInt8]?
  /// Config space as it was before the function was opened.
  private var saved: [UInt8] = []
  private var effects: FunctionEffects = []
  /// What the device model knows of its controls.
  var toldControls: DMAControls = []

  /// Low power as a program asked for it.
  struct LowPower: Sendable {
    let wakeup: (any EventSink)?
  }

  /// A function that nobody has opened.
  package init(_ description: FunctionDescription) {
    self.description = description
    registers = FunctionRegisters(description)
    memories = (0..<6).map { index in
      RegionMemory(byteCount: description.bars.first { $0.index == index }?.byteCount ?? 0)
    }
    places = CapabilityPlaces(description.config)
    vectorTable = VectorTable(description.config, at: places.msix)
    if description.role == .physicalFunction { token = Array(repeating: 0, count: 16) }
  }

  /// Whether the function is open.
  package var isOpen: Bool { view != nil }

  /// Opens the function, as binding the first descriptor does.
  ///
  /// Bus mastering goes off, a reset is tried, and the copy of config space is made anew.
  ///
  /// - Throws: `EINVAL` when it is open.
  package mutating func open() throws(LinuxErrno) {
    guard !isOpen else { throw .EINVAL }
    setPowerState(0)
    registers.store(0, mask: 4, .byte, at: 4)
    // Whoever had the function before took its interrupts along.
    setMessageControl(places.msi, enable: 1, false)
    setMessageControl(places.msix, enable: 1 << 15, false)
    saved = registers.bytes
    // The kernel enables the decodes that the function has regions for.
    if !description.isVirtualFunction {
      let kinds = description.bars.map(\.kind)
      let decodes: UInt32 =
        (kinds.contains(.io) ? 1 : 0) | (kinds.contains { $0 != .io } ? 2 : 0)
      registers.store(decodes, mask: decodes, .byte, at: 4)
    }
    if description.resetWorks { resetFunction() }
    interrupts = InterruptState()
    // The kernel masks INTx with this bit itself, and starts with it clear.
    registers.store(0, mask: 4, .byte, at: 5)
    view = VFIOConfigView(description, registers)
    effects = []
    tellModel()
  }

  /// Closes the function, as closing the bound descriptor does; harmless when it is not open.
  ///
  /// Bus mastering and interrupts go off, the state from before comes back, and the function is
  /// reset when that works.
  package mutating func close() {
    guard isOpen else { return }
    setPowerState(0)
    registers.store(0, mask: 4, .byte, at: 4)
    interrupts.error = nil
    interrupts.request = nil
    turnInterruptsOff()
    ioEvents = []
    lowPower = nil
    view = nil
    if description.resetWorks { resetFunction() }
    registers.restore(saved)
    saved = []
    tellModel()
    // Linux keeps the file open as long as something of it is mapped; here a mapping that is left
    // shows nothing of the device's next user.
    for index in memories.indices { memories[index].takeBack() }
    note(.barsUnmapped)
  }

  /// Keeps the memory behind the base address registers in a file that the function's user maps.
  mutating func takeMemory(from file: any MappableFile) {
    for bar in description.bars where isMappable(bar) {
      memories[bar.index].use(file, at: UInt64(bar.index) << VFIOPCI.offsetShift)
    }
  }

  /// What happened since the last call that others have to act on.
  package mutating func takeEffects() -> FunctionEffects {
    defer { effects = [] }
    return effects
  }

  mutating func note(_ new: FunctionEffects) { effects.formUnion(new) }

  /// A request came in: the device wakes up, and who asked for that is told.
  mutating func wake() throws(LinuxErrno) {
    guard isOpen else { throw .EINVAL }
    guard let wakeup = lowPower?.wakeup else { return }
    lowPower = nil
    wakeup.signal()
  }
}

/// What a request did besides answering.
package struct FunctionEffects: OptionSet, Hashable, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The function was reset: its DMA stopped, its caches of translations are empty.
  package static let wasReset = Self(rawValue: 1)
  /// Mappings of its base address registers have to be taken away, to come back on a touch.
  package static let barsUnmapped = Self(rawValue: 2)
  /// Bus mastering may have changed.
  package static let busMastering = Self(rawValue: 4)
}
