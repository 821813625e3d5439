import HostABI
import PCIe
import Synchronization
import Testing

@testable import SoftHost

/// A device model that notes each access, and fires vector 1 and its line on a write to 0x40.
private final class Model: RegionHandler {
  struct Access: Hashable {
    let value: UInt64?
    let count: Int
    let offset: UInt64
  }

  private let log = Mutex<[Access]>([])
  var accesses: [Access] { log.withLock { $0 } }
  func forget() { log.withLock { $0 = [] } }

  func read(_ byteCount: Int, at offset: UInt64, _ actions: inout RegionActions) -> UInt64 {
    log.withLock { $0.append(Access(value: nil, count: byteCount, offset: offset)) }
    return 0x8877_6655_4433_2211
  }

  func write(
    _ value: UInt64, _ byteCount: Int, at offset: UInt64, _ actions: inout RegionActions
  ) {
    log.withLock { $0.append(Access(value: value, count: byteCount, offset: offset)) }
    if offset == 0x40 { actions.vectors = [1] }
    if offset == 0x48 { actions.line = value != 0 }
  }

  func reset() { log.withLock { $0.append(Access(value: nil, count: 0, offset: 0)) } }
}

@Suite("VFIO: reading and writing regions")
struct VFIORegionTests {
  @Test("143: BAR sizing by writing ones works on the virtual BARs")
  func sizing() throws {
    var function = try Functions.opened(Functions.accelerator())
    let own = function.registers.bytes[0x10..<0x28]
    let before = try function.read(at: at(7, 0x10), count: 24)
    for bar: UInt64 in 0..<6 { try function.setConfig(0x10 + 4 * bar, .max) }
    let sizes = try (0..<6).map { try function.config(0x10 + 4 * UInt64($0)) }
    #expect(sizes == [0xFFFF_000C, .max, 0xFFFE_000C, .max, 0, 0])
    #expect(function.registers.bytes[0x10..<0x28] == own)
    #expect(try function.write(before, at: at(7, 0x10)) == 24)
    #expect(try function.read(at: at(7, 0x10), count: 24) == before)
    try function.setConfig(0x30, .max)
    #expect(try function.config(0x30) == 0)
  }

  @Test("143: ports, 32-bit memory and ROM show their masks and flags")
  func otherSizing() throws {
    var function = try Functions.opened(Functions.network())
    for offset: UInt64 in [0x10, 0x14, 0x18, 0x1C, 0x30] { try function.setConfig(offset, .max) }
    #expect(try function.config(0x10) == 0xFFFE_0000)
    #expect(try function.config(0x14) == 0)
    #expect(try function.config(0x18) == 0xFFFF_FFE1)
    #expect(try function.config(0x1C) == 0xFFFF_C000)
    #expect(try function.config(0x30) == 0xFFFF_0001)
  }

  @Test("144: BAR access with memory decode off fails EIO")
  func decode() throws {
    var function = try Functions.opened(Functions.network())
    // Opening enables the decodes of the regions that are there.
    #expect(try function.config(4, 2) & 7 == 3)
    try function.setConfig(4, 0, 2)
    #expect(function.takeEffects().contains(.barsUnmapped))
    #expect(errno { _ = try function.read(at: at(0), count: 4) } == .EIO)
    #expect(errno { _ = try function.write([1], at: at(0)) } == .EIO)
    #expect(errno { _ = try function.read(at: at(6), count: 4) } == .EIO)
    #expect(function.load(bar: 0, at: 0, 4) == nil)
    // Ports go on.
    #expect(try function.write([1], at: at(2)) == 1)
    try function.setConfig(4, 2, 2)
    #expect(try function.read(at: at(0), count: 4) == [0, 0, 0, 0])
    // D3 is no state to be read in.
    try function.setConfig(0x44, 3, 2)
    #expect(function.powerState == 3)
    #expect(errno { _ = try function.read(at: at(0), count: 4) } == .EIO)
    try function.setConfig(0x44, 1, 2)
    #expect(function.powerState == 3)
    try function.setConfig(0x44, 0, 2)
    #expect(try function.read(at: at(0), count: 1) == [0])
  }

  @Test("a virtual function's memory answers whatever its command register says")
  func virtualDecode() throws {
    let description = try #require(try FunctionDescription.virtualFunction(of: .networkFunction()))
    var function = try Functions.opened(description)
    #expect(try function.config(0) == 0x10CA_8086 && function.config(0x3C) & 0xFF00 == 0)
    try function.setConfig(4, 0, 2)
    #expect(try function.config(4, 2) == 0)
    #expect(try function.write([7], at: at(0, 0x1000)) == 1)
    #expect(try function.read(at: at(0, 0x1000), count: 1) == [7])
    try function.setConfig(0x10, .max)
    try function.setConfig(0x14, .max)
    #expect(try function.config(0x10) == 0xFFFF_C00C && function.config(0x14) == .max)
  }

  @Test("141: config reads beyond the size fail EFAULT", arguments: [256, 4096])
  func configEnd(size: Int) throws {
    var builder = ConfigSpaceBuilder(size: size)
    builder.put32(0x5678_1234, 0, 0x0880_0000, at: 0)
    var function = try Functions.opened(.init(config: builder.config))
    let end = UInt64(size)
    #expect(try function.read(at: at(7, end - 4), count: 4).count == 4)
    #expect(try function.read(at: at(7), count: size).count == size)
    for (position, count) in [(end - 3, 4), (end, 1), (0, size + 1), (1 << 39, 4)] {
      #expect(errno { _ = try function.read(at: at(7, position), count: count) } == .EFAULT)
      let bytes = [UInt8](repeating: 0, count: count)
      #expect(errno { _ = try function.write(bytes, at: at(7, position)) } == .EFAULT)
    }
    #expect(try function.read(at: at(7, end), count: 0) == [])
  }

  @Test("141: writes to read-only fields return the full count and change nothing")
  func readOnly() throws {
    var function = try Functions.opened(Functions.accelerator())
    for offset: UInt64 in [0x00, 0x08, 0x2C, 0x34, 0x44, 0x80, 0x84, 0x150, 0x160, 0x224, 0x244] {
      let before = try function.config(offset)
      #expect(try function.setConfig(offset, ~before) == 4)
      #expect(try function.config(offset) == before, "\(offset)")
    }
  }

  @Test("regions that are not there, and places behind an end, are EINVAL")
  func absent() throws {
    var function = try Functions.opened(Functions.accelerator())
    for offset in [
      at(1), at(3), at(5), at(6), at(8), at(9), at(255), at(0, 0x10000), at(2, 0x20000),
      at(0, 1 << 40 - 1), UInt64.max, 1 << 63,
    ] {
      #expect(errno { _ = try function.read(at: offset, count: 4) } == .EINVAL)
      #expect(errno { _ = try function.write([0, 0], at: offset) } == .EINVAL)
      #expect(try function.read(at: offset, count: 0) == [] && function.write([], at: offset) == 0)
    }
  }

  @Test("lengths are cut at the end of a region, and at the most that one call gives")
  func cut() throws {
    var function = try Functions.opened(
      .init(
        config: SampleDevice.sapphireRapidsDSA,
        bars: [BARDescription(index: 0, kind: .memory64, byteCount: 1 << 39)]))
    #expect(try function.read(at: at(0, 1 << 39 - 3), count: 100).count == 3)
    #expect(try function.write([1, 2, 3, 4, 5], at: at(0, 1 << 39 - 3)) == 3)
    #expect(try function.read(at: at(0, 1 << 39 - 4), count: .max) == [0, 1, 2, 3])
    #expect(try function.read(at: at(0), count: .max).count == VFIOFunction.transferLimit)
    // The MSI-X table's part is filled in, whatever the table's length.
    #expect(
      try function.read(at: at(0, 0x2000), count: 0x91) == Array(repeating: 0xFF, count: 0x90) + [0]
    )
  }

  @Test("the MSI-X table reads ones and drops writes, but a mapping reaches it")
  func vectorTable() throws {
    var function = try Functions.opened(Functions.accelerator())
    // Nine entries of 16 bytes.
    let bytes = [UInt8](repeating: 0x5A, count: 0xA0)
    #expect(try function.write(bytes, at: at(0, 0x1FF8)) == 0xA0)
    let seen = try function.read(at: at(0, 0x1FF0), count: 0xB0)
    #expect(seen[0..<8].allSatisfy { $0 == 0 } && seen[8..<16].allSatisfy { $0 == 0x5A })
    #expect(seen[16..<0xA0].allSatisfy { $0 == 0xFF })
    #expect(seen[0xA0..<0xA8].allSatisfy { $0 == 0x5A } && seen[0xA8...].allSatisfy { $0 == 0 })
    #expect(function.load(bar: 0, at: 0x2000, 8) == 0)
    #expect(function.store(0x1_1234_5678, bar: 0, at: 0x2008, 4) == true)
    #expect(function.load(bar: 0, at: 0x2008, 8) == 0x1234_5678)
    #expect(function.load(bar: 0, at: 0x2004, 8) == nil && function.load(bar: 1, at: 0, 4) == nil)
    #expect(
      function.load(bar: 0, at: 0x10000, 4) == nil && function.load(bar: 0, at: .max - 7, 8) == nil)
  }

  @Test(
    "accesses are split into the largest aligned widths",
    arguments: [
      (0, 8, [8]), (0, 16, [8, 8]), (4, 8, [4, 4]), (1, 15, [1, 2, 4, 8]), (7, 2, [1, 1]),
      (2, 4, [2, 2]), (0, 7, [4, 2, 1]), (6, 3, [2, 1]),
    ] as [(UInt64, Int, [Int])])
  func split(start: UInt64, count: Int, widths: [Int]) throws {
    let model = Model()
    var function = try Functions.opened(.dataStreamingAccelerator(registers: .handler(model)))
    model.forget()
    let data = (0..<count).map { UInt8($0 + 1) }
    #expect(try function.write(data, at: at(0, start)) == count)
    #expect(model.accesses.map(\.count) == widths)
    var place = start
    for access in model.accesses {
      #expect(access.offset == place && access.offset % UInt64(access.count) == 0)
      let first = Int(place - start)
      #expect(
        little(access.value ?? 0, 8)
          == Array(data[first..<first + access.count])
          + Array(repeating: 0, count: 8 - access.count))
      place += UInt64(access.count)
    }
    model.forget()
    #expect(try function.read(at: at(0, start), count: count).count == count)
    #expect(model.accesses.map(\.count) == widths)
  }

  @Test("a device model fires vectors and drives the line, and is reset with the function")
  func model() throws {
    let model = Model()
    let files = Descriptors()
    var function = try Functions.opened(.dataStreamingAccelerator(registers: .handler(model)))
    try function.enable()
    _ = try function.setIRQs(2, flags: 0x24, count: 2, data: descriptors(100, 101), files)
    #expect(try function.write(little(1, 4), at: at(0, 0x40)) == 4)
    #expect(files[100].count == 0 && files[101].count == 1)
    model.forget()
    try function.reset()
    #expect(model.accesses == [.init(value: nil, count: 0, offset: 0)])
  }

  @Test("the ROM reads as its image and ones behind, and takes no writes")
  func rom() throws {
    var function = try Functions.opened(Functions.network())
    #expect(try function.read(at: at(6), count: 2) == [0x55, 0xAA])
    #expect(try function.read(at: at(6, 511), count: 3) == [0, 0xFF, 0xFF])
    #expect(try function.read(at: at(6, 0xFFFF), count: 3) == [0xFF])
    #expect(errno { _ = try function.read(at: at(6, 0x10000), count: 1) } == .EINVAL)
    #expect(errno { _ = try function.write([0], at: at(6)) } == .EINVAL)
    var blind = try Functions.opened(
      .init(
        config: SampleDevice.sapphireRapidsDSA, rom: .init(byteCount: 0x800, image: [])))
    #expect(try blind.regionInfo(6).argument.byteCount == 0)
    #expect(try blind.regionInfo(6).argument.flags == 0)
    #expect(errno { _ = try blind.read(at: at(6), count: 1) } == .ENOMEM)
  }

  @Test("mappings: memory regions, shared, within the pages of the region")
  func mappings() throws {
    var function = try Functions.opened(Functions.network())
    #expect(try function.checkMapping(at: at(0), byteCount: 0x20000, isShared: true) == (0, 0))
    #expect(
      try function.checkMapping(at: at(3, 0x3000), byteCount: 0x1000, isShared: true)
        == (3, 0x3000))
    for (offset, count, isShared) in [
      (at(0), 0x20001, true), (at(0, 0x1F000), 0x2000, true), (at(0), 0x1000, false),
      (at(1), 0x1000, true), (at(2), 0x1000, true), (at(6), 0x1000, true), (at(7), 0x1000, true),
      (at(0, 1), 0x1000, true), (at(0, 0x20000), 0x1000, true), (at(0), 0, true),
      (at(0), .max, true), (UInt64.max & ~4095, 0x1000, true),
    ] as [(UInt64, UInt64, Bool)] {
      #expect(
        errno { _ = try function.checkMapping(at: offset, byteCount: count, isShared: isShared) }
          == .EINVAL)
    }
    function.close()
  }
}
