import Hardware
import IOMMU
import Testing
import VirtualIOMMU

@Suite("Interrupt remapping")
struct InterruptRemappingTests {
  /// A table at page 8 of the guest, of 256 entries.
  private static func remapper(
    _ guest: WalkGuest, isOn: Bool = true, isExtended: Bool = false, passes: Bool = false,
    size: UInt64 = 7
  ) -> VTdInterruptRemapper {
    let remapper = VTdInterruptRemapper(memory: guest.guestMemory)
    remapper.changed(to: state(isOn, isExtended, passes, size))
    return remapper
  }

  private static func state(
    _ isOn: Bool, _ isExtended: Bool, _ passes: Bool, _ size: UInt64
  ) -> VTdTranslationState {
    var state = VTdTranslationState.reset
    state.remapsInterrupts = isOn
    state.interruptTable = 0x8000 | (isExtended ? 1 << 11 : 0) | size
    state.passesCompatibilityInterrupts = passes
    return state
  }

  private static func write(_ guest: WalkGuest, _ index: UInt64, _ low: UInt64, _ high: UInt64 = 0)
  {
    guest[0x8000 + index * 16] = low
    guest[0x8008 + index * 16] = high
  }

  /// A message with a handle in the remappable format.
  private static func address(_ handle: UInt64, sub: Bool = false) -> UInt64 {
    0xFEE0_0010 | (handle & 0x7FFF) << 5 | (handle >> 15) << 2 | (sub ? 8 : 0)
  }

  @Test(
    "the fields of an entry arrive, with 8 and with 32 bits of destination",
    arguments: [false, true])
  func fields(isExtended: Bool) throws {
    let guest = try WalkGuest()
    let remapper = Self.remapper(guest, isExtended: isExtended)
    // Logical, redirection hint, level, delivery mode 1, vector 0x45.
    let destination: UInt64 = isExtended ? 0x1234_5678 : 0x7800
    Self.write(guest, 3, 1 | 4 | 8 | 16 | 1 << 5 | 0x45 << 16 | destination << 32)
    let answer = remapper.remap(
      Self.address(3), 0, from: WalkGuest.device, reportingTo: guest.events)
    let interrupt = VTdInterrupt(
      vector: 0x45, deliveryMode: 1, isLogical: true, hasRedirectionHint: true,
      isLevelTriggered: true, destination: isExtended ? 0x1234_5678 : 0x78)
    #expect(answer == .remapped(interrupt))
    let message = interrupt.message
    #expect(message.data == 0xC145)
    #expect(message.address == (isExtended ? 0x1234_5600_FEE7_800C : 0xFEE7_800C))
    #expect(guest.events.take() == [])
  }

  @Test("the index is the handle, plus the data's lower half when SHV is set")
  func index() throws {
    let guest = try WalkGuest()
    let remapper = Self.remapper(guest, size: 15)
    Self.write(guest, 7, 1 | 0x77 << 16)
    for (address, data) in [
      (Self.address(7), 0), (Self.address(7), 9), (Self.address(4, sub: true), 3),
    ] as [(UInt64, UInt32)] {
      guard
        case .remapped(let interrupt) = remapper.remap(
          address, data, from: WalkGuest.device, reportingTo: guest.events)
      else {
        Issue.record("\(address) \(data)")
        continue
      }
      #expect(interrupt.vector == 0x77)
    }
    // Bit 15 of the handle stands in bit 2.
    let high = 0x8000 + 0x8000 * 16 as UInt64
    #expect(high >> 12 >= guest.pages)
    #expect(
      remapper.remap(
        Self.address(0x8000), 0, from: WalkGuest.device, reportingTo: guest.events)
        == .refused(.interruptFetch))
  }

  struct Row: Sendable, CustomStringConvertible {
    let description: String
    let reason: UInt8
    var low: UInt64 = 1
    var high: UInt64 = 0
    var address = InterruptRemappingTests.address(3)
    var data: UInt32 = 0
    var isExtended = false
    var isQualified = true
    var isMissing = false
  }

  static let rows: [Row] = [
    .init(
      description: "the upper half of the data", reason: 0x20, data: 1 << 16, isQualified: false),
    .init(
      description: "an index behind the table", reason: 0x21, address: address(256),
      isQualified: false),
    .init(
      description: "a subhandle behind the table", reason: 0x21,
      address: address(3, sub: true), data: 253, isQualified: false),
    .init(description: "an absent entry", reason: 0x22, low: 0x45 << 16),
    .init(
      description: "a table that is no memory", reason: 0x23, isQualified: false,
      isMissing: true),
    .init(description: "a reserved bit", reason: 0x24, low: 1 | 1 << 12),
    .init(description: "a posted entry", reason: 0x24, low: 1 | 1 << 15),
    .init(description: "a reserved bit above the vector", reason: 0x24, low: 1 | 1 << 24),
    .init(description: "a destination of 32 bits", reason: 0x24, low: 1 | 1 << 32),
    .init(description: "SVT 3", reason: 0x24, high: 3 << 18),
    .init(description: "a reserved bit of the upper half", reason: 0x24, high: 1 << 20),
    .init(description: "another requester", reason: 0x26, high: 1 << 18 | 0x111),
    .init(description: "another bus", reason: 0x26, high: 2 << 18 | 0x0203),
    .init(
      description: "the compatibility format", reason: 0x25, address: 0xFEE0_1000,
      isQualified: false),
  ]

  @Test("what is refused, and recorded unless FPD is set", arguments: rows, [false, true])
  func refused(_ row: Row, isQuiet: Bool) throws {
    let guest = try WalkGuest()
    let remapper = Self.remapper(guest, isExtended: row.isExtended)
    Self.write(guest, 3, row.low | (isQuiet ? 2 : 0), row.high)
    if row.isMissing { try guest.remap(8, []) }
    let reason = VTdFaultReason.code(row.reason)
    #expect(
      remapper.remap(row.address, row.data, from: WalkGuest.device, reportingTo: guest.events)
        == .refused(reason))
    #expect(guest.events.take().map(\.reason) == (isQuiet && row.isQualified ? [] : [reason]))
  }

  @Test("requesters are compared as SVT and SQ say")
  func sources() throws {
    let rows: [(high: UInt64, admitted: [UInt16], others: [UInt16])] = [
      (0, [0, 0xFFFF], []),
      (1 << 18 | 0x110, [0x110], [0x111, 0x114, 0x210]),
      (1 << 18 | 1 << 16 | 0x110, [0x110, 0x114], [0x111, 0x112]),
      (1 << 18 | 2 << 16 | 0x110, [0x110, 0x112, 0x114, 0x116], [0x111]),
      (1 << 18 | 3 << 16 | 0x110, [0x110, 0x117], [0x118]),
      (2 << 18 | 0x0203, [0x200, 0x2FF, 0x300], [0x1FF, 0x400]),
    ]
    for row in rows {
      let entry = VTdInterruptEntry(low: 1, high: row.high)
      for source in row.admitted { #expect(entry.admits(source), "\(row.high) \(source)") }
      for source in row.others { #expect(!entry.admits(source), "\(row.high) \(source)") }
    }
  }

  @Test("the compatibility format passes with CFI, but not with extended destinations")
  func compatibility() throws {
    let guest = try WalkGuest()
    for (isExtended, passes) in [(false, false), (false, true), (true, true)] {
      let remapper = Self.remapper(guest, isExtended: isExtended, passes: passes)
      let answer = remapper.remap(
        0xFEE0_1000, 0x45, from: WalkGuest.device, reportingTo: guest.events)
      #expect(answer == (passes && !isExtended ? .passed : .refused(.interruptCompatibility)))
    }
    let off = Self.remapper(guest, isOn: false)
    #expect(
      off.remap(Self.address(3), 0, from: WalkGuest.device, reportingTo: guest.events)
        == .passed)
  }

  @Test("entries are kept until they are invalidated, absent ones never")
  func caching() throws {
    let guest = try WalkGuest()
    let remapper = Self.remapper(guest)
    func vector(_ index: UInt64) -> UInt8? {
      guard
        case .remapped(let interrupt) = remapper.remap(
          Self.address(index), 0, from: WalkGuest.device, reportingTo: guest.events)
      else { return nil }
      return interrupt.vector
    }
    func fill(_ vector: UInt64) {
      for index in 0..<8 as Range<UInt64> { Self.write(guest, index, 1 | vector << 16) }
    }
    func vectors() -> [UInt8?] { (0..<8).map { vector($0) } }
    #expect(vector(1) == nil)
    fill(0x40)
    #expect(vectors() == [UInt8?](repeating: 0x40, count: 8))
    fill(0x50)
    remapper.invalidate(.allTranslations)
    #expect(vectors() == [UInt8?](repeating: 0x40, count: 8))
    remapper.invalidate(.interrupts(index: 2, maskBits: 0))
    #expect(vectors() == [0x40, 0x40, 0x50, 0x40, 0x40, 0x40, 0x40, 0x40])
    remapper.invalidate(.interrupts(index: 5, maskBits: 1))
    #expect(vectors() == [0x40, 0x40, 0x50, 0x40, 0x50, 0x50, 0x40, 0x40])
    remapper.invalidate(.allInterrupts)
    #expect(vectors() == [UInt8?](repeating: 0x50, count: 8))
    // Masks of any width, from indices that are none of their first.
    for (bits, vector) in [(8, 0x51), (9, 0x52), (16, 0x53), (31, 0x54)] as [(UInt8, UInt8)] {
      fill(UInt64(vector))
      remapper.invalidate(.interrupts(index: 0xF5, maskBits: bits))
      #expect(vectors() == [UInt8?](repeating: vector, count: 8))
    }
    // Another table is another matter.
    remapper.changed(to: Self.state(true, false, false, 6))
    fill(0x60)
    #expect(vector(0) == 0x60)
  }
}
