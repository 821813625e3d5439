import HostABI
import HostSystem
import Testing

@testable import SoftHost

@Suite("Page requests and writes of mock devices")
struct MockFaultTests {
  private func queue(
    _ machine: MockMachine
  ) throws -> (id: UInt32, descriptor: Int32) {
    let answer = try machine.send(.faultQueueAlloc, FaultAllocArgument.self) { _ in }
    return (answer.outID, answer.outDescriptor)
  }

  private func trigger(
    _ machine: MockMachine, _ device: MockMachine.Device, pasid: UInt32 = 0
  ) throws {
    try machine.mock(MockFaultArgument.self) {
      $0.deviceID = device.id
      $0.pasid = pasid
      $0.groupID = 0xABCD_EF01
      $0.permissions = 0xFFFF
      $0.address = 0x1234_5678
    }
  }

  private func read(_ machine: MockMachine, _ descriptor: Int32) throws -> PageFaultRecord? {
    let buffer = try machine.pages()
    guard try machine.program.read(descriptor, buffer, 40) == 40 else { return nil }
    return StructureBytes.load(
      PageFaultRecord.self, from: try machine.program.load(buffer, 40), zero: .init())
  }

  @Test("A request of the RID goes to its table's queue with all it names")
  func rid() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let (id, descriptor) = try queue(machine)
    try trigger(machine, device)
    let table = try machine.table(device, on: ioas, .faultIDValid, faults: id)
    _ = try machine.move(device, to: table)
    try trigger(machine, device)
    let record = try #require(try read(machine, descriptor))
    #expect((record.flags, record.deviceID, record.pasid) == (2, device.id, 0))
    #expect((record.groupID, record.permissions) == (0xABCD_EF01, 0xFFFF))
    #expect((record.address, record.cookie) == (0x1234_5678, 1))
    #expect(try read(machine, descriptor) == nil)
    #expect(errno { try machine.mock(MockFaultArgument.self) { $0.deviceID = 1 } } == .ENOENT)
  }

  @Test("A request with a PASID goes to the PASID's table, or to the RID's nested one")
  func pasid() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let (ridQueue, ridDescriptor) = try queue(machine)
    let (pasidQueue, pasidDescriptor) = try queue(machine)
    let parent = try machine.table(device, on: ioas, .nestParent)
    let plain = try machine.table(device, on: ioas, [.pasid, .faultIDValid], faults: ridQueue)
    let nested = try machine.nested(
      device, on: parent, [.pasid, .faultIDValid], faults: ridQueue)
    let table = try machine.table(device, on: ioas, [.pasid, .faultIDValid], faults: pasidQueue)
    _ = try machine.move(device, to: plain)
    try machine.pasid(.attachPASID, device, 9, table)
    try trigger(machine, device, pasid: 9)
    #expect(try read(machine, pasidDescriptor)?.flags == 3)
    // No guest owns the PASIDs of a table that is the kernel's own.
    try trigger(machine, device, pasid: 10)
    #expect(try read(machine, ridDescriptor) == nil)
    _ = try machine.move(device, to: nested)
    try trigger(machine, device, pasid: 10)
    #expect(try read(machine, ridDescriptor)?.pasid == 10)
    try machine.pasid(.detachPASID, device, 9)
  }

  // MARK: Dirty pages

  private func mark(
    _ machine: MockMachine, _ table: UInt32, _ iova: UInt64, _ length: UInt64,
    pageSize: UInt64 = 4096, _ bits: [UInt8]
  ) throws -> UInt64 {
    let address = try machine.place(bits)
    return try machine.mock(MockDirtyArgument.self) {
      $0.id = table
      $0.iova = iova
      $0.length = length
      $0.pageSize = pageSize
      $0.bitmap = address
    }.outCount
  }

  private func dirty(
    _ machine: MockMachine, _ table: UInt32, _ iova: UInt64, keep: Bool = false
  ) throws -> [UInt8] {
    let bitmap = try machine.pages()
    try machine.send(.getDirtyBitmap, GetDirtyBitmapArgument.self) {
      $0.hwptID = table
      $0.flags = keep ? 1 : 0
      $0.iova = iova
      $0.length = 0x10000
      $0.pageSize = 4096
      $0.bitmap = bitmap
    }
    return try machine.program.load(bitmap, 2)
  }

  private func track(_ machine: MockMachine, _ table: UInt32, _ isOn: Bool) throws {
    try machine.send(.setDirtyTracking, SetDirtyTrackingArgument.self) {
      $0.hwptID = table
      $0.flags = isOn ? 1 : 0
    }
  }

  @Test("Marked pages are reported once, or kept, and starting forgets them")
  func tracking() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let table = try machine.table(device, on: ioas, .dirtyTracking)
    let memory = try machine.pages(16)
    let iova = try machine.map(ioas, memory, 0x10000)
    #expect(errno { _ = try mark(machine, table, iova, 0x10000, [1, 1]) } == .EINVAL)
    #expect(errno { _ = try mark(machine, device.table, iova, 0x10000, [1, 1]) } == .EINVAL)
    try track(machine, table, true)
    #expect(try mark(machine, table, iova, 0x10000, [0b101, 0x80]) == 3)
    #expect(try dirty(machine, table, iova, keep: true) == [0b101, 0x80])
    #expect(try dirty(machine, table, iova) == [0b101, 0x80])
    #expect(try dirty(machine, table, iova) == [0, 0])
    // Bits for addresses without mapping count too.
    #expect(try mark(machine, table, iova + 0x8000, 0x10000, [0xFF, 0xFF]) == 16)
    #expect(try dirty(machine, table, iova) == [0, 0xFF])
    #expect(try mark(machine, table, iova, 0x10000, [1, 0]) == 1)
    try track(machine, table, true)
    #expect(try dirty(machine, table, iova) == [0, 0])
    #expect(try mark(machine, table, iova, 0x10000, [1, 0]) == 1)
    try machine.unmap(ioas, iova, 0x10000)
    try machine.map(ioas, memory, 0x10000, at: iova)
    #expect(try dirty(machine, table, iova) == [0, 0])
  }

  @Test("A bit of half a page marks the leaf of a whole one")
  func leaves() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let table = try machine.table(device, on: ioas, .dirtyTracking)
    let iova = try machine.map(ioas, try machine.pages(16), 0x10000)
    try track(machine, table, true)
    #expect(try mark(machine, table, iova, 0x10000, pageSize: 2048, [0b10, 0, 0, 0x40]) == 2)
    #expect(try dirty(machine, table, iova) == [1, 0x80])
  }

  @Test("What is wrong with a bitmap")
  func wrongBitmaps() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let table = try machine.table(device, on: ioas, .dirtyTracking)
    try track(machine, table, true)
    func errors(_ fill: (inout MockDirtyArgument) -> Void) -> LinuxErrno? {
      errno {
        try machine.mock(MockDirtyArgument.self) {
          $0.id = table
          $0.length = 4096
          $0.pageSize = 4096
          $0.bitmap = 8
          fill(&$0)
        }
      }
    }
    #expect(errors { $0.pageSize = 0 } == .EINVAL)
    #expect(errors { $0.length = 0 } == .EINVAL)
    #expect(errors { $0.iova = 1 } == .EINVAL)
    #expect(errors { $0.length = 4097 } == .EINVAL)
    #expect(errors { $0.bitmap = 0 } == .EINVAL)
    #expect(errors { $0.length = 4096 * ((1 << 27) + 1) } == .EOVERFLOW)
    #expect(errors { $0.id = 99 } == .ENOENT)
    #expect(errors { _ in } == .EFAULT)
  }
}
