package import HostABI
import PCIe

extension VFIOFunction {
  /// The most bytes that one read gives; a caller that wants more asks again.
  package static let transferLimit = 1 << 20

  /// Reads from a region: `pread` on the device's descriptor.
  ///
  /// - Parameters:
  ///   - offset: The region's index shifted left by 40, and the place in the region.
  ///   - count: How many bytes are wanted; at most ``transferLimit`` come.
  /// - Returns: The bytes, fewer at the end of a region.
  /// - Throws: `EINVAL` for a region that is not there or a place behind its end, `EFAULT` behind
  ///   the end of config space, `EIO` while memory is not decoded, `ENOMEM` for a ROM without an
  ///   image.
  package mutating func read(at offset: UInt64, count: Int) throws(LinuxErrno) -> [UInt8] {
    guard isOpen else { throw .EINVAL }
    guard count > 0 else { return [] }
    let place = try place(offset)
    try wake()
    switch place.region {
    case VFIOPCI.configRegion: return try readConfig(place.position, count)
    case VFIOPCI.romRegion: return try readROM(place.position, count)
    default: return try readBAR(try presentBAR(place), place.position, count)
    }
  }

  /// Writes to a region: `pwrite` on the device's descriptor.
  ///
  /// - Parameters:
  ///   - bytes: What to write.
  ///   - offset: The region's index shifted left by 40, and the place in the region.
  /// - Returns: How many bytes were taken, fewer at the end of a region; writes that change nothing
  ///   count.
  /// - Throws: As ``read(at:count:)``; `EINVAL` for the ROM.
  package mutating func write(
    _ bytes: [UInt8], at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    guard isOpen else { throw .EINVAL }
    guard !bytes.isEmpty else { return 0 }
    let place = try place(offset)
    try wake()
    switch place.region {
    case VFIOPCI.configRegion: return try writeConfig(bytes, place.position)
    case VFIOPCI.romRegion: throw .EINVAL
    default: return try writeBAR(try presentBAR(place), place.position, bytes)
    }
  }

  /// A place in a region.
  struct Place {
    let region: UInt32
    let position: UInt64
  }

  private func place(_ offset: UInt64) throws(LinuxErrno) -> Place {
    // Legacy VGA is the last region, and no function here has it.
    guard let region = UInt32(exactly: offset >> VFIOPCI.offsetShift), region < VFIOPCI.vgaRegion
    else { throw .EINVAL }
    return Place(region: region, position: offset & (1 << VFIOPCI.offsetShift - 1))
  }

  private func presentBAR(_ place: Place) throws(LinuxErrno) -> BARDescription {
    guard let bar = bar(Int(place.region)), place.position < bar.byteCount else { throw .EINVAL }
    return bar
  }

  // MARK: Config space

  private func configRange(_ position: UInt64, _ count: Int) throws(LinuxErrno) -> Range<Int> {
    guard position < UInt64(registers.count), count <= registers.count - Int(position) else {
      throw .EFAULT
    }
    return Int(position)..<Int(position) + count
  }

  private func readConfig(_ position: UInt64, _ count: Int) throws(LinuxErrno) -> [UInt8] {
    let range = try configRange(position, count)
    guard let view else { throw .EINVAL }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    var at = range.lowerBound
    while at < range.upperBound {
      let width = view.map.piece(at: at, limit: range.upperBound - at)
      let value = view.read(width, at: at, from: registers)
      for index in 0..<width.rawValue {
        bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(8 * index)))
      }
      at += width.rawValue
    }
    return bytes
  }

  private mutating func writeConfig(
    _ bytes: [UInt8], _ position: UInt64
  ) throws(LinuxErrno) -> Int {
    let range = try configRange(position, bytes.count)
    var at = range.lowerBound
    while at < range.upperBound {
      guard let width = view?.map.piece(at: at, limit: range.upperBound - at) else {
        throw .EINVAL
      }
      var value: UInt32 = 0
      for index in 0..<width.rawValue {
        value |= UInt32(bytes[at - range.lowerBound + index]) << UInt32(8 * index)
      }
      let effects = view?.write(
        value, width, at: at, to: &registers, isMSIOn: interrupts.kind == .msi)
      carryOut(effects ?? [])
      at += width.rawValue
    }
    return bytes.count
  }

  private mutating func carryOut(_ effects: ConfigEffects) {
    if effects.contains(.unmapBARs) { note(.barsUnmapped) }
    if effects.contains(.power), powerState > 0 { note(.barsUnmapped) }
    if effects.contains(.command) {
      note(.busMastering)
      lineDisableWritten()
    }
    if effects.contains(.reset), description.resetWorks { resetFunction() }
    // A mask bit that went off lets a pending message go.
    deliverPendingMessages()
    tellModel()
  }

  // MARK: Base address registers

  /// Whether memory regions answer: decode is on, and the function is not in D3.
  package var decodesMemory: Bool { (view?.decodesMemory ?? false) && powerState < 3 }

  /// The widest aligned access of at most `left` bytes.
  private func width(at position: UInt64, left: UInt64, widest: Int = 8) -> Int {
    var width = widest
    while UInt64(width) > left || position & UInt64(width - 1) != 0 { width /= 2 }
    return width
  }

  private func hidden(_ bar: BARDescription) -> Range<UInt64> {
    guard let vectorTable, vectorTable.bar == bar.index else { return 0..<0 }
    return vectorTable.bytes
  }

  private mutating func readBAR(
    _ bar: BARDescription, _ position: UInt64, _ count: Int
  ) throws(LinuxErrno) -> [UInt8] {
    guard bar.kind == .io || decodesMemory else { throw .EIO }
    let end = position + min(UInt64(min(count, Self.transferLimit)), bar.byteCount - position)
    let hidden = hidden(bar)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(end - position))
    var at = position
    while at < end {
      if hidden.contains(at) {
        let next = min(hidden.upperBound, end)
        bytes.append(contentsOf: repeatElement(0xFF, count: Int(next - at)))
        at = next
        continue
      }
      let stop = at < hidden.lowerBound ? min(hidden.lowerBound, end) : end
      let width = width(at: at, left: stop - at)
      let value = load(bar, at, width)
      for index in 0..<width { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
      at += UInt64(width)
    }
    return bytes
  }

  private mutating func writeBAR(
    _ bar: BARDescription, _ position: UInt64, _ bytes: [UInt8]
  ) throws(LinuxErrno) -> Int {
    guard bar.kind == .io || decodesMemory else { throw .EIO }
    let end = position + min(UInt64(bytes.count), bar.byteCount - position)
    let hidden = hidden(bar)
    var at = position
    while at < end {
      if hidden.contains(at) {
        at = min(hidden.upperBound, end)
        continue
      }
      let stop = at < hidden.lowerBound ? min(hidden.lowerBound, end) : end
      let width = width(at: at, left: stop - at)
      var value: UInt64 = 0
      for index in 0..<width {
        value |= UInt64(bytes[Int(at - position) + index]) << UInt64(8 * index)
      }
      store(value, bar, at, width)
      at += UInt64(width)
    }
    return Int(end - position)
  }

  /// One aligned access to what stands behind a register.
  private mutating func load(_ bar: BARDescription, _ position: UInt64, _ width: Int) -> UInt64 {
    switch bar.backing {
    case .memory: return memories[bar.index].read(width, at: position)
    case .handler(let handler):
      var actions = RegionActions()
      let value = handler.read(width, at: position, &actions)
      carryOut(actions)
      return value
    }
  }

  mutating func store(_ value: UInt64, _ bar: BARDescription, _ position: UInt64, _ width: Int) {
    switch bar.backing {
    case .memory: memories[bar.index].write(value, width, at: position)
    case .handler(let handler):
      var actions = RegionActions()
      handler.write(value, width, at: position, &actions)
      carryOut(actions)
    }
  }

  private mutating func carryOut(_ actions: RegionActions) {
    for vector in actions.vectors { fire(vector: vector) }
    if let line = actions.line { setLine(line) }
  }

  /// A load by the processor from a mapped region.
  ///
  /// It reaches the MSI-X table, too.
  ///
  /// - Parameters:
  ///   - index: The base address register.
  ///   - position: The place in the region, aligned to the width.
  ///   - byteCount: 1, 2, 4 or 8.
  /// - Returns: The little-endian value; `nil` where the processor would get a bus error.
  package mutating func load(bar index: Int, at position: UInt64, _ byteCount: Int) -> UInt64? {
    guard let bar = mapped(index, position, byteCount) else { return nil }
    return load(bar, position, byteCount)
  }

  /// A store by the processor to a mapped region.
  ///
  /// - Parameters:
  ///   - value: The little-endian value.
  ///   - index: The base address register.
  ///   - position: The place in the region, aligned to the width.
  ///   - byteCount: 1, 2, 4 or 8.
  /// - Returns: `false` where the processor would get a bus error.
  package mutating func store(
    _ value: UInt64, bar index: Int, at position: UInt64, _ byteCount: Int
  ) -> Bool {
    guard let bar = mapped(index, position, byteCount) else { return false }
    store(value & (.max >> UInt64(64 - 8 * byteCount)), bar, position, byteCount)
    return true
  }

  func mapped(_ index: Int, _ position: UInt64, _ byteCount: Int) -> BARDescription? {
    guard let bar = bar(index), isMappable(bar), decodesMemory, lowPower == nil,
      [1, 2, 4, 8].contains(byteCount), position & UInt64(byteCount - 1) == 0,
      position < bar.byteCount, UInt64(byteCount) <= bar.byteCount - position
    else { return nil }
    return bar
  }

  // MARK: Option ROM

  private func readROM(_ position: UInt64, _ count: Int) throws(LinuxErrno) -> [UInt8] {
    guard let rom = description.rom, position < rom.byteCount else { throw .EINVAL }
    guard !rom.image.isEmpty else { throw .ENOMEM }
    guard decodesMemory else { throw .EIO }
    let end = position + min(UInt64(min(count, Self.transferLimit)), rom.byteCount - position)
    return (Int(position)..<Int(end)).map { $0 < rom.image.count ? rom.image[$0] : 0xFF }
  }
}
