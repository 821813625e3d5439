import HostABI
import PCIe
import Testing

@testable import SoftHost

@Suite("VFIO: features, resets, I/O events, open and close")
struct VFIOControlTests {
  private static let get: UInt32 = 1 << 16
  private static let set: UInt32 = 1 << 17
  private static let probe: UInt32 = 1 << 18

  private func feature(
    _ function: inout VFIOFunction, _ flags: UInt32, data: [UInt8] = [], size: UInt32? = nil,
    _ files: Descriptors = Descriptors()
  ) -> LinuxErrno? {
    var header = FeatureHeader()
    header.flags = flags
    header.argumentSize = size ?? UInt32(8 + data.count)
    return errno { try function.setFeature(header, data: data, resolve: files.resolve) }
  }

  @Test(
    "146: FEATURE: an unknown number is ENOTTY",
    arguments: [1, 2, 6, 7, 8, 9, 10, 11, 13, 0xFFFF] as [UInt32])
  func unknown(number: UInt32) throws {
    var function = try Functions.opened(Functions.accelerator())
    for flags in [Self.set, Self.get, Self.probe, 0, Self.probe | Self.get] {
      #expect(feature(&function, number | flags) == .ENOTTY)
    }
  }

  @Test("146: FEATURE: GET and SET together without PROBE EINVAL; PROBE of a supported op 0")
  func operations() throws {
    var function = try Functions.opened(Functions.network())
    for number: UInt32 in [0, 3, 4, 5] {
      #expect(feature(&function, number | Self.get | Self.set, size: 64) == .EINVAL)
      #expect(feature(&function, number | Self.probe) == nil)
      #expect(feature(&function, number | Self.probe | Self.set) == nil)
      #expect(feature(&function, number | Self.probe | Self.get) == .EINVAL)
      #expect(feature(&function, number | Self.probe | Self.get | Self.set) == .EINVAL)
      #expect(feature(&function, number | Self.get, size: 64) == .EINVAL)
      #expect(feature(&function, number) == .EINVAL)
    }
    // The checks of the flags come before the number.
    #expect(feature(&function, 99 | Self.get | Self.set) == .EINVAL)
    #expect(feature(&function, 99 | 1 << 19) == .EINVAL)
    #expect(feature(&function, 99 | Self.set, size: 7) == .EINVAL)
    #expect(feature(&function, 12 | Self.set) == .EINVAL)
    #expect(!function.isInLowPower)
  }

  @Test("FEATURE: the token is a physical function's, and needs all its bytes")
  func token() throws {
    var function = try Functions.opened(Functions.network())
    let uuid = Array(UInt8(1)...16)
    #expect(feature(&function, 0 | Self.set, data: Array(uuid.dropLast())) == .EINVAL)
    #expect(function.token == Array(repeating: 0, count: 16))
    #expect(feature(&function, 0 | Self.set, data: uuid) == nil)
    #expect(function.token == uuid)
    var plain = try Functions.opened(Functions.accelerator())
    #expect(feature(&plain, 0 | Self.set, data: uuid) == .ENOTTY && plain.token == nil)
  }

  @Test("FEATURE: low power, its wakeup, and how it ends")
  func lowPower() throws {
    let files = Descriptors()
    var function = try Functions.opened(Functions.accelerator())
    try function.enable()
    #expect(feature(&function, 3 | Self.set) == nil && function.isInLowPower)
    #expect(function.load(bar: 0, at: 0, 4) == nil)
    #expect(feature(&function, 3 | Self.set) == .EINVAL)
    // An access does not end it, and the request does.
    #expect(try function.config(0) == 0x0B25_8086 && function.isInLowPower)
    #expect(feature(&function, 5 | Self.set) == nil && !function.isInLowPower)
    #expect(feature(&function, 5 | Self.set) == nil)
    #expect(feature(&function, 4 | Self.set, data: descriptors(-1, 0)) == .EINVAL)
    #expect(feature(&function, 4 | Self.set, data: descriptors(3, 0)) == .EBADF)
    #expect(feature(&function, 4 | Self.set, data: descriptors(100)) == .EINVAL)
    #expect(feature(&function, 4 | Self.set, data: descriptors(100, 0), files) == nil)
    // With a wakeup, the next access ends it and says so.
    #expect(files[100].count == 0)
    _ = try function.config(0)
    #expect(files[100].count == 1 && !function.isInLowPower)
    #expect(function.load(bar: 0, at: 0, 4) == 0)
  }

  @Test("RESET: keeps what the kernel keeps, clears the rest")
  func reset() throws {
    let files = Descriptors()
    let sample = try Functions.accelerator()
    var function = try Functions.opened(
      .init(
        config: sample.config, bars: sample.bars,
        writableBits: [.init(at: 0x214, mask: .max), .init(at: 0x800, mask: .max)]))
    try function.enable()
    function.setPASIDControl(PASIDControl(rawValue: 1))
    function.setATS(true)
    function.setPRI(true, allocation: 7)
    _ = try function.setIRQs(2, flags: 0x24, count: 1, data: descriptors(100), files)
    try function.setConfig(0x48, 0x2810, 2)
    try function.setConfig(0x214, 0xABCD)
    try function.setConfig(0x800, 0x1234)
    try function.setConfig(0x12, 0xBEEF, 2)
    _ = try function.write([1, 2, 3, 4], at: at(2, 0x4000))
    _ = function.takeEffects()
    let before = try function.read(at: at(7), count: 4096)
    try function.reset()
    #expect(function.takeEffects().isSuperset(of: [.wasReset, .barsUnmapped]))
    let after = try function.read(at: at(7), count: 4096)
    #expect(before.indices.filter { before[$0] != after[$0] } == [0x214, 0x215, 0x800, 0x801])
    #expect(try function.config(0x214) == 1 && function.config(0x800) == 0)
    #expect(try function.read(at: at(2, 0x4000), count: 4) == [0, 0, 0, 0])
    #expect(function.pasidControl?.isEnabled == true && function.isATSEnabled == true)
    #expect(function.isPRIEnabled == true && function.fire(vector: 0))
  }

  @Test("RESET: EINVAL when it does not work")
  func noReset() throws {
    let sample = try Functions.accelerator()
    var function = try Functions.opened(.init(config: sample.config, resetWorks: false))
    #expect(errno { try function.reset() } == .EINVAL)
    // The bit in device control is taken and does nothing.
    try function.setConfig(0x48, 0x8000, 2)
    #expect(try function.config(0x48, 2) == 0)
    #expect(!function.takeEffects().contains(.wasReset))
  }

  @Test("the FLR bit in device control resets and reads zero", arguments: [1, 2, 4])
  func functionReset(width: Int) throws {
    var function = try Functions.opened(Functions.accelerator())
    try function.enable()
    _ = try function.write([9], at: at(0))
    _ = function.takeEffects()
    let place: UInt64 = width == 1 ? 0x49 : 0x48
    try function.setConfig(place, width == 1 ? 0x80 : 0x8000, width)
    #expect(try function.config(0x48, 2) & 0x8000 == 0)
    #expect(function.takeEffects().contains(.wasReset))
    #expect(try function.read(at: at(0), count: 1) == [0])
    // The command register came back.
    #expect(try function.config(4, 2) == 6)
  }

  @Test("device control: read request with a floor, payload size for show")
  func readRequest() throws {
    var function = try Functions.opened(Functions.accelerator())
    let own = { (function: VFIOFunction) in function.registers.read(.word, at: 0x48) }
    // The device's payload size is 512 bytes, code 2.
    #expect(own(function) >> 5 & 7 == 2)
    try function.setConfig(0x48, 0x0000, 2)
    #expect(try function.config(0x48, 2) == 0)
    #expect(own(function) >> 12 & 7 == 2 && own(function) >> 5 & 7 == 2)
    try function.setConfig(0x48, 0x4060, 2)
    #expect(try function.config(0x48, 2) == 0x4060)
    #expect(own(function) >> 12 & 7 == 4 && own(function) >> 5 & 7 == 2)
    // Sizes that are none stay with the reader.
    try function.setConfig(0x48, 0x7000, 2)
    #expect(try function.config(0x48, 2) == 0x7000)
    #expect(own(function) >> 12 & 7 == 4)
  }

  @Test("AF resets, and VPD is read by the kernel")
  func others() throws {
    var builder = ConfigSpaceBuilder(size: 256)
    builder.put32(0x5678_1234, 0x0010_0000, 0x0880_0000, at: 0)
    builder.put8(0x40, at: 0x34)
    builder.put32(0x0306_4C13, at: 0x40)
    builder.put32(0x0000_0003, at: 0x4C)
    var function = try Functions.opened(
      .init(config: builder.config, vitalProductData: Array(0..<10)))
    _ = function.takeEffects()
    try function.setConfig(0x44, 1, 1)
    #expect(try function.config(0x44, 1) == 0 && function.takeEffects().contains(.wasReset))
    // The address with bit 15 clear asks; the bit set says that the data is there.
    try function.setConfig(0x4E, 0x0004, 2)
    #expect(try function.config(0x4E, 2) == 0x8004 && function.config(0x50) == 0x0706_0504)
    try function.setConfig(0x4E, 0x0008, 2)
    #expect(try function.config(0x50) == 0x0000_0908)
    try function.setConfig(0x4E, 0x000C, 2)
    #expect(try function.config(0x4E, 2) == 0x000C)
  }

  @Test("IOEVENTFD: what is no such write is EINVAL")
  func badEvents() throws {
    let files = Descriptors()
    var function = try Functions.opened(Functions.accelerator())
    func ask(
      _ flags: UInt32, _ offset: UInt64, _ descriptor: Int32 = 100, size: UInt32 = 32
    ) -> LinuxErrno? {
      var argument = IOEventFDArgument()
      argument.argumentSize = size
      argument.flags = flags
      argument.offset = offset
      argument.data = 0x55
      argument.descriptor = descriptor
      return errno { try function.setIOEvent(argument, resolve: files.resolve) }
    }
    for (flags, offset, descriptor, size) in [
      (4, at(2), 100, 27), (0, at(2), 100, 32), (3, at(2), 100, 32), (0x14, at(2), 100, 32),
      (8, at(2), 100, 32), (4, at(7), 100, 32), (4, at(6), 100, 32), (4, at(1), 100, 32),
      (4, at(2, 0x20000), 100, 32), (4, at(2, 0x1FFFD), 100, 32), (4, at(0, 0x1FFE), 100, 32),
      (1, at(0, 0x208F), 100, 32), (4, at(2), -2, 32), (4, .max, 100, 32), (4, at(2), 50, 32),
    ] as [(UInt32, UInt64, Int32, UInt32)] {
      #expect(ask(flags, offset, descriptor, size: size) == .EINVAL)
    }
    #expect(ask(4, at(2), 7) == .EBADF)
    #expect(ask(4, at(2), -1) == .ENODEV)
    #expect(ask(4, at(2)) == nil)
    #expect(ask(4, at(2), 101) == .EEXIST)
    #expect(ask(2, at(2), 101) == nil)
    #expect(ask(4, at(0, 0x2090), 28) == .EBADF)
    #expect(ask(4, at(2), -1) == nil && ask(4, at(2), -1) == .ENODEV)
  }

  @Test("IOEVENTFD: a signal writes the data, and a thousand are enough")
  func events() throws {
    let files = Descriptors()
    var function = try Functions.opened(Functions.accelerator())
    try function.enable()
    var argument = IOEventFDArgument()
    argument.flags = 4
    argument.data = 0x1_2233_4455
    argument.descriptor = 100
    for index: UInt64 in 0..<1000 {
      argument.offset = at(2, index * 7)
      try function.setIOEvent(argument, resolve: files.resolve)
    }
    argument.offset = at(2, 9000)
    #expect(errno { try function.setIOEvent(argument, resolve: files.resolve) } == .ENOSPC)
    function.signalled(files[100])
    #expect(try function.read(at: at(2, 7), count: 7) == [0x55, 0x44, 0x33, 0x22, 0, 0, 0])
    try function.setConfig(4, 0, 2)
    function.signalled(files[100])
    function.close()
    #expect(function.awaitedSinks.isEmpty)
  }

  @Test("hot reset: sizes, ownership, and what a descriptor may ask for")
  func hotReset() throws {
    var function = try Functions.opened(Functions.accelerator())
    let scope = VFIOFunction.HotResetScope([
      .init {
        $0.deviceID = 2
        $0.bus = 0x6A
        $0.function = 8
      }, .init { $0.bus = 0x6A },
    ])
    var header = HotResetInfoHeader()
    #expect(errno { _ = try function.hotResetInformation(header, scope: nil) } == .ENODEV)
    var reply = try function.hotResetInformation(header, scope: scope)
    #expect(reply.error == .ENOSPC && reply.header.count == 2 && reply.dependents.isEmpty)
    header.argumentSize = 28
    reply = try function.hotResetInformation(header, scope: scope)
    #expect(reply.error == nil && reply.dependents.count == 2 && reply.header.flags == 3)
    var others = scope
    others.dependents[1].deviceID = .max
    #expect(try function.hotResetInformation(header, scope: others).header.flags == 1)
    header.argumentSize = 11
    #expect(errno { _ = try function.hotResetInformation(header, scope: scope) } == .EINVAL)

    var request = HotResetHeader()
    #expect(errno { try function.checkHotReset(request, scope: scope) } == nil)
    #expect(errno { try function.checkHotReset(request, scope: nil) } == .ENODEV)
    #expect(errno { try function.checkHotReset(request, scope: others) } == .EINVAL)
    request.count = 1
    #expect(errno { try function.checkHotReset(request, scope: scope) } == .EINVAL)
    request.count = 0
    request.flags = 1
    #expect(errno { try function.checkHotReset(request, scope: scope) } == .EINVAL)
    _ = function.takeEffects()
    function.resetByBus()
    #expect(function.takeEffects().contains(.wasReset))
  }

  @Test("tokens: who may bind what")
  func tokens() throws {
    let (right, wrong) = (Array(UInt8(0)..<16), [UInt8](repeating: 9, count: 16))
    func check(_ given: [UInt8]?, _ guardian: FunctionToken.Guardian) -> LinuxErrno? {
      errno { _ = try FunctionToken.check(given, guardian) }
    }
    #expect(check(nil, .none) == nil && check(right, .none) == .EINVAL)
    for guardian: FunctionToken.Guardian in [
      .physicalFunction(right), .itself(right, hasOpenFunctions: true),
    ] {
      #expect(check(right, guardian) == nil)
      #expect(check(wrong, guardian) == .EACCES && check(nil, guardian) == .EACCES)
    }
    let free = FunctionToken.Guardian.itself(right, hasOpenFunctions: false)
    #expect(try FunctionToken.check(wrong, free) == wrong)
    #expect(try FunctionToken.check(nil, free) == nil)
  }

  @Test("112: open clears bus mastering and starts anew; close leaves the function as it was")
  func lifecycle() throws {
    let sample = SampleDevice.sapphireRapidsDSA
    var function = VFIOFunction(try .init(dumped: sample))
    let first = function.registers.bytes
    #expect(first[4] & 4 == 4)
    try function.open()
    #expect(!function.isBusMaster && function.decodesMemory)
    let fresh = try function.read(at: at(7), count: 4096)
    try function.enable()
    function.setPASIDControl(PASIDControl(rawValue: 5))
    try function.setConfig(0x10, 0xFFFF_FFFF)
    try function.setConfig(0x3C, 0x55, 1)
    try function.setConfig(0x0C, 0x55, 1)
    _ = try function.setIRQs(2, flags: 0x24, count: 1, data: descriptors(100))
    try function.setConfig(0x94, 3, 1)
    // No vectors are to be had of a function that sleeps.
    _ = try function.setIRQs(2, flags: 0x21, count: 0)
    #expect(
      errno { _ = try function.setIRQs(2, flags: 0x24, count: 1, data: descriptors(100)) }
        == .EINVAL)
    function.close()
    #expect(!function.isOpen && !function.isBusMaster && !function.fire(vector: 0))
    #expect(function.powerState == 0 && function.enabledInterrupts == nil)
    let differing = first.indices.filter { first[$0] != function.registers.bytes[$0] }
    // Bus mastering went off, and the vectors that the sample's driver had on.
    #expect(differing == [0x04, 0x83])
    function.close()
    try function.open()
    #expect(try function.read(at: at(7), count: 4096) == fresh)
  }
}
