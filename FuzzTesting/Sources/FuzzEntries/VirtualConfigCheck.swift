import Hardware
import PCIe

/// A device that traps when it is asked for bytes that are emulated, or in a way that no bus would.
struct GuardedDevice: PhysicalConfigSpace {
  var bytes: [UInt8]
  let emulated: ConfigByteSet
  /// The bytes that the last access moved.
  var moved: [Int] = []

  mutating func read(_ width: AccessWidth, at offset: Int) -> UInt32 {
    note(width, offset)
    // Rubbish beyond the width must not matter.
    return (0..<4).reduce(0) {
      $0 | UInt32($1 < width.rawValue ? bytes[offset + $1] : 0xA5) << (8 * $1)
    }
  }

  mutating func write(_ value: UInt32, _ width: AccessWidth, at offset: Int) {
    note(width, offset)
    require(value & ~width.mask == 0, "a write of \(width) carries \(value)")
    for index in 0..<width.rawValue {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
    }
  }

  private mutating func note(_ width: AccessWidth, _ offset: Int) {
    require(offset % width.rawValue == 0, "an unaligned access to \(offset)")
    for byte in offset..<offset + width.rawValue {
      require((0..<4096).contains(byte), "an access to \(byte)")
      require(!emulated.contains(byte), "an emulated byte reaches the device: \(byte)")
      moved.append(byte)
    }
  }
}

/// A virtual config space beside what must hold of it.
struct VirtualConfigCheck {
  private var space: VirtualConfigSpace<GuardedDevice>
  private let rows: [EmulatedRegister]

  init(_ config: ConfigSpace, _ emulation: ConfigEmulation) {
    var bytes = config.bytes
    bytes += Array(repeating: 0xFF, count: 4096 - bytes.count)
    rows = emulation.registers
    space = VirtualConfigSpace(
      GuardedDevice(bytes: bytes, emulated: emulation.bytes), emulation: emulation)
    checkRows()
  }

  /// An offset at or around one of the registers.
  func nearRegister(_ choice: UInt8) -> Int {
    guard !rows.isEmpty else { return Int(choice) }
    return rows[Int(choice >> 3) % rows.count].offset + Int(choice & 7) - 3
  }

  mutating func read(_ width: AccessWidth, at offset: Int) {
    let before = space.emulation
    space.physical.moved = []
    let value = space.read(width, at: offset)
    require(space.emulation == before, "a read changes something")
    let expected = (0..<width.rawValue).reduce(UInt32(0)) {
      $0 | UInt32(byte(offset, $1)) << (8 * $1)
    }
    require(value == expected, "read \(width) at \(offset): \(value), expected \(expected)")
    checkMoved(width, at: offset)
  }

  mutating func write(_ value: UInt32, _ width: AccessWidth, at offset: Int) {
    let before = space.emulation.state
    let device = space.physical.bytes
    space.physical.moved = []
    let changes = space.write(value, width, at: offset)
    checkMoved(width, at: offset)
    for index in 0..<4096 where device[index] != space.physical.bytes[index] {
      let byte = UInt8(truncatingIfNeeded: value >> (8 * (index - offset)))
      require(space.physical.bytes[index] == byte, "another byte at \(index)")
    }
    check(Array(changes), since: before)
  }

  mutating func set(_ value: UInt32, at offset: Int) {
    let before = space.emulation.state
    let change = space.emulation.set(value, at: offset)
    check(change.map { [$0] } ?? [], since: before)
  }

  mutating func reset() {
    let before = space.emulation.state
    let changes = space.emulation.reset()
    check(changes, since: before)
    require(space.emulation.state.map(\.value) == rows.map(\.reset), "not as after a reset")
  }

  /// Restores the present state with one value changed.
  mutating func restore(changing index: UInt8, by bits: UInt32) {
    var state = space.emulation.state
    if !state.isEmpty {
      let old = state[Int(index) % state.count]
      state[Int(index) % state.count] = EmulatedValue(
        offset: old.offset, bytes: old.bytes, value: old.value ^ bits)
    }
    restore(state)
  }

  /// Restores any state: it is taken over whole, or nothing changes.
  mutating func restore(_ state: [EmulatedValue]) {
    let before = space.emulation.state
    do {
      let changes = try space.emulation.restore(state)
      check(changes, since: before)
      require(space.emulation.state == state, "another state than the one restored")
    } catch {
      require(space.emulation.state == before && !"\(error)".isEmpty, "refused, and yet changed")
    }
  }

  /// What a guest sees of one byte.
  private func byte(_ offset: Int, _ index: Int) -> UInt8 {
    guard (0..<4096).contains(offset) else { return 0xFF }
    let at = offset + index
    guard at < 4096 else { return 0xFF }
    for row in rows where (row.offset...row.last).contains(at) {
      return UInt8(
        truncatingIfNeeded: (space.emulation.value(at: row.offset) ?? 0) >> (8 * (at - row.offset)))
    }
    return space.physical.bytes[at]
  }

  /// The device sees each of its own bytes of an access once.
  private func checkMoved(_ width: AccessWidth, at offset: Int) {
    let moved = space.physical.moved
    guard (0..<4096).contains(offset) else {
      require(moved.isEmpty, "an access outside reaches the device")
      return
    }
    let wanted = (offset..<min(offset + width.rawValue, 4096)).filter {
      !space.physical.emulated.contains($0)
    }
    require(moved == wanted, "\(width) at \(offset) moves \(moved)")
  }

  /// Every change is told, and only bits change that can.
  private func check(_ changes: [RegisterChange], since before: [EmulatedValue]) {
    let after = space.emulation.state
    let happened = zip(before, after).filter { $0 != $1 }
    require(
      happened.map { [$0.offset, Int($0.value), Int($1.value)] }
        == changes.map { [$0.offset, Int($0.old), Int($0.new)] }, "changes untold: \(changes)")
    if let told = changes.pasidControl {
      require(told.new == space.emulation.pasidControl, "another PASID Control register")
    }
    checkRows()
  }

  private func checkRows() {
    require(space.emulation.registers == rows, "another register")
    for row in rows {
      let value = space.emulation.value(at: row.offset) ?? 0
      require((value ^ row.reset) & ~row.variable == 0, "a read-only bit of \(row) changed")
    }
  }
}
