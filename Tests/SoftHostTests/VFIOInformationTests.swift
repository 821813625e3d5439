import HostABI
import PCIe
import Testing

@testable import SoftHost

@Suite("VFIO: what a function says about itself")
struct VFIOInformationTests {
  @Test("device: flags and counts, whatever size from 16 on", arguments: [16, 20, 24, 4096])
  func device(size: UInt32) throws {
    var function = try Functions.opened(Functions.accelerator())
    var argument = DeviceInfoArgument()
    argument.argumentSize = size
    let reply = try function.information(argument)
    #expect(reply.argument.flags == 3)
    #expect(reply.argument.regionCount == 9)
    #expect(reply.argument.irqCount == 5)
    #expect(reply.argument.argumentSize == size)
    #expect(reply.byteCount == Int(min(size, 24)) && reply.capabilities.isEmpty)
  }

  @Test("device: no reset flag when reset does not work, and a size below 16 is EINVAL")
  func deviceWithoutReset() throws {
    let config = SampleDevice.sapphireRapidsDSA
    var function = try Functions.opened(.init(dumped: config, resetWorks: false))
    #expect(try function.information(DeviceInfoArgument()).argument.flags == 2)
    var argument = DeviceInfoArgument()
    argument.argumentSize = 15
    #expect(errno { _ = try function.information(argument) } == .EINVAL)
  }

  @Test("139: region offset is the index shifted left by 40", arguments: UInt32(0)...7)
  func offsets(index: UInt32) throws {
    var function = try Functions.opened(Functions.network())
    #expect(try function.regionInfo(index).argument.offset == UInt64(index) << 40)
  }

  @Test(
    "regions: size and flags",
    arguments: [
      // The MSI-X region of each has capabilities.
      (true, [0x10000, 0, 0x20000, 0, 0, 0, 0, 4096], [15, 0, 7, 0, 0, 0, 0, 3]),
      (false, [0x20000, 0, 32, 0x4000, 0, 0, 0x10000, 4096], [7, 0, 3, 15, 0, 0, 1, 3]),
    ] as [(Bool, [UInt64], [UInt32])])
  func regions(isAccelerator: Bool, sizes: [UInt64], flags: [UInt32]) throws {
    var function = try Functions.opened(
      isAccelerator ? Functions.accelerator() : Functions.network())
    for index in 0..<8 {
      let info = try function.regionInfo(UInt32(index)).argument
      #expect(info.byteCount == sizes[index], "region \(index)")
      #expect(info.flags == flags[index], "region \(index)")
    }
  }

  @Test("regions: VGA, one past the last and a short size are EINVAL")
  func noRegion() throws {
    var function = try Functions.opened(Functions.accelerator())
    for index: UInt32 in [8, 9, 10, .max] {
      #expect(errno { _ = try function.regionInfo(index) } == .EINVAL)
    }
    #expect(errno { _ = try function.regionInfo(0, size: 31) } == .EINVAL)
  }

  @Test(
    "140: a too small argsz sets the flag, zero offset, and the needed argsz, returning 0",
    arguments: UInt32(32)..<40)
  func tooSmall(size: UInt32) throws {
    var function = try Functions.opened(Functions.accelerator())
    let reply = try function.regionInfo(0, size: size)
    #expect(reply.argument.flags & 8 != 0 && reply.argument.capabilityOffset == 0)
    #expect(reply.argument.argumentSize == 40 && reply.capabilities.isEmpty)
  }

  @Test("140: an argsz that fits gets the chain at its offset")
  func chain() throws {
    var function = try Functions.opened(Functions.accelerator())
    let reply = try function.regionInfo(0, size: 40)
    #expect(reply.argument.capabilityOffset == 32 && reply.argument.argumentSize == 40)
    #expect(reply.capabilities == [3, 0, 1, 0, 0, 0, 0, 0])
  }

  @Test("a description with mappable parts gets the sparse capability before MSI-X's")
  func sparse() throws {
    let config = SampleDevice.sapphireRapidsDSA
    let bar = BARDescription(
      index: 0, kind: .memory64, byteCount: 0x10000, mappableAreas: [0..<0x2000, 0x4000..<0x10000])
    var function = try Functions.opened(.init(config: config, bars: [bar]))
    let reply = try function.regionInfo(0, size: 88)
    let words = stride(from: 0, to: reply.capabilities.count, by: 8).map { start in
      reply.capabilities[start..<start + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    }
    // Identity and version, the next offset counted from the structure; a count; the areas.
    #expect(words == [1 | 1 << 16 | 80 << 32, 2, 0, 0x2000, 0x4000, 0xC000, 3 | 1 << 16])
    #expect(try function.regionInfo(0, size: 87).argument.argumentSize == 88)
  }

  @Test(
    "interrupts: flags and count",
    arguments: [
      (true, [0, 0, 9, 1, 1]), (false, [1, 4, 3, 1, 1]),
    ] as [(Bool, [UInt32])])
  func interrupts(isAccelerator: Bool, counts: [UInt32]) throws {
    var function = try Functions.opened(
      isAccelerator ? Functions.accelerator() : Functions.network())
    for (index, flags) in ([7, 9, 9, 9, 9] as [UInt32]).enumerated() {
      var argument = IRQInfoArgument()
      argument.index = UInt32(index)
      let answer = try function.irqInformation(argument)
      #expect(answer.flags == flags && answer.count == counts[index], "kind \(index)")
    }
    var argument = IRQInfoArgument()
    argument.index = 5
    #expect(errno { _ = try function.irqInformation(argument) } == .EINVAL)
    argument.index = 0
    argument.argumentSize = 15
    #expect(errno { _ = try function.irqInformation(argument) } == .EINVAL)
  }

  @Test("interrupts: dynamic MSI-X loses noresize, and conventional functions have no error kind")
  func kinds() throws {
    var dynamic = try Functions.opened(
      .init(config: SampleDevice.sapphireRapidsDSA, addsVectors: true))
    var argument = IRQInfoArgument()
    argument.index = 2
    #expect(try dynamic.irqInformation(argument).flags == 1)
    var builder = ConfigSpaceBuilder(size: 256)
    builder.put32(0x5678_1234, 0, 0x0880_0000, at: 0)
    var plain = try Functions.opened(.init(config: builder.config))
    argument.index = 3
    #expect(errno { _ = try plain.irqInformation(argument) } == .EINVAL)
    #expect(try plain.regionInfo(7).argument.byteCount == 256)
  }

  @Test("107: nothing is answered while the function is not open")
  func closed() throws {
    var function = VFIOFunction(try Functions.accelerator())
    #expect(errno { _ = try function.information(DeviceInfoArgument()) } == .EINVAL)
    #expect(errno { _ = try function.regionInfo(0) } == .EINVAL)
    #expect(errno { _ = try function.irqInformation(IRQInfoArgument()) } == .EINVAL)
    #expect(errno { _ = try function.read(at: at(7), count: 4) } == .EINVAL)
    #expect(errno { _ = try function.write([0], at: at(7)) } == .EINVAL)
    #expect(errno { _ = try function.setIRQs(2, flags: 0x21, count: 0) } == .EINVAL)
    #expect(errno { try function.reset() } == .EINVAL)
    #expect(
      errno { _ = try function.checkMapping(at: 0, byteCount: 4096, isShared: true) } == .EINVAL)
    try function.open()
    #expect(errno { try function.open() } == .EINVAL)
    function.close()
    #expect(errno { _ = try function.regionInfo(0) } == .EINVAL)
    try function.open()
  }
}
