public import DeviceModels
import Hardware
import PCIe
import Passthrough

extension ServedConfig {
  /// Reads; bytes outside config space are all ones.
  ///
  /// - Parameters:
  ///   - offset: The first byte; any alignment.
  ///   - buffer: What is filled; any number of bytes.
  public mutating func read(at offset: Int, into buffer: inout MutableSpan<UInt8>) {
    var done = 0
    while done < buffer.count {
      let width = Self.piece(buffer.count - done)
      let value = space.read(width, at: offset &+ done)
      for byte in 0..<width.rawValue {
        buffer[done + byte] = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte))
      }
      done += width.rawValue
    }
  }

  /// Writes; what is outside config space is dropped.
  ///
  /// - Parameters:
  ///   - offset: The first byte; any alignment.
  ///   - bytes: What is written; any number of bytes.
  /// - Returns: What the function's host has to do.
  public mutating func write(at offset: Int, _ bytes: Span<UInt8>) -> ServedConfigEffects {
    var effects = ServedConfigEffects()
    let before = controls
    var done = 0
    while done < bytes.count {
      let width = Self.piece(bytes.count - done)
      var value: UInt32 = 0
      for byte in 0..<width.rawValue { value |= UInt32(bytes[done + byte]) << UInt32(8 * byte) }
      write(value, width, at: offset &+ done, &effects)
      done += width.rawValue
    }
    if controls != before { effects.controls = controls }
    return effects
  }

  /// A function reset: every register is as at first, base address registers and controls are off.
  ///
  /// What the link was set to stays, as a function level reset keeps it (6.6.2).
  public mutating func reset() {
    let link = places.express.map { $0 + 0x10 }
    let kept = link.flatMap { space.emulation.value(at: $0) }
    space.emulation.reset()
    if let link, let kept { space.emulation.set(kept, at: link) }
  }

  private static func piece(_ left: Int) -> AccessWidth {
    left >= 4 ? .dword : left >= 2 ? .word : .byte
  }

  private mutating func write(
    _ value: UInt32, _ width: AccessWidth, at offset: Int, _ effects: inout ServedConfigEffects
  ) {
    // Asked for at any offset: what is outside names no register.
    guard (0..<ConfigSpace.extendedSize).contains(offset) else { return }
    let changes = space.write(value, width, at: offset)
    for change in changes { act(on: change, &effects) }
    if asksForReset(value, width, at: offset) { reset(&effects) }
  }

  private mutating func act(on change: RegisterChange, _ effects: inout ServedConfigEffects) {
    if let power = places.power, change.offset == power + 4 {
      powerChanged(change, power, &effects)
    }
    if let pri = places.pri, change.offset == pri + TranslationServices.priControl {
      pageRequestsTurned(on: change.new & TranslationServices.priEnable != 0)
    }
  }

  private mutating func powerChanged(
    _ change: RegisterChange, _ power: Int, _ effects: inout ServedConfigEffects
  ) {
    let (old, new) = (change.old & 3, change.new & 3)
    let support = space.physical.read16(power + 2)
    // A state that is not there: the write ends normally and changes no state (5.3.1).
    if new == 1 && support >> 9 & 1 == 0 || new == 2 && support >> 10 & 1 == 0 {
      space.emulation.set(change.new & ~3 | old, at: power + 4)
    } else if old == 3, new == 0, space.physical.read16(power + 4) >> 3 & 1 == 0 {
      // Without No_Soft_Reset, waking resets the function (5.3.1.4.1).
      reset(&effects)
    }
  }

  /// Stopped is clear while page requests are on; turning them on clears the errors (10.5.2.4).
  private mutating func pageRequestsTurned(on isOn: Bool) {
    guard let pri = places.pri else { return }
    let place = pri + TranslationServices.priStatus
    let old = space.emulation.value(at: place) ?? 0
    space.emulation.set(
      isOn
        ? old & ~(TranslationServices.priStopped | TranslationServices.priErrors)
        : old | TranslationServices.priStopped, at: place)
  }

  /// Whether a write sets a bit that resets the function.
  private func asksForReset(_ value: UInt32, _ width: AccessWidth, at offset: Int) -> Bool {
    resets.contains { place, mask in
      let byte = place - offset
      return (0..<width.rawValue).contains(byte)
        && UInt8(truncatingIfNeeded: value >> UInt32(8 * byte)) & mask != 0
    }
  }

  private mutating func reset(_ effects: inout ServedConfigEffects) {
    reset()
    effects.functionReset = true
  }
}

// MARK: What the registers say

extension ServedConfig {
  /// What the function may do by itself; bus mastering only in D0.
  public var controls: FunctionControls {
    var controls: FunctionControls = []
    if value(0x04) >> 2 & 1 == 1, isAwake { controls.insert(.busMaster) }
    if let pasid = places.pasid {
      // Enable, execute and privileged mode are bits 0, 1 and 2.
      controls.formUnion(
        FunctionControls(rawValue: UInt8(truncatingIfNeeded: value(pasid + 6) & 7) << 1))
    }
    if let ats = places.ats, value(ats + 6) >> 15 & 1 == 1 { controls.insert(.ats) }
    if let pri = places.pri,
      value(pri + TranslationServices.priControl) & TranslationServices.priEnable != 0
    {
      controls.insert(.pageRequests)
    }
    return controls
  }

  /// Whether regions answer: memory decoding is on, and the function in D0.
  public var decodesMemory: Bool { value(0x04) >> 1 & 1 == 1 && isAwake }

  /// Whether the function is in D0.
  public var isAwake: Bool { places.power.map { value($0 + 4) & 3 == 0 } ?? true }

  /// Where a region was put, whether memory decoding is on or not.
  ///
  /// - Parameter index: The base address register's number.
  /// - Returns: The address; `nil` when there is no such region.
  public func barAddress(_ index: Int) -> UInt64? {
    guard let region = regions.first(where: { $0.index == index }) else { return nil }
    let low = UInt64(value(0x10 + 4 * index) & ~0xF)
    guard region.kind == .memory64 else { return low }
    return UInt64(value(0x14 + 4 * index)) << 32 | low
  }

  /// Notes that a page request's answer was wrong (PRI's status bits, 10.5.2.4).
  ///
  /// - Parameter isFailure: Whether it was a response failure; otherwise its group was unexpected.
  public mutating func notePageResponseError(isFailure: Bool) {
    guard let pri = places.pri else { return }
    let place = pri + TranslationServices.priStatus
    let old = space.emulation.value(at: place) ?? 0
    space.emulation.set(old | (isFailure ? 1 : 2), at: place)
  }

  private func value(_ offset: Int) -> UInt32 { space.emulation.value(at: offset) ?? 0 }
}
