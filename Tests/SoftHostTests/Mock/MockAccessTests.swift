import HostABI
import Testing

@testable import SoftHost

@Suite("Accesses of the mock")
struct MockAccessTests {
  private func open(
    _ machine: MockMachine, _ ioas: UInt32, flags: UInt32 = MockBits.accessNeedsPins
  ) throws -> Int32 {
    Int32(
      bitPattern: try machine.mock(MockAccessArgument.self) {
        $0.id = ioas
        $0.flags = flags
      }.outDescriptor)
  }

  private func pin(
    _ machine: MockMachine, _ access: Int32, _ iova: UInt64, _ length: UInt64,
    at address: UInt64 = 0, flags: UInt32 = 0
  ) throws -> UInt32 {
    try machine.mock(MockPinArgument.self) {
      $0.id = UInt32(bitPattern: access)
      $0.flags = flags
      $0.iova = iova
      $0.length = length
      $0.address = address
    }.outPinID
  }

  private func unpin(_ machine: MockMachine, _ access: Int32, _ id: UInt32) throws {
    try machine.mock(MockUnpinArgument.self) {
      $0.id = UInt32(bitPattern: access)
      $0.pinID = id
    }
  }

  private func copy(
    _ machine: MockMachine, _ access: Int32, _ iova: UInt64, _ length: UInt64, _ address: UInt64,
    flags: UInt32 = 0
  ) throws {
    try machine.mock(MockCopyArgument.self) {
      $0.id = UInt32(bitPattern: access)
      $0.iova = iova
      $0.length = length
      $0.address = address
      $0.flags = flags
    }
  }

  @Test("An access keeps its number and its address space until its descriptor closes")
  func life() throws {
    let machine = try MockMachine()
    let ioas = try machine.ioas()
    #expect(errno { _ = try open(machine, 99, flags: 2) } == .EOPNOTSUPP)
    #expect(errno { _ = try open(machine, 99) } == .ENOENT)
    let access = try open(machine, ioas)
    #expect(try machine.alignment(ioas) == 4096)
    #expect(errno { try machine.destroy(ioas) } == .EBUSY)
    #expect(errno { try machine.destroy(ioas + 1) } == .EBUSY)
    let other = try machine.ioas()
    #expect(other == ioas + 2)
    try machine.mock(MockAccessReplaceArgument.self) {
      $0.id = UInt32(bitPattern: access)
      $0.ioasID = other
    }
    #expect(try machine.alignment(ioas) == 1)
    try machine.destroy(ioas)
    try machine.program.close(access)
    #expect(errno { try machine.destroy(ioas + 1) } == .ENOENT)
    try machine.destroy(other)
    #expect(errno { _ = try pin(machine, access, 0, 1) } == .EBADFD)
    #expect(errno { _ = try pin(machine, machine.context, 0, 1) } == .EBADFD)
  }

  @Test("A mapping that does not fit keeps an access away that pins")
  func alignment() throws {
    let machine = try MockMachine()
    let ioas = try machine.ioas()
    try machine.map(ioas, try machine.pages(), 100, at: 0x1000)
    #expect(errno { _ = try open(machine, ioas) } == .EADDRINUSE)
    _ = try open(machine, ioas, flags: 0)
    #expect(try machine.alignment(ioas) == 1)
  }

  @Test("Pins give the pages of the mapping, and count once with those of tables")
  func pins() throws {
    let machine = try MockMachine()
    let ioas = try machine.ioas()
    let access = try open(machine, ioas)
    let memory = try machine.pages(4)
    try machine.map(ioas, memory, 0x2000, at: 0x1000)
    try machine.map(ioas, memory + 0x2000, 0x2000, at: 0x3000, .readable)
    try machine.checkReferences(memory, 0x4000, 0)
    #expect(try pin(machine, access, 0x1000, 0x4000, at: memory) == 0)
    try machine.checkReferences(memory, 0x4000, 1)
    #expect(try pin(machine, access, 0x2000, 1, at: memory + 0x1000) == 1)
    try machine.checkReferences(memory, 0x4000, 1)
    try unpin(machine, access, 0)
    #expect(errno { try unpin(machine, access, 0) } == .ENOENT)
    try machine.checkReferences(memory + 0x1000, 0x1000, 1)
    try machine.checkReferences(memory + 0x2000, 0x2000, 0)
    #expect(errno { try machine.checkReferences(memory, 0x2000, 1) } == .EIO)
    #expect(errno { _ = try pin(machine, access, 0x1000, 1, at: memory + 0x1000) } == .EBADE)
    #expect(errno { _ = try pin(machine, access, 0x1000, 1, at: 0x10) } == .EFAULT)
    #expect(errno { _ = try pin(machine, access, 0x1001, 1) } == .EINVAL)
    #expect(errno { _ = try pin(machine, access, 0x1000, 0x5000) } == .ENOENT)
    #expect(errno { _ = try pin(machine, access, 0x3000, 1, flags: 1) } == .EPERM)
    #expect(errno { _ = try pin(machine, access, 0x1000, (16 << 20) + 1) } == .ENOMEM)
    #expect(errno { _ = try pin(machine, access, 0x1000, 1, flags: 2) } == .EOPNOTSUPP)
    #expect(errno { _ = try pin(machine, access, .max, 2) } == .EOVERFLOW)
    #expect(errno { _ = try pin(machine, access, 0x1000, 0) } == .EINVAL)
    // The second mapping, 0x1000 bytes in.
    let numbered = try pin(
      machine, access, 1 | 0x1000 << 32, 0x1000, at: memory + 0x3000,
      flags: MockBits.mappingNumber)
    #expect(numbered == 2)
    try machine.checkReferences(memory + 0x3000, 0x1000, 1)
    let copying = try open(machine, ioas, flags: 0)
    #expect(errno { _ = try pin(machine, copying, 0x1000, 1) } == .EOPNOTSUPP)
    try machine.program.close(access)
    try machine.checkReferences(memory, 0x4000, 0)
  }

  @Test("UNMAP makes an access give its pins back")
  func unmap() throws {
    let machine = try MockMachine()
    let ioas = try machine.ioas()
    let access = try open(machine, ioas)
    let memory = try machine.pages(2)
    try machine.map(ioas, memory, 0x1000, at: 0x1000)
    try machine.map(ioas, memory + 0x1000, 0x1000, at: 0x2000)
    let both = try pin(machine, access, 0x1000, 0x2000)
    let last = try pin(machine, access, 0x2000, 0x1000)
    try machine.unmap(ioas, 0x1000, 0x1000)
    #expect(errno { try unpin(machine, access, both) } == .ENOENT)
    try machine.checkReferences(memory, 0x1000, 0)
    try machine.checkReferences(memory + 0x1000, 0x1000, 1)
    try unpin(machine, access, last)
    try machine.checkReferences(memory, 0x2000, 0)
  }

  @Test("Tables and copies of a mapping hold its pages once, another mapping once more")
  func references() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let memory = try machine.pages(2)
    let iova = try machine.map(ioas, memory, 0x2000)
    _ = try machine.table(device, on: ioas)
    try machine.checkReferences(memory, 0x2000, 1)
    let copy = try machine.send(.ioasCopy, IOASCopyArgument.self) {
      $0.flags = MapFlags.readable.rawValue | MockBits.mappingNumber
      $0.sourceID = ioas
      $0.destinationID = ioas
      $0.length = 0x1000
      $0.sourceIOVA = 0x1000 << 32
    }
    #expect(copy.sourceIOVA == iova + 0x1000)
    try machine.checkMap(device.table, copy.destinationIOVA, 0x1000, memory + 0x1000)
    try machine.checkReferences(memory, 0x2000, 1)
    try machine.unmap(ioas, iova, 0x2000)
    try machine.checkReferences(memory, 0x1000, 0)
    try machine.checkReferences(memory + 0x1000, 0x1000, 1)
    try machine.map(ioas, memory, 0x2000)
    try machine.checkReferences(memory + 0x1000, 0x1000, 2)
    #expect(errno { try machine.checkReferences(memory + 1, 0x1000, 0) } == .EINVAL)
    #expect(errno { try machine.checkReferences(memory, 0x800, 0) } == .EINVAL)
    #expect(errno { try machine.checkReferences(0x1000, 0x1000, 0) } == .EFAULT)
  }

  @Test("Copies reach pages by the program's addresses, or by pins", arguments: [UInt32(0), 4])
  func copies(_ slowly: UInt32) throws {
    let machine = try MockMachine()
    let ioas = try machine.ioas()
    let access = try open(machine, ioas, flags: 0)
    let memory = try machine.pages(2)
    let buffer = try machine.pages(2)
    try machine.program.store((0..<100).map { UInt8($0) }, memory + 4050)
    try machine.map(ioas, memory + 4000, 96, at: 77)
    try machine.map(ioas, memory + 4096, 100, at: 173, .readable)
    try copy(machine, access, 77, 196, buffer, flags: slowly)
    #expect(
      try machine.program.load(buffer, 196) == machine.program.load(memory + 4000, 196))
    try machine.program.store([9, 8, 7], buffer)
    try copy(machine, access, 80, 3, buffer, flags: slowly | 1)
    #expect(try machine.program.load(memory + 4003, 3) == [9, 8, 7])
    // The first mapping is written before the second one refuses.
    try machine.program.store([5, 6], buffer)
    #expect(errno { try copy(machine, access, 172, 2, buffer, flags: slowly | 1) } == .EPERM)
    #expect(try machine.program.load(memory + 4095, 2) == [5, 46])
    #expect(errno { try copy(machine, access, 76, 2, buffer, flags: slowly) } == .ENOENT)
    #expect(errno { try copy(machine, access, 77, 0, buffer, flags: slowly) } == .EINVAL)
    #expect(errno { try copy(machine, access, .max, 2, buffer, flags: slowly) } == .EOVERFLOW)
    #expect(errno { try copy(machine, access, 77, 1, 0x10, flags: slowly) } == .EFAULT)
    #expect(errno { try copy(machine, access, 77, 1, 0x10, flags: slowly | 1) } == .EFAULT)
    #expect(errno { try copy(machine, access, 77, 1, buffer, flags: 2) } == .EOPNOTSUPP)
    // A mapping that may be written, of memory that may not: one page is only read.
    let constant = try machine.pages(2, .read)
    try machine.map(ioas, constant, 0x2000, at: 0x10_0000)
    try copy(machine, access, 0x10_0800, 0x800, buffer, flags: slowly)
    #expect(
      errno { try copy(machine, access, 0x10_0800, 0x801, buffer, flags: slowly) }
        == (slowly == 0 ? nil : .EFAULT))
    #expect(errno { try copy(machine, access, 0x10_0800, 1, buffer, flags: slowly | 1) } == .EFAULT)
    try machine.program.release(memory, 0x2000)
    #expect(errno { try copy(machine, access, 77, 1, buffer, flags: slowly) } == .EFAULT)
  }

  @Test("A dma-buf is mapped by its descriptor, and leads nowhere once revoked")
  func buffers() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    func make(_ length: UInt32) throws -> Int32 {
      var argument = MockBufferArgument { $0.length = length }
      return try machine.program.perform(MockRequest.number, on: machine.context, &argument)
    }
    func revoke(_ descriptor: Int32, _ value: UInt32) throws {
      try machine.mock(MockRevokeArgument.self) {
        $0.descriptor = descriptor
        $0.revoked = value
      }
    }
    func map(_ descriptor: Int32, _ length: UInt64, at iova: UInt64) throws {
      try machine.send(.ioasMapFile, IOASMapFileArgument.self) {
        $0.flags = 7
        $0.ioasID = ioas
        $0.descriptor = descriptor
        $0.length = length
        $0.iova = iova
      }
    }
    #expect(errno { _ = try make(0) } == .EINVAL)
    #expect(errno { _ = try make((2 << 20) + 1) } == .EINVAL)
    let buffer = try make(5000)
    try map(buffer, 0x2000, at: 0x100_0000)
    #expect(errno { try map(buffer, 0x2001, at: 0x200_0000) } == .EINVAL)
    let access = try open(machine, ioas)
    #expect(errno { _ = try pin(machine, access, 0x100_0000, 1) } == .EINVAL)
    try revoke(buffer, 1)
    #expect(errno { try map(buffer, 0x1000, at: 0x200_0000) } == .ENODEV)
    try revoke(buffer, 0)
    try map(buffer, 0x1000, at: 0x200_0000)
    try machine.unmap(ioas, 0x100_0000, 0x2000)
    #expect(errno { try revoke(99, 1) } == .EBADF)
    #expect(errno { try revoke(machine.context, 1) } == .EINVAL)
    try machine.program.close(buffer)
    try machine.destroy(device.holder)
  }
}
