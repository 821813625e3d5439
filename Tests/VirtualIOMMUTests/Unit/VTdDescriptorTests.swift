import Hardware
import Testing
import VirtualIOMMU

@testable import VirtualIOMMU

@Suite("Descriptors of the invalidation queue")
struct VTdDescriptorTests {
  static let all: UInt16 = 0x3FE
  static let pasid = PASID.number(0xABCDE)

  static func pages(
    _ address: UInt64, _ count: UInt64, leaf: Bool = false
  ) -> FirstStageInvalidation {
    FirstStageInvalidation(address: address, pageCount: count, isLeafOnly: leaf)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let words: (UInt64, UInt64)
    let command: VTdCommand?
    let testDescription: String
    init(_ name: String, _ low: UInt64, _ command: VTdCommand?) {
      self.init(name, low, 0, command)
    }
    init(_ name: String, _ low: UInt64, _ high: UInt64, _ command: VTdCommand?) {
      words = (low, high)
      self.command = command
      testDescription = name
    }
  }

  static let cases: [Case] = [
    Case("context, global", 0x11, .forget(.allContexts)),
    Case("context, domain", 0x1234_0021, .forget(.contexts(domain: 0x1234))),
    Case(
      "context, device", 0x0002_0110_1234_0031,
      .forget(.context(source: 0x110, mask: 6, domain: 0x1234))),
    Case("context, no granularity", 0x01, nil),
    Case("IOTLB, global", 0x12, .forget(.allTranslations)),
    Case("IOTLB, global, draining", 0xD2, .forget(.allTranslations)),
    Case("IOTLB, domain", 0x1234_0022, .forget(.translations(domain: 0x1234))),
    Case(
      "IOTLB, pages", 0x1234_0032, 0x1234_5042,
      .forget(.pages(pages(0x1234_4000, 4, leaf: true), domain: 0x1234))),
    Case(
      "IOTLB, the largest mask", 0x32, 0x1234_5678_9000 | 18,
      .forget(.pages(pages(0x1234_4000_0000, 1 << 18), domain: 0))),
    Case("IOTLB, a mask beyond MAMV", 0x32, 19, nil),
    Case("IOTLB, no granularity", 0x02, nil),
    Case(
      "device TLB, a page", 0x0000_0110_001F_F003, 0x5000,
      .deviceTLB(pages(0x5000, 1), nil, isGlobal: false, source: 0x110)),
    Case(
      "device TLB, 8 KiB", 0x0000_0110_0000_0003, 0x4001,
      .deviceTLB(pages(0x4000, 2), nil, isGlobal: false, source: 0x110)),
    Case(
      "device TLB, 64 KiB", 0x0000_0110_0000_0003, 0x1_7001,
      .deviceTLB(pages(0x1_0000, 16), nil, isGlobal: false, source: 0x110)),
    Case(
      "device TLB, everything as Linux says it", 0xFFF0_0110_0000_0003, 0x7FFF_FFFF_FFFF_F001,
      .deviceTLB(.everything, nil, isGlobal: false, source: 0x110)),
    Case("interrupts, all", 0x04, .forget(.allInterrupts)),
    Case(
      "interrupts, some", 0x0000_1234_1800_0014,
      .forget(.interrupts(index: 0x1234, maskBits: 3))),
    Case(
      "wait with status", 0xCAFE_0000_0000_0025, 0x7004,
      .wait(
        VTdWait(
          writesStatus: true, interrupts: false, status: 0xCAFE_0000,
          address: GuestPhysicalAddress(0x7004)))),
    Case(
      "wait with interrupt, fence and drain", 0xD5, 0,
      .wait(
        VTdWait(
          writesStatus: false, interrupts: true, status: 0, address: GuestPhysicalAddress(0)))),
    Case(
      "PASID IOTLB, all", 0x000A_BCDE_1234_0026,
      pasid.map { .forget(.pasidPages(.everything, $0, domain: 0x1234)) }),
    Case(
      "PASID IOTLB, pages", 0x000A_BCDE_1234_0036, 0x7FFF_1234_5000,
      pasid.map { .forget(.pasidPages(pages(0x7FFF_1234_5000, 1), $0, domain: 0x1234)) }),
    Case(
      "PASID IOTLB, a mask beyond MAMV is taken", 0x000A_BCDE_1234_0036, 0xFFFF_8000_0000_0000 | 35,
      pasid.map {
        .forget(.pasidPages(pages(0xFFFF_8000_0000_0000, 1 << 35), $0, domain: 0x1234))
      }),
    Case(
      "PASID IOTLB, a mask of all pages", 0x000A_BCDE_1234_0036, 52,
      pasid.map { .forget(.pasidPages(.everything, $0, domain: 0x1234)) }),
    Case(
      "PASID IOTLB, the largest mask", 0x000A_BCDE_1234_0036, 63,
      pasid.map { .forget(.pasidPages(.everything, $0, domain: 0x1234)) }),
    Case("PASID IOTLB, no granularity", 0x06, nil), Case("PASID IOTLB, reserved one", 0x16, nil),
    Case("PASID cache, domain", 0x000A_BCDE_1234_0007, .forget(.pasids(domain: 0x1234))),
    Case(
      "PASID cache, one", 0x000A_BCDE_1234_0017,
      pasid.map { .forget(.pasid($0, domain: 0x1234)) }),
    Case("PASID cache, reserved granularity", 0x27, nil),
    Case("PASID cache, global", 0x37, .forget(.allPASIDs)),
    Case(
      "PASID device TLB, a page", 0x000A_BCDE_0110_0008, 0x5000,
      .deviceTLB(pages(0x5000, 1), pasid, isGlobal: false, source: 0x110)),
    Case(
      "PASID device TLB, 16 KiB of all PASIDs", 0xFFFA_BCDE_0110_F1F8, 0x5801,
      .deviceTLB(pages(0x4000, 4), pasid, isGlobal: true, source: 0x110)),
    Case(
      "PASID device TLB, everything as Linux says it", 0x000A_BCDE_0110_0008,
      0x7FFF_FFFF_FFFF_F800, .deviceTLB(.everything, pasid, isGlobal: false, source: 0x110)),
    Case(
      "response with PASID", 0x000A_BCDE_0110_1019, 0xFF8,
      .respond(source: 0x110, pasid: pasid, group: 0x1FF, code: 1)),
    Case(
      "response without PASID", 0x0110_F009, 0x8,
      .respond(source: 0x110, pasid: nil, group: 1, code: 15)),
    Case("type 0", 0x00, nil), Case("type 10", 0x0A, nil), Case("type 15", 0x0F, nil),
    Case("type 17, which ends like type 1", 0x211, nil),
  ]

  @Test("each says what the specification says", arguments: cases)
  func command(_ one: Case) {
    let descriptor = VTdDescriptor(one.words.0, one.words.1)
    #expect((try? descriptor.command(Self.all, maximumMask: 18)) == one.command)
  }

  /// The reserved bits of each type, as ranges of the specification: in the first and second word.
  static let reservedRows:
    [(
      name: String, valid: (UInt64, UInt64), first: [ClosedRange<Int>],
      second: [ClosedRange<Int>]
    )] = [
      ("context", (0x11, 0), [6...8, 12...15, 50...63], [0...63]),
      ("IOTLB", (0x22, 0), [8...8, 12...15, 32...63], [7...11]),
      ("device TLB", (0x03, 0), [4...8, 21...31, 48...51], [1...11]),
      ("interrupts", (0x04, 0), [5...8, 12...26, 48...63], [0...63]),
      ("wait", (0x25, 0x7000), [8...8, 12...31], [0...1]),
      ("PASID IOTLB", (0x26, 0), [6...8, 12...15, 52...63], [7...11]),
      ("PASID cache", (0x37, 0), [6...8, 12...15, 52...63], [0...63]),
      ("PASID device TLB", (0x08, 0), [], [1...10]),
      ("response", (0x09, 0), [5...8, 52...63], [0...1, 12...63]),
    ]

  @Test("each reserved bit is an error, and no other bit is", arguments: 0..<9)
  func reserved(_ index: Int) {
    let row = Self.reservedRows[index]
    // Bits whose change makes another command, or a value that is checked by itself.
    let fields = Set(0...5).union(9...11)
    for bit in 0..<64 {
      let mask: UInt64 = 1 << UInt64(bit)
      if !fields.contains(bit) {
        let descriptor = VTdDescriptor(row.valid.0 | mask, row.valid.1)
        let isReserved = row.first.contains { $0.contains(bit) }
        #expect(problem(descriptor) == (isReserved ? .reserved : nil), "\(row.name), bit \(bit)")
      }
      let descriptor = VTdDescriptor(row.valid.0, row.valid.1 | mask)
      let isReserved = row.second.contains { $0.contains(bit) }
      #expect(
        problem(descriptor) == (isReserved ? .reserved : nil), "\(row.name), bit \(64 + bit)")
      for upper in [\VTdDescriptor.word2, \VTdDescriptor.word3] {
        var descriptor = VTdDescriptor(row.valid.0, row.valid.1)
        descriptor[keyPath: upper] = mask
        #expect(problem(descriptor) == .reserved)
      }
    }
  }

  @Test("each type that is not offered is an error", arguments: VTdDescriptor.Kind.allCases)
  func notOffered(_ kind: VTdDescriptor.Kind) {
    let valid = Self.reservedRows[Int(kind.rawValue) - 1].valid
    let kinds = Self.all & ~(1 << UInt16(kind.rawValue))
    #expect(problem(VTdDescriptor(valid.0, valid.1), kinds) == .type)
    #expect(problem(VTdDescriptor(valid.0, valid.1), 1 << UInt16(kind.rawValue)) == nil)
  }

  @Test("what is offered decides which types there are")
  func kinds() throws {
    let legacy = try VTdConfiguration(pasidBits: 0, features: [.passThrough])
    #expect(legacy.descriptorKinds == 1 << 1 | 1 << 2 | 1 << 5)
    #expect(try VTdConfiguration().descriptorKinds == Self.all & ~(1 << 4))
    let all = try VTdConfiguration(features: VTdRegisterTests.everything)
    #expect(all.descriptorKinds == Self.all)
  }

  @Test("a range is aligned and as long as its mask says", arguments: 0..<64 as Range<UInt64>)
  func ranges(_ mask: UInt64) {
    let range = VTdDescriptor.pages(0xFFFF_FFFF_FFFF_F000 | mask)
    guard mask < 52 else {
      #expect(range == .everything)
      return
    }
    #expect(range.pageCount == 1 << mask)
    #expect(range.address & (range.pageCount &* 4096 &- 1) == 0)
    #expect(range.address &+ range.pageCount &* 4096 == 0)
  }

  private func problem(
    _ descriptor: VTdDescriptor, _ kinds: UInt16 = all
  ) -> VTdQueueProblem? {
    do {
      _ = try descriptor.command(kinds, maximumMask: 63)
      return nil
    } catch {
      return error
    }
  }
}
