package import HostABI
import Hardware
import PCIe
import Synchronization
package import VFIOUser
package import VirtualIOMMU

/// A VT-d unit as a PCI function of its own: its register page is a base address register.
///
/// Linux reserves the register page before it enumerates PCI, and would then move a BAR that stands
/// there. So the function answers no config access any more once a driver has read the first
/// register, until the machine is reset; the page stays where the firmware put it.
///
/// The firmware puts it where it likes, so the table that tells of it (DMAR) is mended in the guest's
/// memory when the firmware has both assigned the page and written its tables.
package final class UnitFunction: UserDevice {
  package let information: UserDeviceInformation
  /// The unit.
  package let unit: VTdUnit
  /// The guest's memory, as this function's client tells of it.
  package let memory: ServedMemory
  let counts = ServedCounts()
  /// Where the unit's interrupts go.
  let routes: MessageRoutes
  private let interrupts: ServedInterrupts
  private let name: String
  private let trace: any ServeTrace
  /// Whether what the guest invalidates is told.
  private let tellsInvalidations: Bool
  private let state: Mutex<State>

  private struct State {
    var config: UnitConfig
    /// Whether a driver has found the registers.
    var isHidden = false
    /// Whether it was said that the guest's memory cannot be read here.
    var hasComplained = false
    /// When the table is looked for again, and how long after that: longer each time it is not there.
    var nextLook = ContinuousClock.now
    var pause = Duration.milliseconds(20)
    /// How long one look takes at most.
    var patience = DMARPatch.patience

    /// Whether it is time to look for the table: the registers have a place, and nobody uses them yet.
    ///
    /// Firmware that asks for no ROM gives no other sign that its tables are there, and it may write
    /// them anew after a reset; but it goes on reading config space.
    mutating func wantsLook() -> UInt64? {
      guard !isHidden, config.decodesMemory, let base = config.base else { return nil }
      return ContinuousClock.now < nextLook ? nil : base
    }

    /// The table was looked for.
    mutating func looked(found: Bool) {
      pause = found ? .milliseconds(20) : min(pause * 2, .seconds(2))
      // From now, as looking takes time of the guest's.
      nextLook = ContinuousClock.now + pause
    }
  }

  /// Makes the function.
  ///
  /// - Parameters:
  ///   - name: What the operator calls it.
  ///   - unit: The unit; its memory is that of `memory`.
  ///   - memory: The guest's memory.
  ///   - routes: Where the unit's interrupts go.
  ///   - trace: Hears of what happens.
  package init(
    _ name: String, _ unit: VTdUnit, memory: ServedMemory, routes: MessageRoutes,
    trace: any ServeTrace
  ) {
    self.routes = routes
    self.name = name
    self.unit = unit
    self.memory = memory
    self.trace = trace
    tellsInvalidations = trace.wantsAccesses
    if tellsInvalidations { unit.keepInvalidations() }
    state = Mutex(State(config: UnitConfig()))
    information = UnitConfig.information(name: name)
    interrupts = ServedInterrupts(information)
  }

  /// Where the registers are for the guest; `nil` before the firmware has said it.
  package var base: UInt64? { state.withLock { $0.config.base } }

  /// Whether the function hides.
  package var isHidden: Bool { state.withLock { $0.isHidden } }

  // MARK: The client

  package func attached(to peer: any UserPeer) {}

  package func detached() {
    interrupts.detached()
    restart("its client is gone")
    memory.removeAll()
    state.withLock { $0.hasComplained = false }
  }

  package func map(_ mapping: UserMapping) throws(UserRefusal) {
    do throws(UserRefusal) { try memory.map(mapping) } catch {
      complain(about: mapping, refused: error)
      throw error
    }
    trace.note(
      .mapped(
        mapping.range, isReadable: mapping.isReadable, isWritable: mapping.isWritable,
        hasFile: mapping.file != nil), of: name)
    complain(about: mapping)
  }

  /// Says that the unit will read no table: a VMM's own memory, which the guest's is then in, comes
  /// without a descriptor, or is refused.
  private func complain(about mapping: UserMapping, refused: UserRefusal? = nil) {
    // Every machine's main memory has this address; video memory and firmware are elsewhere.
    let main: UInt64 = 1 << 20
    guard refused != nil || mapping.file == nil, mapping.isWritable, mapping.range.contains(main)
    else { return }
    let isNew = state.withLock { state in
      defer { state.hasComplained = true }
      return !state.hasComplained
    }
    guard isNew else { return }
    let text =
      if let refused {
        "the guest's memory is refused, so the unit reads none of its tables: "
          + (refused.why ?? "\(refused.errno)")
      } else {
        "the guest's memory is not shared with this process, so the unit reads none of its tables: "
          + "give QEMU a memory backend with share=on"
      }
    trace.note(.note(text), of: name)
  }

  package func unmap(_ range: ClosedRange<UInt64>) {
    memory.unmap(range)
    trace.note(.unmapped(range), of: name)
  }

  /// It has none of its own but that for errors, of which there are none: its messages go over its
  /// endpoints' clients.
  package func setInterrupts(_ change: UserInterruptChange) throws(LinuxErrno) {
    _ = try interrupts.apply(change)
  }

  package func reset() throws(LinuxErrno) { restart("the client") }

  private func restart(_ who: String) {
    state.withLock { state in
      state.isHidden = false
      state.config.reset()
      state.looked(found: true)
    }
    unit.reset()
    routes.forget()
    takeEvents()
    trace.note(.reset(who), of: name)
  }

  // MARK: Regions

  package func read(
    _ region: Int, at offset: UInt64, into buffer: inout MutableSpan<UInt8>
  ) throws(LinuxErrno) {
    switch region {
    case 0:
      counts.add(1, to: .registerReads)
      hide()
      AlignedAccess.forEach(offset, buffer.count) { place, count in
        // The unit has registers of four and eight bytes; parts of one are cut out of it.
        let at = offset &+ UInt64(place)
        let value: UInt64
        if count >= 4 {
          value = unit.read(Int(at), size: count)
        } else {
          value = unit.read(Int(at & ~3), size: 4) >> (8 * (at & 3))
        }
        buffer.store(value, count, at: place)
      }
      noteAccess(region, offset, buffer.span, isWrite: false)
    case Int(VFIOPCI.configRegion):
      let base = state.withLock { state -> UInt64? in
        guard !state.isHidden else {
          for index in buffer.indices { buffer[index] = 0xFF }
          return nil
        }
        state.config.read(at: Int(offset), into: &buffer)
        return state.wantsLook()
      }
      noteAccess(region, offset, buffer.span, isWrite: false)
      if let base { mendTable(base) }
    default: throw .EINVAL
    }
  }

  package func write(
    _ region: Int, at offset: UInt64, _ bytes: Span<UInt8>
  ) throws(LinuxErrno) {
    noteAccess(region, offset, bytes, isWrite: true)
    switch region {
    case 0:
      counts.add(1, to: .registerWrites)
      hide()
      AlignedAccess.forEach(offset, bytes.count) { place, count in
        // There is no register of less than four bytes.
        guard count >= 4 else { return }
        unit.write(bytes.value(count, at: place), at: Int(offset) + place, size: count)
      }
      // A client that had not answered earlier messages may have done so by now.
      routes.retry()
      if tellsInvalidations, let batch = unit.takeInvalidations() {
        trace.note(.invalidated(batch), of: name)
      }
      takeEvents()
    case Int(VFIOPCI.configRegion):
      let base = state.withLock { state -> UInt64? in
        guard !state.isHidden else { return nil }
        let asksForROM = state.config.write(at: Int(offset), bytes)
        return asksForROM ? state.config.base : state.wantsLook()
      }
      if let base { mendTable(base) }
    default: throw .EINVAL
    }
  }

  /// Tells what happened in the unit since the last time.
  func takeEvents() {
    for event in unit.takeEvents() {
      counts.add(1, to: .events)
      trace.note(.unit(event), of: name)
    }
  }

  private func hide() {
    let isNew = state.withLock { state in
      defer { state.isHidden = true }
      return !state.isHidden
    }
    if isNew {
      trace.note(.registers("a driver found them; the function hides until a reset"), of: name)
    }
  }

  /// Writes the registers' place into the table that the guest will read.
  package func mendTable(_ base: UInt64) {
    let patience = state.withLock { $0.patience }
    let outcome = DMARPatch.mend(in: memory, base: base, patience: patience)
    state.withLock { $0.looked(found: outcome != .notFound) }
    switch outcome {
    case .mended(let place):
      trace.note(
        .registers("they are at \(base.hex); DMAR table at \(place.hex) says so"), of: name)
    case .wasRight, .notFound: break
    }
  }

  /// Lets each look for the table from now on take so long at most.
  func look(for patience: Duration) { state.withLock { $0.patience = patience } }

  private func noteAccess(_ region: Int, _ offset: UInt64, _ bytes: Span<UInt8>, isWrite: Bool) {
    guard trace.wantsAccesses else { return }
    trace.note(
      .access(
        region: region, offset: offset, byteCount: bytes.count,
        value: bytes.value(min(8, bytes.count), at: 0), isWrite: isWrite), of: name)
  }
}
