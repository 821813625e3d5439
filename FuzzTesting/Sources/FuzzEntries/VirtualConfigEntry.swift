import Hardware
import PCIe

/// A config space, where to put a PASID capability, further rows, and operations on it all.
enum VirtualConfigEntry {
  static func run(_ bytes: [UInt8]) {
    var feed = ByteFeed(bytes)
    let config = ConfigRecipe.config(&feed)
    let choice = feed.integer(UInt16.self)
    let pasid = PASIDCapability(
      width: Int(choice >> 10 & 0xF), execute: choice >> 14 & 1 == 1,
      privileged: choice >> 15 & 1 == 1)
    var emulation = ConfigEmulation()
    if let insertion = try? LayoutMap(of: config).inserting(
      pasid.extendedCapability, at: 4 * Int(choice & 0x3FF), in: config)
    {
      do { try emulation.add(insertion) } catch { fatalError("\(error)") }
      require(emulation.pasidControl?.rawValue == 0, "it starts enabled")
    }
    for _ in 0..<feed.byte() & 7 { add(row(&feed), to: &emulation) }
    var check = VirtualConfigCheck(config, emulation)
    var steps = 0
    while !feed.isEmpty, steps < 256 {
      steps += 1
      step(&check, &feed)
    }
  }

  private static func row(_ feed: inout ByteFeed) -> EmulatedRegister {
    let place = feed.integer(UInt16.self)
    let width = AccessWidth.allCases[Int(place >> 13) % 3]
    let masks = (0..<5).map { _ in feed.integer(UInt32.self) & width.mask }
    let writable = masks[1]
    let clear = masks[2] & ~writable
    return EmulatedRegister(
      offset: Int(place & 0x1FFF), width: width, reset: masks[0], writable: writable,
      writeOneToClear: clear, status: masks[3] & ~(writable | clear), locked: masks[4],
      lock: masks[0] & masks[4])
  }

  /// A row is emulated, or nothing changes.
  private static func add(_ row: EmulatedRegister, to emulation: inout ConfigEmulation) {
    let before = emulation
    do {
      try emulation.add(row)
      require(emulation.bytes.contains(row.offset...row.last), "its bytes are not emulated")
      require(emulation.registers.contains(row), "it is not there")
    } catch {
      require(emulation == before && !"\(error)".isEmpty, "refused, and yet something changed")
    }
  }

  private static func step(_ check: inout VirtualConfigCheck, _ feed: inout ByteFeed) {
    let kind = feed.byte()
    let width = AccessWidth.allCases[Int(kind >> 4) % 3]
    switch kind & 0xF {
    case 0...3: check.read(width, at: Int(feed.integer(Int16.self)))
    case 4...7: check.write(feed.integer(), width, at: Int(feed.integer(Int16.self)))
    // Where emulated registers are.
    case 8: check.read(width, at: check.nearRegister(feed.byte()))
    case 9, 10: check.write(feed.integer(), width, at: check.nearRegister(feed.byte()))
    case 11: check.set(feed.integer(), at: check.nearRegister(feed.byte()))
    case 12: check.reset()
    case 13: check.restore(changing: feed.byte(), by: feed.integer())
    case 14:
      check.restore(
        (0..<feed.byte() & 7).map { _ in
          EmulatedValue(
            offset: feed.integer(), bytes: Int(feed.integer(Int8.self)), value: feed.integer())
        })
    default: check.read(width, at: feed.integer(Int.self))
    }
  }
}
