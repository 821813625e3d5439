import HostABI
import HostSystem
import Testing

@testable import SoftHost

@Suite("Tables of the mock IOMMU")
struct MockTableTests {
  private static func data(_ kind: UInt32, _ iotlb: UInt32 = 0) -> [UInt8] {
    StructureBytes.bytes(
      of: MockTableData {
        $0.kind = kind
        $0.iotlb = iotlb
      })
  }

  @Test("A standard table has pages of 2 KiB and an aperture, a huge one neither")
  func kinds() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    #expect(try machine.alignment(ioas) == 2048)
    let page = try machine.pages()
    #expect(errno { try machine.map(ioas, page, 2048, at: 0xFF_F800) } == .EINVAL)
    #expect(try machine.map(ioas, page, 2048, at: 0x100_0000) == 0x100_0000)
    #expect(try machine.map(ioas, page, 2048, at: 0x7FFF_F800) == 0x7FFF_F800)
    #expect(errno { try machine.map(ioas, page, 2048, at: 0x8000_0000) } == .EINVAL)
    let wide = try machine.ioas()
    _ = try machine.table(device, on: wide, data: Self.data(MockTableKind.huge))
    #expect(try machine.alignment(wide) == 4096)
    #expect(try machine.map(wide, page, 4096, at: 0) == 0)
    #expect(errno { try machine.map(wide, page, 4096, at: 1 << 38) } == .EINVAL)
  }

  @Test(
    "What is wrong with a table's data, in order",
    arguments: [
      (UInt32(0xDEAE), 8, UInt32(9), LinuxErrno.EOPNOTSUPP), (0xDEAD, 3, 9, .EINVAL),
      (0xDEAD, 9, 9, .EINVAL), (0xDEAD, 8, 2, .EOPNOTSUPP),
    ])
  func tableData(type: UInt32, length: Int, kind: UInt32, expected: LinuxErrno) throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let data = Array((Self.data(kind) + [0, 0, 0, 0]).prefix(length))
    #expect(errno { _ = try machine.table(device, on: ioas, data: data, type: type) } == expected)
  }

  @Test("Flags mix, but dirty tracking needs a device that has it")
  func flags() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    for bits: UInt32 in [0, 1, 2, 3, 8, 9, 10, 11] {
      try machine.destroy(try machine.table(device, on: ioas, .init(rawValue: bits)))
    }
    #expect(errno { _ = try machine.table(device, on: ioas, .init(rawValue: 16)) } == .EOPNOTSUPP)
    let plain = try machine.device(on: ioas, .noDirtyTracking)
    #expect(errno { _ = try machine.table(plain, on: ioas, .dirtyTracking) } == .EOPNOTSUPP)
    let dirty = try machine.table(device, on: ioas, .dirtyTracking)
    #expect(errno { _ = try machine.move(plain, to: dirty) } == .EINVAL)
    // The driver looks at that only for the RID.
    #expect(try machine.move(device, to: dirty) == dirty)
  }

  @Test("A table leads to the pages of its mappings, and to nothing else")
  func translation() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let memory = try machine.pages(4)
    let iova = try machine.map(ioas, memory, 0x4000)
    let table = device.table
    try machine.checkMap(table, iova, 0x4000, memory)
    try machine.checkMap(table, iova + 2048, 2048, memory + 2048)
    try machine.checkMap(table, 0x7777_0000, 0, memory)
    #expect(errno { try machine.checkMap(table, iova, 4096, memory + 4096) } == .EINVAL)
    #expect(errno { try machine.checkMap(table, iova, 0x5000, memory) } != nil)
    #expect(errno { try machine.checkMap(table, iova + 1, 2048, memory) } == .EINVAL)
    #expect(errno { try machine.checkMap(table, iova, 1024, memory) } == .EINVAL)
    #expect(errno { try machine.checkMap(table, iova, 4096, 0x1000) } == .EFAULT)
    #expect(errno { try machine.checkMap(table, iova, 4096, .max - 2047) } == .EINVAL)
    #expect(errno { try machine.checkMap(ioas, iova, 4096, memory) } == .ENOENT)
    let second = try machine.table(device, on: ioas)
    try machine.checkMap(second, iova, 0x4000, memory)
    try machine.unmap(ioas, iova, 0x4000)
    #expect(errno { try machine.checkMap(second, iova, 4096, memory) } == .EINVAL)
  }

  @Test("A mapping that begins inside a page leads there")
  func offsets() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let memory = try machine.pages(2)
    try machine.map(ioas, memory + 2048, 4096, at: 0x100_0800)
    try machine.map(ioas, memory + 2048, 2048, at: 0x200_0000)
    try machine.checkMap(device.table, 0x100_0800, 4096, memory + 2048)
    try machine.checkMap(device.table, 0x200_0000, 2048, memory + 2048)
  }

  @Test("A nested table starts with its word, and invalidation clears it")
  func nested() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let parent = try machine.table(device, on: ioas, .nestParent)
    #expect(errno { _ = try machine.nested(device, on: device.table) } == .EINVAL)
    #expect(errno { _ = try machine.nested(device, on: parent, .dirtyTracking) } == .EOPNOTSUPP)
    #expect(
      errno { _ = try machine.table(device, on: parent, data: Self.data(0), type: 1) }
        == .EOPNOTSUPP)
    let table = try machine.nested(device, on: parent, word: 0xBAD)
    #expect(errno { try machine.destroy(parent) } == .EBUSY)
    for entry: UInt32 in 0..<4 { try machine.checkWord(table, entry, 0xBAD) }
    #expect(errno { try machine.checkWord(table, 4, 0xBAD) } == .EINVAL)
    #expect(errno { try machine.checkWord(parent, 0, 0xBAD) } == .ENOENT)
    let entries = [
      MockInvalidation { $0.entry = 1 }, MockInvalidation { $0.entry = 3 },
      MockInvalidation { $0.entry = 4 }, MockInvalidation { $0.entry = 0 },
    ]
    let answer = try machine.invalidate(table, entries)
    #expect((answer.errno, answer.done) == (.EINVAL, 2))
    for (entry, value): (UInt32, UInt32) in [(0, 0xBAD), (1, 0), (2, 0xBAD), (3, 0)] {
      try machine.checkWord(table, entry, value)
    }
    let all = [MockInvalidation { $0.flags = 1 }]
    #expect(try machine.invalidate(table, all).errno == nil)
    for entry: UInt32 in 0..<4 { try machine.checkWord(table, entry, 0) }
    try machine.checkMap(parent, 0, 0, 0)
  }

  @Test("Refused invalidations of a nested table")
  func refusedInvalidations() throws {
    let machine = try MockMachine()
    let (ioas, device) = try machine.machineWithDevice()
    let parent = try machine.table(device, on: ioas, .nestParent)
    let table = try machine.nested(device, on: parent)
    let none: [MockInvalidation] = []
    #expect(try machine.invalidate(table, none).errno == nil)
    #expect(try machine.invalidate(table, type: 0xDAD_BEEF, none).errno == .EINVAL)
    let one = [MockInvalidation()]
    for (length, expected): (Int, LinuxErrno?) in [(7, .EINVAL), (8, nil), (9, .EINVAL)] {
      #expect(try machine.invalidate(table, entryLength: length, one).errno == expected)
    }
    let flagged = [MockInvalidation { $0.flags = 2 }]
    #expect(try machine.invalidate(table, flagged).errno == .EOPNOTSUPP)
    let outside = [
      MockInvalidation {
        $0.flags = 1
        $0.entry = 4
      }
    ]
    #expect(try machine.invalidate(table, outside).errno == .EINVAL)
    #expect(try machine.invalidate(parent, one).errno == .EINVAL)
    #expect(try machine.invalidate(99, one).errno == .ENOENT)
  }
}
