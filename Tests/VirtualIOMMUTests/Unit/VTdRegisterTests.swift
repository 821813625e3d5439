import Hardware
import TestSupport
import Testing
import VirtualIOMMU

@testable import VirtualIOMMU

@Suite("Registers of a VT-d unit")
struct VTdRegisterTests {
  /// One row of the specification's register map: what a guest's write of all ones leaves.
  struct Row: Sendable, CustomTestStringConvertible {
    let offset: Int
    let name: String
    let reset: UInt32
    let afterOnes: UInt32
    var testDescription: String { name }
    init(_ offset: Int, _ name: String, _ reset: UInt32 = 0, _ afterOnes: UInt32 = 0) {
      self.offset = offset
      self.name = name
      self.reset = reset
      self.afterOnes = afterOnes
    }
  }

  /// Written from the specification, not from the code; commands that act on a write are elsewhere.
  static let rows: [Row] = [
    Row(0x00, "VER", 0x10, 0x10), Row(0x04, "reserved"), Row(0x18, "GCMD"),
    Row(0x20, "RTADDR", 0, 0xFFFF_FC00), Row(0x24, "RTADDR high", 0, .max),
    Row(0x28, "CCMD", 0, .max), Row(0x30, "reserved"), Row(0x34, "FSTS"),
    Row(0x38, "FECTL", 0x8000_0000, 0x8000_0000), Row(0x3C, "FEDATA", 0, 0xFFFF),
    Row(0x40, "FEADDR", 0, 0xFFFF_FFFC), Row(0x44, "FEUADDR", 0, .max),
    Row(0x58, "AFLOG"), Row(0x64, "PMEN"), Row(0x68, "PLMBASE"), Row(0x78, "PHMLIMIT"),
    Row(0x80, "IQH"), Row(0x84, "IQH high"), Row(0x88, "IQT", 0, 0x7FFF0),
    Row(0x8C, "IQT high"), Row(0x90, "IQA", 0, 0xFFFF_F807), Row(0x94, "IQA high", 0, .max),
    Row(0x98, "reserved"), Row(0x9C, "ICS"), Row(0xA0, "IECTL", 0x8000_0000, 0x8000_0000),
    Row(0xA4, "IEDATA", 0, 0xFFFF), Row(0xA8, "IEADDR", 0, 0xFFFF_FFFC),
    Row(0xAC, "IEUADDR", 0, .max), Row(0xB0, "IQER"), Row(0xB4, "IQER high"),
    Row(0xB8, "IRTA", 0, 0xFFFF_F80F), Row(0xBC, "IRTA high", 0, .max),
    Row(0xC0, "PQH", 0, 0x7FFE0), Row(0xC8, "PQT", 0, 0x7FFE0),
    Row(0xD0, "PQA", 0, 0xFFFF_F007), Row(0xD4, "PQA high", 0, .max), Row(0xDC, "PRS"),
    Row(0xE0, "PECTL", 0x8000_0000, 0x8000_0000), Row(0xE4, "PEDATA", 0, 0xFFFF),
    Row(0xE8, "PEADDR", 0, 0xFFFF_FFFC), Row(0xEC, "PEUADDR", 0, .max),
    Row(0xF0, "IVA"), Row(0xF4, "IVA high"), Row(0x100, "MTRRCAP"), Row(0x220, "FRCD"),
    Row(0x22C, "FRCD high"), Row(0x400, "ECMD"), Row(0xFFC, "reserved"),
  ]

  static let everything = VTdConfiguration.passthroughFeatures.union([
    .interruptRemapping, .extendedInterrupts,
  ])

  @Test("a row's writable bits, and no others, take a write", arguments: rows)
  func row(_ row: Row) throws {
    let guest = try UnitGuest(pages: 16, VTdConfiguration(features: Self.everything))
    #expect(guest.read(row.offset) == row.reset)
    guest.write(.max, row.offset)
    #expect(guest.read(row.offset) == row.afterOnes)
    guest.write(0, row.offset)
    #expect(guest.read(row.offset) == (row.afterOnes & row.reset & 0x10))
  }

  @Test("registers of what is not offered do not exist")
  func absent() throws {
    let guest = try UnitGuest(
      pages: 16, VTdConfiguration(pasidBits: 0, features: [.passThrough]))
    for offset in [0xB8, 0xC0, 0xC8, 0xD0, 0xDC, 0xE0] {
      guest.write(.max, offset)
      #expect(guest.read(offset) == 0)
    }
    guest.write(.max, 0x20)
    #expect(guest.read(0x20) == 0xFFFF_F000)
    guest.write(.max, 0x90)
    #expect(guest.read(0x90) == 0xFFFF_F007)
  }

  @Test("8-byte reads are two doublewords; halves of a register can be written alone")
  func wide() throws {
    let guest = try UnitGuest(pages: 16)
    let unit = guest.unit
    #expect(unit.read(0x08, size: 8) == unit.configuration.capability.rawValue)
    #expect(unit.read(0x10, size: 8) == unit.configuration.extendedCapability.rawValue)
    #expect(unit.read(0x00, size: 8) == 0x10)
    guest.write(0x1234_5000, 0x20)
    guest.write(0x9ABC, 0x24)
    #expect(unit.read(0x20, size: 8) == 0x9ABC_1234_5000)
    unit.write(0x0000_0003_0000_FEED, at: 0x38, size: 8)
    #expect(guest.read(0x3C) == 3)
  }

  @Test("any other access reads zero and writes nothing")
  func odd() throws {
    let guest = try UnitGuest(pages: 16)
    let unit = guest.unit
    let before = unit.save()
    let offsets = [-8, -4, -1, 1, 2, 3, 5, 0x24, 0xFFC, 0x1000, 0x1004, .max, .min, .max - 3]
    for offset in offsets {
      for size in [-1, 0, 1, 2, 3, 5, 8, 16, 4096] where size != 4 {
        if size == 8, offset >= 0, offset & 7 == 0, offset <= 0xFF8 { continue }
        unit.write(.max, at: offset, size: size)
        #expect(unit.read(offset, size: size) == 0)
      }
      if offset & 3 != 0 || !(0..<0x1000).contains(offset) {
        unit.write(.max, at: offset, size: 4)
        #expect(unit.read(offset, size: 4) == 0)
      }
    }
    #expect(unit.save() == before)
  }

  // MARK: Capabilities

  @Test("CAP and ECAP say what was configured")
  func capabilities() throws {
    let configuration = try VTdConfiguration(
      addressWidth: 57, pasidBits: 16, faultRegisters: 3,
      features: Self.everything.union([
        .fiveLevels, .secondStage, .nesting, .supervisorRequests, .executeRequests,
        .extendedAccessedFlag, .secondStageDirtyBits, .snoopControl, .flushingPointers,
        .ridPASID, .noWriteFlag,
      ]))
    let capability = configuration.capability.rawValue
    func cap(_ bits: ClosedRange<Int>) -> UInt64 {
      capability >> UInt64(bits.lowerBound) & (1 << UInt64(bits.count) - 1)
    }
    #expect(cap(0...2) == 6 && cap(7...7) == 1 && cap(8...12) == 0b1110 && cap(16...21) == 56)
    #expect(cap(24...33) == 0x22 && cap(34...37) == 3 && cap(39...39) == 1 && cap(40...47) == 2)
    #expect(cap(48...53) == 18 && cap(54...56) == 7 && cap(60...60) == 1 && cap(62...63) == 3)
    #expect(cap(3...6) == 0 && cap(59...59) == 0 && cap(61...61) == 0)
    let extended = configuration.extendedCapability.rawValue
    let set = [
      0, 1, 2, 3, 4, 6, 7, 26, 29, 30, 31, 33, 34, 40, 42, 43, 45, 46, 47, 48, 49,
    ]
    let fields: UInt64 = 0x3FF << 8 | 0xF << 20 | 0x1F << 35
    #expect(extended & ~fields == set.reduce(0) { $0 | 1 << UInt64($1) })
    #expect(extended >> 8 & 0x3FF == 0xF && extended >> 20 & 0xF == 15 && extended >> 35 & 31 == 15)
  }

  @Test("a legacy unit says nothing of scalable mode")
  func legacyCapabilities() throws {
    let configuration = try VTdConfiguration(
      addressWidth: 39, pasidBits: 0, features: [.passThrough])
    #expect(configuration.extendedCapability.rawValue == 1 | 2 | 1 << 6 | 0xF << 8)
    #expect(configuration.capability.rawValue >> 16 & 0x3F == 38)
  }

  @Test(
    "what does not go together is refused",
    arguments: [
      (40, 20, 8, VTdConfiguration.passthroughFeatures, "addresses have"),
      (48, 21, 8, VTdConfiguration.passthroughFeatures, "PASIDs have"),
      (48, -1, 8, VTdConfiguration.passthroughFeatures, "PASIDs have"),
      (48, 20, 0, VTdConfiguration.passthroughFeatures, "fault recording"),
      (48, 20, 129, VTdConfiguration.passthroughFeatures, "fault recording"),
      (48, 20, 8, [], "PASIDs: needs scalable mode"),
      (48, 0, 8, [.firstStage], "needs scalable mode"),
      (48, 0, 8, [.scalableMode], "needs a first or a second stage"),
      (48, 0, 8, [.scalableMode, .firstStage, .nesting], "nesting: needs both stages"),
      (48, 0, 8, [.scalableMode, .firstStage, .pageRequests], "needs device TLBs"),
      (48, 0, 8, [.extendedInterrupts], "needs interrupt remapping"),
      (48, 0, 8, [.scalableMode, .secondStage, .fiveLevels], "needs first stages"),
    ] as [(Int, Int, Int, VTdConfiguration.Features, String)])
  func invalid(
    _ width: Int, _ bits: Int, _ records: Int, _ features: VTdConfiguration.Features,
    _ words: String
  ) {
    let error = #expect(throws: VTdConfigurationError.self) {
      try VTdConfiguration(
        addressWidth: width, pasidBits: bits, faultRegisters: records, features: features)
    }
    #expect(error?.description.contains(words) == true)
  }

  // MARK: Commands

  @Test("a command shows in the status, each by its own bit")
  func commands() throws {
    let guest = try UnitGuest(pages: 16, VTdConfiguration(features: Self.everything))
    #expect(guest.globalStatus.rawValue == 0)
    guest.setRoot()
    #expect(guest.globalStatus.rawValue == 1 << 30)
    guest.enableQueue()
    #expect(guest.globalStatus.rawValue == 1 << 30 | 1 << 26)
    guest.enableTranslation()
    #expect(guest.globalStatus.rawValue == 1 << 31 | 1 << 30 | 1 << 26)
    guest.command { $0.interruptPointer = true }
    guest.command { $0.interruptRemapping = true }
    guest.command { $0.compatibilityInterrupts = true }
    #expect(guest.globalStatus.rawValue == 0xC780_0000)
    guest.command { $0.writeBufferFlush = true }
    #expect(guest.globalStatus.rawValue == 0xC780_0000)
    // Bits for the advanced log do nothing.
    guest.write(guest.globalStatus.rawValue & ~(1 << 30 | 1 << 24) | 3 << 28, 0x18)
    #expect(guest.globalStatus.rawValue == 0xC780_0000)
    guest.write(0, 0x18)
    #expect(guest.globalStatus.rawValue == 1 << 30 | 1 << 24)
  }

  @Test("interrupt commands do nothing without interrupt remapping")
  func interruptCommands() throws {
    let guest = try UnitGuest(pages: 16)
    guest.write(1 << 25 | 1 << 24 | 1 << 23, 0x18)
    #expect(guest.globalStatus.rawValue == 0)
  }

  @Test("the root pointer is taken by its command, not by the write")
  func rootLatch() throws {
    let guest = try UnitGuest(pages: 16)
    let listener = RecordingListener()
    guest.unit.addListener(listener)
    #expect(listener.take() == [.changed(.reset)])
    guest.unit.write(0x5000 | 1 << 10, at: 0x20, size: 8)
    #expect(listener.take().isEmpty && guest.unit.translationState == .reset)
    guest.command { $0.rootPointer = true }
    var state = VTdTranslationState.reset
    state.root = VTdRootTableAddress(rawValue: 0x5400)
    #expect(listener.take() == [.changed(state)])
    guest.unit.write(0x6000, at: 0x20, size: 8)
    #expect(guest.unit.translationState == state)
  }

  @Test("pointers that flush tell the caches to forget")
  func flushingPointers() throws {
    let guest = try UnitGuest(
      pages: 16,
      VTdConfiguration(
        features: Self.everything.union(.flushingPointers)))
    let listener = RecordingListener()
    guest.unit.addListener(listener)
    _ = listener.take()
    guest.setRoot()
    #expect(
      listener.take().suffix(4) == [
        .invalidate(.allContexts), .invalidate(.allPASIDs), .invalidate(.allTranslations), .drain,
      ])
    guest.command { $0.interruptPointer = true }
    #expect(listener.take().suffix(2) == [.invalidate(.allInterrupts), .drain])
  }

  // MARK: Invalidation by registers

  @Test(
    "CCMD does what it says and clears ICC",
    arguments: [
      (1 as UInt64, 0 as UInt64, VTdCacheInvalidation.allContexts as VTdCacheInvalidation?),
      (2, 0, .contexts(domain: 0x77)), (3, 0, .context(source: 0x1234, mask: 0, domain: 0x77)),
      (3, 1, .context(source: 0x1234, mask: 4, domain: 0x77)),
      (3, 2, .context(source: 0x1234, mask: 6, domain: 0x77)),
      (3, 3, .context(source: 0x1234, mask: 7, domain: 0x77)), (0, 0, nil),
    ])
  func contextCommand(
    _ granularity: UInt64, _ mask: UInt64, _ expected: VTdCacheInvalidation?
  ) throws {
    let guest = try UnitGuest(pages: 16)
    let listener = RecordingListener()
    guest.unit.addListener(listener)
    _ = listener.take()
    let value = granularity << 61 | mask << 32 | 0x1234 << 16 | 0x77
    guest.write(UInt32(truncatingIfNeeded: value), 0x28)
    guest.write(UInt32((value | 1 << 63) >> 32), 0x2C)
    #expect(listener.take() == (expected.map { [.invalidate($0), .drain] } ?? []))
    #expect(guest.unit.read(0x28, size: 8) == value | granularity << 59)
  }

  @Test(
    "the IOTLB register does what it says and clears IVT",
    arguments: [
      (
        1 as UInt64, 0 as UInt64, 1 as UInt64,
        VTdCacheInvalidation.allTranslations as VTdCacheInvalidation?
      ),
      (2, 0, 2, .translations(domain: 0x55)),
      (
        3, 0x7000 | 0x40 | 3, 3,
        .pages(
          FirstStageInvalidation(address: 0, pageCount: 8, isLeafOnly: true), domain: 0x55)
      ),
      (3, 0x7000 | 19, 2, .translations(domain: 0x55)), (0, 0, 0, nil),
    ])
  func invalidateRegister(
    _ granularity: UInt64, _ place: UInt64, _ done: UInt64, _ expected: VTdCacheInvalidation?
  ) throws {
    let guest = try UnitGuest(pages: 16)
    let listener = RecordingListener()
    guest.unit.addListener(listener)
    _ = listener.take()
    guest.unit.write(place, at: 0xF0, size: 8)
    #expect(guest.unit.read(0xF0, size: 8) == 0)
    guest.unit.write(1 << 63 | granularity << 60 | 0x55 << 32, at: 0xF8, size: 8)
    #expect(listener.take() == (expected.map { [.invalidate($0), .drain] } ?? []))
    #expect(guest.unit.read(0xF8, size: 8) == granularity << 60 | done << 57 | 0x55 << 32)
  }

  @Test("what registers invalidate is kept for a log as what the queue does")
  func keptForLog() throws {
    let guest = try UnitGuest(pages: 16)
    guest.unit.write(1 << 63 | 1 << 60, at: 0xF8, size: 8)
    #expect(guest.unit.takeInvalidations() == nil)
    guest.unit.keepInvalidations()
    guest.unit.write(1 << 63 | 2 << 61 | 0x77, at: 0x28, size: 8)
    guest.unit.write(0x7000 | 3, at: 0xF0, size: 8)
    guest.unit.write(1 << 63 | 3 << 60 | 0x55 << 32, at: 0xF8, size: 8)
    // More pages than the unit takes are told as what is done instead.
    guest.unit.write(0x7000 | 19, at: 0xF0, size: 8)
    guest.unit.write(1 << 63 | 3 << 60 | 0x55 << 32, at: 0xF8, size: 8)
    // Nothing is asked for without ICC and IVT, or with the reserved granularity.
    guest.unit.write(1 << 61, at: 0x28, size: 8)
    guest.unit.write(1 << 60, at: 0xF8, size: 8)
    guest.unit.write(1 << 63, at: 0x28, size: 8)
    guest.unit.write(1 << 63, at: 0xF8, size: 8)
    let batch = try #require(guest.unit.takeInvalidations())
    let range = FirstStageInvalidation(address: 0, pageCount: 8, isLeafOnly: false)
    #expect(
      batch.first == [
        .unit(.contexts(domain: 0x77)), .unit(.pages(range, domain: 0x55)),
        .unit(.translations(domain: 0x55)),
      ])
    #expect(batch.count == 3 && batch.pageCount == 8 && batch.waitCount == 0)
    #expect(guest.unit.takeInvalidations() == nil)
  }
}
