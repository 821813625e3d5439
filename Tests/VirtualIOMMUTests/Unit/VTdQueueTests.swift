import Hardware
import Testing
import VirtualIOMMU

@testable import VirtualIOMMU

@Suite("The invalidation queue")
struct VTdQueueTests {
  @Test("descriptors of both sizes run, over many laps", arguments: [true, false])
  func laps(isWide: Bool) throws {
    let guest = try UnitGuest(pages: 16, isWide: isWide)
    let listener = RecordingListener()
    guest.enableQueue()
    guest.unit.addListener(listener)
    _ = listener.take()
    for lap in 0..<500 {
      #expect(guest.submit([.iotlbGlobal, .contextGlobal]), "\(lap)")
      #expect(guest.head == guest.tail)
    }
    let told = listener.take()
    #expect(told.count == 1500)
    #expect(
      Array(told.prefix(3)) == [.invalidate(.allTranslations), .invalidate(.allContexts), .drain])
    #expect(guest.faultStatus.rawValue == 0)
  }

  @Test("nothing runs while the queue is off, and all of it when it is switched on")
  func off() throws {
    let guest = try UnitGuest(pages: 16)
    guest.unit.write(guest.queue | 1 << 11, at: VTdRegister.queueAddress, size: 8)
    #expect(!guest.submit([.iotlbGlobal]))
    #expect(guest.head == 0)
    guest.command { $0.queuedInvalidation = true }
    #expect(guest[guest.status] == 1 && guest.head == 64)
    guest.command { $0.queuedInvalidation = false }
    #expect(guest.head == 0)
  }

  @Test("the queue is where it was when it was switched on")
  func latched() throws {
    let guest = try UnitGuest(pages: 16)
    guest.enableQueue()
    guest.unit.write(0xDEAD_0000_0007, at: VTdRegister.queueAddress, size: 8)
    #expect(guest.submit([]))
  }

  @Test("a wait interrupts once until it is seen to; a mask keeps it back")
  func waitInterrupt() throws {
    let guest = try UnitGuest(pages: 16)
    guest.enableQueue()
    guest.write(0x41, VTdRegister.completionEvent + 4)
    guest.write(0xFEE0_1004, VTdRegister.completionEvent + 8)
    guest.write(0x7, VTdRegister.completionEvent + 12)
    let message = RecordingInterrupts.Message(data: 0x41, address: 0x7_FEE0_1004)
    func wait() {
      guest.put([.wait(1, at: guest.status, interrupts: true)])
      guest.ring()
    }
    wait()
    #expect(guest.read(VTdRegister.completionStatus) == 1)
    #expect(guest.read(VTdRegister.completionEvent) == 0xC000_0000)
    #expect(guest.interrupts.take().isEmpty)
    guest.write(0, VTdRegister.completionEvent)
    #expect(guest.interrupts.take() == [message])
    #expect(guest.read(VTdRegister.completionEvent) == 0)
    wait()
    #expect(guest.interrupts.take().isEmpty, "IWC is still set")
    guest.write(1, VTdRegister.completionStatus)
    #expect(guest.read(VTdRegister.completionStatus) == 0)
    wait()
    #expect(guest.interrupts.take() == [message])
    // Seen to while masked: nothing is left to send.
    guest.write(1, VTdRegister.completionStatus)
    guest.write(1 << 31, VTdRegister.completionEvent)
    wait()
    #expect(guest.read(VTdRegister.completionEvent) == 0xC000_0000)
    guest.write(1, VTdRegister.completionStatus)
    #expect(guest.read(VTdRegister.completionEvent) == 0x8000_0000)
    guest.write(0, VTdRegister.completionEvent)
    #expect(guest.interrupts.take().isEmpty)
  }

  static let wrong: [(VTdDescriptor, UInt8)] = [
    (VTdDescriptor(0), 3), (VTdDescriptor(0xF), 3), (VTdDescriptor(0x14), 3),
    (VTdDescriptor(0x51), 4), (VTdDescriptor(0x11, 1), 4),
    (VTdDescriptor(word0: 0x11, word1: 0, word2: 1), 4), (VTdDescriptor(0x26 | 1 << 52), 4),
    (VTdDescriptor(0x25, 0xFFFF_FFFF_F000), 2), (VTdDescriptor(0x25, 0x3), 4),
  ]

  @Test("a wrong descriptor stops the queue until IQE is cleared", arguments: wrong.indices)
  func wrongDescriptor(_ index: Int) throws {
    let (descriptor, code) = Self.wrong[index]
    let guest = try UnitGuest(pages: 16)
    guest.enableQueue()
    guest.write(0, VTdRegister.faultEvent)
    guest.put([.iotlbGlobal])
    #expect(!guest.submit([descriptor, .contextGlobal]))
    #expect(guest.faultStatus.queueError)
    #expect(guest.head == 32, "the head stays at it")
    #expect(guest.unit.read(VTdRegister.queueError, size: 8) == UInt64(code))
    #expect(guest.interrupts.take().count == 1)
    #expect(guest.unit.takeEvents().count == 1)
    // A doorbell changes nothing.
    #expect(!guest.submit([]))
    #expect(guest.head == 32 && guest.interrupts.take().isEmpty)
    // As Linux mends it: a wait in its place, then IQE cleared.
    let repair = VTdDescriptor.wait(77, at: guest.status + 8)
    guest[guest.queue + 32] = repair.word0
    guest[guest.queue + 40] = repair.word1
    guest[guest.queue + 48] = 0
    guest.write(1 << 4, VTdRegister.faultStatus)
    #expect(guest.faultStatus.rawValue == 0)
    #expect(guest[guest.status + 8] == 77 && guest[guest.status] == UInt64(guest.lastStatus))
    #expect(guest.head == guest.tail)
    #expect(guest.unit.read(VTdRegister.queueError, size: 8) == 0)
  }

  @Test(
    "a tail that is no place of a descriptor stops the queue",
    arguments: [
      (true, 0x10 as UInt64, 6 as UInt64), (true, 0x1000, 1), (true, 0x7FFE0, 1),
      (true, 0xFF0, 6), (false, 0x1000, 1), (false, 0x40000, 1),
    ])
  func wrongTail(_ isWide: Bool, _ tail: UInt64, _ code: UInt64) throws {
    let guest = try UnitGuest(pages: 16, isWide: isWide)
    guest.enableQueue()
    guest.unit.write(tail, at: VTdRegister.queueTail, size: 8)
    #expect(guest.faultStatus.queueError && guest.head == 0)
    #expect(guest.unit.read(VTdRegister.queueError, size: 8) == code)
    // Clearing does not help until the tail is right.
    guest.write(1 << 4, VTdRegister.faultStatus)
    #expect(guest.faultStatus.queueError)
    guest.unit.write(0, at: VTdRegister.queueTail, size: 8)
    guest.write(1 << 4, VTdRegister.faultStatus)
    #expect(!guest.faultStatus.queueError)
  }

  @Test("a queue where no memory is stops with a fetch error")
  func unmapped() throws {
    let guest = try UnitGuest(pages: 16)
    for base in [1 << 30, 0x0010_0000_0000_0000, 0xFFFF_FFFF_FFFF_F000] as [UInt64] {
      guest.unit.write(0, at: VTdRegister.queueTail, size: 8)
      guest.unit.write(base | 1 << 11 | 7, at: VTdRegister.queueAddress, size: 8)
      guest.command { $0.queuedInvalidation = true }
      guest.unit.write(0x7FFE0, at: VTdRegister.queueTail, size: 8)
      #expect(guest.unit.read(VTdRegister.queueError, size: 8) == 2)
      guest.command { $0.queuedInvalidation = false }
      guest.write(0x10, VTdRegister.faultStatus)
      #expect(guest.faultStatus.rawValue == 0)
    }
  }

  @Test("what came before a wrong descriptor has been done")
  func before() throws {
    let guest = try UnitGuest(pages: 16)
    let listener = RecordingListener()
    guest.enableQueue()
    guest.unit.addListener(listener)
    _ = listener.take()
    guest.submit([.iotlbGlobal, VTdDescriptor(0)])
    #expect(listener.take() == [.invalidate(.allTranslations), .drain])
  }

  // MARK: Device TLBs

  @Test("an emulated device's TLB is told, one of a host's is not, nobody's is no error")
  func deviceTLB() throws {
    let guest = try UnitGuest(pages: 64)
    let device = RecordingDeviceTLB()
    try guest.unit.addEmulated(
      at: RequesterID(bus: 0, devfn: 8), name: "copier", deviceTLB: device)
    let backend = try guest.addDevice()
    guest.enableQueue()
    _ = backend.takeCalls()
    let host = UInt64(UnitGuest.requester.sourceID)
    #expect(
      guest.submit([
        VTdDescriptor(0x3 | 8 << 32, 0x5000), VTdDescriptor(0x8 | 8 << 16 | 5 << 32, 0x6001),
        VTdDescriptor(0x3 | host << 32, 0x5000), VTdDescriptor(0x3 | 0x999 << 32, 0x5000),
      ]))
    let page = VTdDescriptorTests.pages
    #expect(
      device.take().calls == [
        .init(range: page(0x5000, 1, false), pasid: nil, isGlobal: false),
        .init(range: page(0x6000, 1, false), pasid: .number(5), isGlobal: true),
      ])
    #expect(backend.takeCalls().isEmpty)
  }

  @Test("what was invalidated is kept for a log only when one is, and until it is taken")
  func kept() throws {
    let guest = try UnitGuest(pages: 16)
    guest.enableQueue()
    #expect(guest.submit([.iotlbGlobal]))
    #expect(guest.unit.takeInvalidations() == nil)
    guest.unit.keepInvalidations()
    // A wait alone tells of nothing.
    #expect(guest.submit([]))
    #expect(guest.unit.takeInvalidations() == nil)
    let pasid = try #require(PASID.number(5))
    #expect(guest.submit([.iotlbGlobal, .pasidAll(5), .pasidCache(5)]))
    let batch = try #require(guest.unit.takeInvalidations())
    #expect(
      batch.first == [
        .unit(.allTranslations), .unit(.pasidPages(.everything, pasid, domain: 1)),
        .unit(.pasid(pasid, domain: 1)),
      ])
    #expect(batch.count == 3 && batch.pageCount == 0 && batch.waitCount == 1)
    #expect(guest.unit.takeInvalidations() == nil)
  }

  @Test("a silent device drops the wait behind it and stops the queue until ITE is cleared")
  func silence() throws {
    let guest = try UnitGuest(pages: 64)
    let device = RecordingDeviceTLB()
    try guest.unit.addEmulated(
      at: RequesterID(bus: 0, devfn: 8), name: "copier", deviceTLB: device)
    guest.enableQueue()
    device.answer(.silence)
    #expect(!guest.submit([VTdDescriptor(0x3 | 8 << 32, 0x5000)]))
    #expect(guest.faultStatus.timeout && !guest.faultStatus.queueError)
    #expect(guest.head == guest.tail, "past the wait")
    #expect(guest.unit.read(VTdRegister.queueError, size: 8) == 8 << 32)
    device.answer(.done)
    let before = guest.lastStatus
    #expect(!guest.submit([]), "nothing runs")
    guest.write(1 << 6, VTdRegister.faultStatus)
    #expect(guest[guest.status] == UInt64(before + 1))
    #expect(guest.submit([]))
    // Without a wait, at the end.
    device.answer(.silence)
    guest.put([VTdDescriptor(0x3 | 8 << 32, 0x5000)])
    guest.ring()
    #expect(guest.faultStatus.timeout)
  }

  @Test("an invalid answer is told by ICE, and the queue goes on")
  func invalidAnswer() throws {
    let guest = try UnitGuest(pages: 64)
    let device = RecordingDeviceTLB()
    try guest.unit.addEmulated(
      at: RequesterID(bus: 0, devfn: 8), name: "copier", deviceTLB: device)
    guest.enableQueue()
    guest.write(0, VTdRegister.faultEvent)
    device.answer(.invalid)
    #expect(guest.submit([VTdDescriptor(0x3 | 8 << 32, 0x5000)]))
    #expect(guest.faultStatus.completionError)
    #expect(guest.unit.read(VTdRegister.queueError, size: 8) == 8 << 48)
    #expect(guest.interrupts.take().count == 1)
    guest.write(1 << 5, VTdRegister.faultStatus)
    #expect(guest.faultStatus.rawValue == 0)
  }
}
