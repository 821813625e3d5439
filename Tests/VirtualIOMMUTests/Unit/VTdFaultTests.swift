import Hardware
import IOMMU
import Testing
import VirtualIOMMU

@testable import VirtualIOMMU

@Suite("Faults and page requests as the guest sees them")
struct VTdFaultTests {
  private func fault(_ source: UInt16, _ reason: UInt8 = 0x71) -> VTdFault {
    VTdFault(VTdFaultReason(rawValue: reason), source: source, address: IOVA(0x1234_5678))
  }

  struct Case: Sendable {
    let fault: VTdFault
    let low: UInt64
    let high: UInt64
  }

  static let cases: [Case] = [
    Case(
      fault: VTdFault(
        VTdFaultReason(rawValue: 0x71), source: 0x1234, address: IOVA(0xFFFF_8000_0000_1FFF)),
      low: 0xFFFF_8000_0000_1000, high: 0xC000_0071_0000_1234),
    Case(
      fault: VTdFault(
        VTdFaultReason(rawValue: 0x85), source: 1, address: IOVA(0x5000), pasid: .number(0xABCDE),
        access: [.write, .privileged]),
      low: 0x5000, high: 0x8ABC_DE85_A000_0001),
    Case(
      fault: VTdFault(
        VTdFaultReason(rawValue: 0x82), source: 1, request: .translation, address: IOVA(0x5000),
        pasid: .number(1), access: [.read, .execute]),
      low: 0x5000, high: 0xD000_0182_C000_0001),
    Case(
      fault: VTdFault(
        VTdFaultReason(rawValue: 0x44), source: 1, request: .translated, address: IOVA(0x5000),
        access: .write),
      low: 0x5000, high: 0xA000_0044_0000_0001),
    Case(
      fault: VTdFault(
        VTdFaultReason(rawValue: 0x47), source: 1, request: .page, address: IOVA(0x5000)),
      low: 0x5000, high: 0x8000_0047_1000_0001),
    Case(
      fault: VTdFault(
        VTdFaultReason(rawValue: 0x22), source: 1, request: .interrupt(index: 0xBEEF)),
      low: 0xBEEF_0000_0000_0000, high: 0x8000_0022_0000_0001),
  ]

  @Test("a record has its fields where the specification says", arguments: cases.indices)
  func fields(_ index: Int) throws {
    let one = Self.cases[index]
    let guest = try UnitGuest(pages: 16)
    guest.unit.record(one.fault)
    #expect(guest.unit.read(0x220, size: 8) == one.low)
    #expect(guest.unit.read(0x228, size: 8) == one.high)
    #expect(guest.faultStatus.rawValue == 2)
  }

  @Test("faults fill the records in turn, then overflow; clearing frees them")
  func ring() throws {
    let guest = try UnitGuest(pages: 16, VTdConfiguration(faultRegisters: 3))
    guest.write(0, VTdRegister.faultEvent)
    for source in 1...3 as ClosedRange<UInt16> {
      guest.unit.record(fault(source))
      guest.unit.record(fault(source, 0x72))
    }
    #expect(guest.interrupts.take().count == 1)
    for index in 0..<3 { #expect(guest.read(0x228 + 16 * index) == UInt32(index + 1)) }
    #expect(guest.faultStatus.rawValue == 2)
    guest.unit.record(fault(4))
    #expect(guest.faultStatus.rawValue == 3 && guest.interrupts.take().isEmpty)
    // The first record goes; the first fault is now the second.
    guest.write(1 << 31, 0x22C)
    #expect(guest.faultStatus.rawValue == 0x103)
    guest.unit.record(fault(5))
    #expect(guest.read(0x22C) >> 31 == 0, "nothing is recorded while faults were lost")
    guest.write(1, VTdRegister.faultStatus)
    guest.unit.record(fault(5))
    #expect(guest.read(0x228) == 5 && guest.read(0x22C) >> 31 == 1)
    #expect(guest.faultStatus.rawValue == 0x102)
    for index in [1, 2] { guest.write(1 << 31, 0x22C + 16 * index) }
    #expect(guest.faultStatus.rawValue == 2)
    guest.write(1 << 31, 0x22C)
    #expect(guest.faultStatus.rawValue & 0xFF == 0)
    guest.unit.record(fault(6))
    #expect(guest.faultStatus.rawValue == 0x102 && guest.interrupts.take().count == 1)
  }

  @Test("a masked fault event waits, and is dropped when all is cleared")
  func masked() throws {
    let guest = try UnitGuest(pages: 16)
    guest.write(0x33, 0x3C)
    guest.write(0xFEE0_0000, 0x40)
    guest.unit.record(fault(1))
    #expect(guest.read(0x38) == 0xC000_0000 && guest.interrupts.take().isEmpty)
    guest.write(0, 0x38)
    #expect(guest.interrupts.take() == [.init(data: 0x33, address: 0xFEE0_0000)])
    guest.write(1 << 31, 0x38)
    guest.write(1 << 31, 0x22C)
    guest.unit.record(fault(1))
    #expect(guest.read(0x38) == 0xC000_0000)
    guest.write(1 << 31, 0x23C)
    #expect(guest.read(0x38) == 0x8000_0000)
    guest.write(0, 0x38)
    #expect(guest.interrupts.take().isEmpty)
  }

  // MARK: Page requests

  static let requests = 0x40 as UInt64

  private func requestGuest(
    order: UInt64 = 0, contextFlags: UInt64 = 0x1D
  ) throws -> (UnitGuest, RecordingBackend, queue: UInt64) {
    let guest = try UnitGuest(pages: 256)
    let directory = guest.writeContext(flags: contextFlags)
    guest.writeEntry(0, directory, root: guest.page())
    let backend = try guest.addDevice()
    guest.start()
    let queue = guest.page()
    for _ in 1..<(1 << order) { _ = guest.page() }
    guest.unit.write(queue | order, at: VTdRegister.requestAddress, size: 8)
    guest.write(0, VTdRegister.requestEvent)
    guest.write(0x55, VTdRegister.requestEvent + 4)
    _ = backend.takeCalls()
    return (guest, backend, queue)
  }

  private func request(
    _ pasid: UInt32? = 5, group: UInt16 = 3, last: Bool = true,
    access: DMAAccess = [.read, .write], at address: UInt64 = 0x7FFF_0000_1000
  ) -> GuestPageRequest {
    GuestPageRequest(
      pasid: pasid.flatMap { PASID(rawValue: $0) }, address: IOVA(address), access: access,
      group: group, isLast: last)
  }

  @Test("a request is written as the specification says, and interrupts once")
  func request() throws {
    let (guest, backend, queue) = try requestGuest()
    let unit = guest.unit
    #expect(unit.report(request(), from: UnitGuest.requester))
    #expect(guest[queue] == 0x0000_0005_0110_0101 && guest[queue + 8] == 0x7FFF_0000_101F)
    #expect(unit.read(VTdRegister.requestTail, size: 8) == 32)
    #expect(guest.read(VTdRegister.requestStatus) == 1)
    #expect(guest.interrupts.take() == [.init(data: 0x55, address: 0)])
    #expect(
      unit.report(
        request(0xFFFFF, group: 0x1FF, last: false, access: [.read, .execute, .privileged]),
        from: UnitGuest.requester))
    #expect(guest[queue + 32] == 0x003F_FFFF_0110_0101 && guest[queue + 40] == 0x7FFF_0000_1FF9)
    #expect(unit.report(request(nil, access: .write), from: UnitGuest.requester))
    #expect(guest[queue + 64] == 0x0110_0001 && guest[queue + 72] == 0x7FFF_0000_101E)
    #expect(guest.interrupts.take().isEmpty, "PPR is still set")
    guest.write(1, VTdRegister.requestStatus)
    #expect(unit.report(request(), from: UnitGuest.requester))
    #expect(guest.interrupts.take().count == 1)
    #expect(backend.takeCalls().isEmpty)
  }

  @Test("the guest's answer reaches the device")
  func response() throws {
    let (guest, backend, _) = try requestGuest()
    #expect(
      guest.submit([
        VTdDescriptor(0x0000_0005_0110_0019, 0x18), VTdDescriptor(0x0110_1009, 0xFF8),
        VTdDescriptor(0x0110_F009, 0), VTdDescriptor(0x0110_7009, 0),
        VTdDescriptor(0x0999_0009, 0),
      ]))
    #expect(
      backend.takeCalls() == [
        .respond(.init(pasid: .number(5), group: 3, code: .success)),
        .respond(.init(pasid: nil, group: 0x1FF, code: .invalid)),
        .respond(.init(pasid: nil, group: 0, code: .failure)),
        .respond(.init(pasid: nil, group: 0, code: .failure)),
      ])
  }

  @Test("a full queue sets PRO; the device is answered without the guest until it is cleared")
  func overflow() throws {
    let (guest, backend, queue) = try requestGuest()
    let unit = guest.unit
    for index in 0..<127 {
      #expect(unit.report(request(), from: UnitGuest.requester), "\(index)")
    }
    _ = guest.interrupts.take()
    #expect(!unit.report(request(group: 9), from: UnitGuest.requester))
    #expect(guest.read(VTdRegister.requestStatus) == 3 && guest.interrupts.take().isEmpty)
    #expect(guest[queue + 127 * 32] == 0)
    unit.write(32, at: VTdRegister.requestHead, size: 8)
    #expect(!unit.report(request(group: 10, last: false), from: UnitGuest.requester))
    #expect(!unit.report(request(group: 10), from: UnitGuest.requester))
    #expect(!unit.report(request(group: 10, access: []), from: UnitGuest.requester))
    #expect(
      backend.takeCalls() == [
        .respond(.init(pasid: .number(5), group: 9, code: .success)),
        .respond(.init(pasid: .number(5), group: 10, code: .success)),
      ])
    guest.write(2, VTdRegister.requestStatus)
    #expect(unit.report(request(), from: UnitGuest.requester))
    #expect(unit.read(VTdRegister.requestTail, size: 8) == 0, "around the end")
  }

  @Test(
    "requests that the context does not allow are answered and told of",
    arguments: [(0x0D as UInt64, 0x47 as UInt64?), (0x0F, nil), (0x1C, 0x41)])
  func notAllowed(_ flags: UInt64, _ reason: UInt64?) throws {
    let (guest, backend, queue) = try requestGuest(contextFlags: flags)
    #expect(!guest.unit.report(request(), from: UnitGuest.requester))
    #expect(guest[queue] == 0 && guest.read(VTdRegister.requestStatus) == 0)
    #expect(
      backend.takeCalls() == [.respond(.init(pasid: .number(5), group: 3, code: .invalid))])
    let record = guest.unit.read(0x228, size: 8)
    #expect(record >> 63 == (reason == nil ? 0 : 1))
    if let reason {
      #expect(record >> 32 & 0xFF == reason && record >> 28 & 1 == 1 && record & 0xFFFF == 0x110)
    }
  }

  @Test("without translation, a device or memory behind the queue there are no requests")
  func nowhere() throws {
    let (guest, backend, _) = try requestGuest()
    #expect(!guest.unit.report(request(), from: RequesterID(bus: 9, devfn: 9)))
    #expect(backend.takeCalls().isEmpty)
    let invalid = RecordingBackend.Call.respond(
      .init(pasid: .number(5), group: 3, code: .invalid))
    guest.unit.write(1 << 40, at: VTdRegister.requestAddress, size: 8)
    #expect(!guest.unit.report(request(), from: UnitGuest.requester))
    #expect(backend.takeCalls() == [invalid])
    #expect(guest.unit.read(VTdRegister.requestTail, size: 8) == 0)
    guest.command { $0.translation = false }
    _ = backend.takeCalls()
    #expect(!guest.unit.report(request(), from: UnitGuest.requester))
    #expect(backend.takeCalls() == [invalid])
  }

  @Test("a page request in legacy mode is a fault of its own")
  func legacy() throws {
    let guest = try UnitGuest(pages: 64)
    let table = guest.page()
    guest[guest.root + 16] = table | 1
    guest[table + 0x100] = 1 | 2 << 2
    guest[table + 0x108] = 2
    try guest.addDevice()
    guest.start(scalable: false)
    #expect(!guest.unit.report(request(), from: UnitGuest.requester))
    #expect(guest.unit.read(0x228, size: 8) >> 32 & 0xFF == 0x32)
  }
}
