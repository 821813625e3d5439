import HostABI
import HostSystem
import Testing
import VFIOUser
import VirtualIOMMU

@testable import Serving

/// Random numbers from a seed.
private struct Numbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}

/// Whatever clients and guests do in whatever order: everything is answered, memory that was not given
/// is not touched, and a reset of all brings back the beginning.
@Suite("Anything at a machine's door")
struct MachineDoorTests {
  @Test("any sequence of accesses, mappings and resets", arguments: 1...12 as ClosedRange<UInt64>)
  func anything(seed: UInt64) throws {
    var numbers = Numbers(state: seed)
    let guest = try ServedGuest()
    try guest.turnOn()
    for pasid in 1...4 as ClosedRange<UInt64> {
      guest.enter(pasid)
      for page in 0..<16 as Range<UInt64> {
        guest.map(
          page << 12, to: ServedGuest.data + page << 12, of: pasid, isWritable: page & 1 == 0)
      }
    }
    try guest.enable(pasids: [1, 2])
    // The last mebibyte is nobody's: no table leads there, and no function is told of it.
    let spared = ServedGuest.byteCount - (1 << 20)
    for offset in stride(from: spared, to: ServedGuest.byteCount, by: 4096) {
      guest.bytes.store(UInt64(0x5AFE), at: offset)
    }
    try remap(guest)

    let functions: [any UserDevice] = [guest.device, guest.function]
    for _ in 0..<3000 {
      let device = functions[Int(numbers.next() % 2)]
      let regions = device.information.regions
      let region = numbers.next() % 3 == 0 ? 7 : [0, 2][Int(numbers.next() % 2)]
      let size = regions[region].byteCount
      guard size > 0 else { continue }
      let count = [1, 2, 4, 8, 8, 4, 64, 3][Int(numbers.next() % 8)]
      // Registers stand at the beginning.
      let offset = min(
        numbers.next() % (numbers.next() % 4 == 0 ? size : min(size, 0x480)), size - UInt64(count))
      switch numbers.next() % 32 {
      case 0: try device.reset()
      case 1: device.unmap(guest.shortMapping.range)
      case 2: try? device.map(guest.shortMapping)
      case 3:
        let actions: [UserInterruptChange.Action] = [.none, .fire, .mask, .trigger(nil)]
        try? device.setInterrupts(
          UserInterruptChange(
            kind: Int(numbers.next() % 5), start: Int(numbers.next() % 10),
            actions: Array(actions.prefix(Int(numbers.next() % 5)))))
      case 4: try guest.move(0, 0x2000, 64, record: 0x4000, queue: numbers.next() % 2)
      case 5:
        try guest.put(numbers.next() & 0xFFFF_FFFF_0000_003F, numbers.next() & 0xFFFF_F07F)
      case 6...15:
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        try device.read(region, at: offset, into: &span)
      default:
        // Guests that point the unit at memory of theirs that is not the tables' spoil only theirs.
        let isTable = region == 0 && device === guest.function && (0x20..<0x28).contains(offset)
        guard !isTable else { continue }
        let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: numbers.next()) }
        try device.write(region, at: offset, bytes.span)
      }
    }
    for offset in stride(from: spared, to: ServedGuest.byteCount, by: 4096) {
      #expect(guest.bytes.load(UInt64.self, at: offset) == 0x5AFE)
    }
    guest.device.detached()
    guest.function.detached()
    #expect(guest.device.controls.isEmpty)
    #expect(guest.function.memory.all.isEmpty)
    #expect(try guest.load(4, UInt64(VTdRegister.status), 0, guest.function) == 0)
    #expect(try guest.load(4, 4, 7, guest.device) & 7 == 0)
  }

  /// Takes the whole memory away, and gives all of it but the last mebibyte.
  private func remap(_ guest: ServedGuest) throws {
    for device in [guest.device, guest.function] as [any UserDevice] {
      device.unmap(guest.mapping().range)
      try device.map(guest.shortMapping)
    }
  }
}
