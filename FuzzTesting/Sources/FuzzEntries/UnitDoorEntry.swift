import HostSystem
import Hardware
import IOMMU
import VirtualIOMMU

/// What a guest does with a VT-d unit, in front of a host's device and an emulated one.
///
/// - byte: bit 0 a queue, tables and translation are set up before; bit 1 a unit that offers
///   everything; bit 2 16-byte descriptors
/// - operations until the end, at most 400; see ``UnitDoorCheck``
enum UnitDoorEntry {
  static func run(_ bytes: [UInt8]) {
    var feed = ByteFeed(bytes)
    guard let check = UnitDoorCheck(feed.byte()) else { fatalError("no memory") }
    var steps = 0
    while !feed.isEmpty, steps < 400 {
      steps += 1
      check.step(&feed)
      check.checkInvariants()
    }
    check.finish()
  }
}

/// A unit with a guest of 32 pages: page 1 is the queue, 2 a root table, 3 a context table, 4 a
/// PASID directory, 5 a PASID table, 6 the page request queue.
final class UnitDoorCheck {
  private let memory: AnonymousMemory
  private let unit: VTdUnit
  private let backend = StrictBackend()
  private let deviceTLB = FuzzedDeviceTLB()
  private let pages: UInt64 = 32
  private var tail: UInt64 = 0
  private var isWide = true

  private static let host = RequesterID(bus: 0, devfn: 8)
  private static let emulated = RequesterID(bus: 0, devfn: 16)

  init?(_ kind: UInt8) {
    let table = PagingTable()
    guard let memory = try? AnonymousMemory(byteCount: Int(pages) * 4096) else { return nil }
    self.memory = memory
    var features = VTdConfiguration.passthroughFeatures
    if kind & 2 != 0 {
      features.formUnion([
        .secondStage, .nesting, .fiveLevels, .supervisorRequests, .executeRequests,
        .extendedAccessedFlag, .interruptRemapping, .extendedInterrupts, .flushingPointers,
        .ridPASID,
      ])
    }
    do {
      for page in 0..<pages {
        try table.map(
          IOVA(page << 12), byteCount: 4096, to: HostAddress(memory.address + page << 12),
          allowing: [.read, .write])
      }
      unit = VTdUnit(
        try VTdConfiguration(faultRegisters: 3, features: features), memory: GuestMemory(table),
        interrupts: NoInterrupts())
      try unit.addEmulated(at: Self.emulated, name: "emulated", deviceTLB: deviceTLB)
    } catch {
      return nil
    }
    addHost()
    if kind & 1 != 0 { setUp(isWide: kind & 4 == 0) }
  }

  private func setUp(isWide: Bool) {
    self.isWide = isWide
    set(2, 0, 0x3001)
    // The host's device and the emulated one share everything; PASIDs 0 to 63 and 64 to 127.
    for place in [8, 16] as [UInt64] { set(3, place * 4, 0x401D) }
    for place in 0..<2 as Range<UInt64> { set(4, place, 0x5001) }
    for place in 0..<8 as Range<UInt64> {
      set(5, place * 8 + 1, 1)
      set(5, place * 8 + 2, place << 12)
      set(5, place * 8, 0x41)
    }
    unit.write(0x1000 | (isWide ? 1 << 11 : 0), at: VTdRegister.queueAddress, size: 8)
    unit.write(0x6000, at: VTdRegister.requestAddress, size: 8)
    unit.write(1 << 26, at: VTdRegister.command, size: 4)
    unit.write(0x2000 | 1 << 10, at: VTdRegister.rootTable, size: 8)
    unit.write(1 << 26 | 1 << 30, at: VTdRegister.command, size: 4)
    unit.write(1 << 26 | 1 << 31, at: VTdRegister.command, size: 4)
    require(backend.count == 16, "the RID and 15 PASIDs are attached, not \(backend.count)")
  }

  private func addHost() {
    try? unit.add(
      HostIOMMUDevice(
        name: "host", deviceID: 1,
        unit: .vtd(flags: 0, capability: .max, extendedCapability: .max), backend: backend),
      at: Self.host)
  }

  /// Sets a word of a page.
  private func set(_ page: UInt64, _ index: UInt64, _ value: UInt64) {
    let place = (page % pages) << 12 | (index & 511) << 3
    HostMemory.store(value, at: HostAddress(memory.address + place))
  }

  // MARK: Operations

  /// One operation: bits 2:0 of the first byte say which, the others are its argument.
  func step(_ feed: inout ByteFeed) {
    let operation = feed.byte()
    let argument = UInt64(operation >> 3)
    switch operation & 7 {
    case 0:
      let place = feed.integer(UInt16.self)
      set(UInt64(place >> 9), UInt64(place & 511), feed.integer())
    case 1:
      // An entry that leads to a page.
      let place = feed.integer(UInt16.self)
      set(
        UInt64(place >> 9), UInt64(place & 511),
        argument << 12 | UInt64(feed.integer(UInt16.self) & 0xFFF))
    case 2:
      let offset = Int(feed.byte()) * 4
      unit.write(feed.integer(), at: offset, size: argument & 1 == 0 ? 4 : 8)
      _ = unit.read(offset, size: argument & 2 == 0 ? 4 : 8)
    case 3: put(feed.integer(), feed.integer(), rings: argument & 1 == 0)
    case 4:
      let request = GuestPageRequest(
        pasid: PASID(rawValue: feed.integer(UInt32.self) & 0xF_FFFF),
        address: IOVA(feed.integer()), access: DMAAccess(rawValue: UInt8(argument & 15)),
        group: feed.integer(), isLast: argument & 16 != 0)
      let requester = request.group & 1 == 0 ? Self.host : Self.emulated
      _ = unit.report(request, from: requester)
    case 5:
      unit.record(
        VTdFault(
          VTdFaultReason(rawValue: feed.byte()), source: argument & 3 == 0 ? 1 : UInt16(argument),
          address: IOVA(feed.integer())))
    case 6:
      // A tail out of line, or an answer.
      switch argument & 3 {
      case 0: backend.refusals = Int(argument >> 2)
      case 1: deviceTLB.answer = [.done, .silence, .invalid, .done][Int(argument >> 2 & 3)]
      case 2:
        unit.remove(Self.host)
        backend.forget()
        addHost()
      default: tail = UInt64(feed.byte()) * 32 % 4096
      }
    default:
      if argument == 31 {
        unit.reset()
        tail = 0
      } else {
        var state = unit.save()
        let index = Int(feed.byte())
        if argument > 1 { state.registers[index] ^= 1 << UInt32(argument) }
        try? unit.restore(state)
      }
    }
  }

  private func put(_ low: UInt64, _ high: UInt64, rings: Bool) {
    // Where the guest believes its queue to be.
    set(1, tail >> 3, low)
    set(1, tail >> 3 + 1, high)
    if isWide {
      set(1, tail >> 3 + 2, 0)
      set(1, tail >> 3 + 3, 0)
    }
    tail = (tail + (isWide ? 32 : 16)) % 4096
    if rings { unit.write(tail, at: VTdRegister.queueTail, size: 4) }
  }

  // MARK: What must hold

  func checkInvariants() {
    let status = VTdFaultStatus(rawValue: UInt32(unit.read(VTdRegister.faultStatus, size: 4)))
    let pending = (0..<3).map { unit.read(VTdRegister.faultRecords + 16 * $0 + 8, size: 8) >> 63 }
    require(!status.pending || status.recordIndex < 3, "FRI is no recording register")
    require(
      status.pending == pending.contains(1),
      "PPF is not what the recording registers say")
    let global = VTdGlobalCommand(rawValue: UInt32(unit.read(VTdRegister.status, size: 4)))
    let head = unit.read(VTdRegister.queueHead, size: 8)
    let tail = unit.read(VTdRegister.queueTail, size: 8)
    if global.queuedInvalidation, !status.queueError, !status.timeout {
      require(head == tail, "a queue that did not stop has not been run")
    }
    if !global.translation {
      require(backend.count <= 1, "PASIDs are attached without translation")
    }
  }

  func finish() {
    backend.refusals = 0
    unit.reset()
    require(backend.count == 1 && backend.passesThrough, "after a reset the RID passes through")
    checkInvariants()
  }
}

private struct NoInterrupts: MessageInterrupts {
  func send(_ data: UInt32, to address: UInt64) {}
}

private final class FuzzedDeviceTLB: VTdDeviceTLB, @unchecked Sendable {
  var answer: VTdDeviceAnswer = .done

  func invalidate(
    _ range: FirstStageInvalidation, of pasid: PASID?, isGlobal: Bool
  ) -> VTdDeviceAnswer {
    require(range.address & 0xFFF == 0 && range.pageCount > 0, "a range that is none")
    return answer
  }

  func respond(_ response: PageGroupResponse) {}
}

/// A backend that is asked for nothing but what makes sense.
private final class StrictBackend: DeviceBackend, @unchecked Sendable {
  /// A device comes with its RID passing through.
  private var inPlace: [PASID?: GuestTranslation] = [nil: .passThrough]
  /// Whether nothing was asked for the RID yet; a unit need not know that it passes through then.
  private var isNew = true
  var refusals = 0

  var count: Int { inPlace.count }
  var passesThrough: Bool { inPlace[nil] == .passThrough }
  func forget() {
    inPlace = [nil: .passThrough]
    isNew = true
  }

  private func refuse() throws(BackendRefusal) {
    guard refusals > 0 else { return }
    refusals -= 1
    throw BackendRefusal("no")
  }

  func setTranslation(
    _ translation: GuestTranslation, for pasid: PASID?
  ) throws(BackendRefusal) {
    require(
      inPlace[pasid] != translation || pasid == nil && isNew, "what is in place is asked for again")
    if case .firstStage(let stage) = translation {
      require(stage.root.rawValue & 0xFFF == 0, "a table that is not aligned")
      require(stage.addressWidth == 48 || stage.addressWidth == 57, "no such width")
    }
    try refuse()
    inPlace[pasid] = translation
    if pasid == nil { isNew = false }
  }

  func removeTranslation(of pasid: PASID?) {
    require(inPlace.removeValue(forKey: pasid) != nil, "what is not there is removed")
    if pasid == nil { isNew = false }
  }

  func invalidate(
    _ ranges: Span<FirstStageInvalidation>, of pasid: PASID?
  ) throws(BackendRefusal) {
    require(!ranges.isEmpty && ranges.count <= 32768, "\(ranges.count) ranges")
    guard case .firstStage = inPlace[pasid] else { fatalError("there is no first stage") }
    for index in ranges.indices {
      let range = ranges[index]
      require(range.address & 0xFFF == 0 && range.pageCount > 0, "a range that is none")
      require(range.pageCount != .max || range.address == 0, "everything starts at 0")
    }
    try refuse()
  }

  func respond(_ response: PageGroupResponse) {
    require(response.group < 512, "a group has nine bits")
  }
}
