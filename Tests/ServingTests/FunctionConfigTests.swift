import DeviceModels
import Hardware
import PCIe
import Serving
import Testing
import VFIOUser

/// The DSA model's function.
private func function() throws -> ServedConfig {
  let model = DSADevice()
  return try ServedConfig(model.config, regions: model.regions)
}

extension ServedConfig {
  fileprivate mutating func get(_ offset: Int, _ count: Int) -> UInt64 {
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    read(at: offset, into: &span)
    return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  @discardableResult
  fileprivate mutating func put(_ value: UInt64, _ offset: Int, _ count: Int) -> ServedConfigEffects
  {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    return write(at: offset, bytes.span)
  }

  /// Where a capability is, as a guest finds it.
  fileprivate func find(legacy id: UInt64) -> Int? {
    var config = self
    var offset = Int(config.get(0x34, 1))
    for _ in 0..<48 where offset != 0 {
      if config.get(offset, 1) == id { return offset }
      offset = Int(config.get(offset + 1, 1))
    }
    return nil
  }

  fileprivate func find(extended id: UInt64) -> Int? {
    var config = self
    var offset = 0x100
    for _ in 0..<480 where offset != 0 {
      let header = config.get(offset, 4)
      if header & 0xFFFF == id { return offset }
      offset = Int(header >> 20)
    }
    return nil
  }
}

@Suite("Config space of a served function")
struct FunctionConfigTests {
  @Test("A guest that sizes a region finds its size and kind, and the address that it then writes")
  func sizing() throws {
    var config = try function()
    let regions = config.regions
    for region in regions {
      let offset = 0x10 + 4 * region.index
      config.put(.max, offset, 4)
      config.put(.max, offset + 4, 4)
      let low = config.get(offset, 4)
      let mask = (config.get(offset + 4, 4) << 32 | low) & ~0xF
      #expect(~mask &+ 1 == region.byteCount)
      #expect(low & 7 == 4)
      config.put(0x12_0000_0000 + region.byteCount, offset, 8)
      #expect(config.barAddress(region.index) == 0x12_0000_0000 + region.byteCount)
    }
    #expect(config.barAddress(5) == nil)
    config.put(.max, 0x20, 8)
    #expect(config.get(0x20, 8) == 0, "a register that is not there reads zero")
  }

  @Test("The command register decides on memory, bus mastering and the line")
  func command() throws {
    var config = try function()
    #expect(config.controls == [] && !config.decodesMemory)
    let effects = config.put(0x0006, 4, 2)
    #expect(effects.controls == .busMaster && config.decodesMemory)
    #expect(config.put(0x0006, 4, 2) == ServedConfigEffects(), "nothing changes")
    #expect(config.put(0xFFFF, 4, 2).controls == nil)
    #expect(config.get(4, 2) == 0x0546, "I/O decoding is not there")
  }

  @Test("The ROM register keeps nothing")
  func rom() throws {
    var config = try function()
    #expect(config.put(0xFFFF_FFFE, 0x30, 4) == ServedConfigEffects())
    #expect(config.get(0x30, 4) == 0)
  }

  @Test("PASID, ATS and page requests are turned on by their controls")
  func controls() throws {
    var config = try function()
    let pasid = try #require(config.find(extended: 0x1B))
    let ats = try #require(config.find(extended: 0x0F))
    let pri = try #require(config.find(extended: 0x13))
    #expect(config.pasid?.offset == pasid)
    let pasidBits = config.get(pasid + 4, 2)
    #expect(config.put(1, pasid + 6, 2).controls == .pasid)
    config.put(7, pasid + 6, 2)
    #expect(config.get(pasid + 6, 2) == 1, "permissions are locked while it is on")
    #expect(config.get(pasid + 4, 2) == pasidBits)
    #expect(config.put(0x8000, ats + 6, 2).controls == [.pasid, .ats])
    #expect(config.get(pri + 6, 2) & 0x100 != 0, "stopped while it is off")
    config.put(16, pri + 12, 4)
    #expect(config.get(pri + 12, 4) == 16)
    #expect(config.put(1, pri + 4, 2).controls == [.pasid, .ats, .pageRequests])
    #expect(config.get(pri + 6, 2) & 0x100 == 0)
    config.notePageResponseError(isFailure: true)
    #expect(config.get(pri + 6, 2) & 3 == 1)
    config.put(1, pri + 6, 2)
    #expect(config.get(pri + 6, 2) & 3 == 0, "errors clear by a written one")
    config.put(0, pri + 4, 2)
    #expect(config.get(pri + 6, 2) & 0x100 != 0)
  }

  @Test("A function level reset clears controls and addresses and reads zero")
  func functionReset() throws {
    var config = try function()
    let express = try #require(config.find(legacy: 0x10))
    var fresh = try function()
    config.put(6, 4, 2)
    config.put(0xE000_0000, 0x10, 8)
    let control = config.get(express + 8, 2)
    let effects = config.put(control | 0x8000, express + 8, 2)
    #expect(effects.functionReset && effects.controls == [] && config.barAddress(0) == 0)
    for offset in 0..<1024 { #expect(config.get(4 * offset, 4) == fresh.get(4 * offset, 4)) }
    #expect(config.put(0x80, express + 9, 1).functionReset, "its byte alone")
    #expect(!config.put(0x80, express + 8, 1).functionReset)
  }

  @Test("Advanced Features reset a conventional function")
  func conventionalReset() throws {
    var builder = ConfigSpaceBuilder(size: 256)
    builder.put32(0x5678_1234, 0x0010_0000, 0x0200_0000, at: 0)
    builder.put8(0x40, at: 0x34)
    builder.put32(0x0306_0013, 0, at: 0x40)
    var config = try ServedConfig(builder.config, regions: [])
    config.put(4, 4, 2)
    #expect(!config.put(0xFE, 0x44, 1).functionReset)
    let effects = config.put(1, 0x44, 1)
    #expect(effects.functionReset && effects.controls == [])
    #expect(config.get(0x44, 1) == 0 && config.get(0x100, 4) == 0)
  }

  @Test("A sleeping function does no DMA, and waking resets it unless it says otherwise")
  func power() throws {
    var config = try function()
    let power = try #require(config.find(legacy: 1))
    config.put(6, 4, 2)
    let keepsState = config.get(power + 4, 2) >> 3 & 1 == 1
    let asleep = config.put(3, power + 4, 2)
    #expect(asleep.controls == [] && !config.decodesMemory)
    let awake = config.put(0, power + 4, 2)
    #expect(awake.functionReset == !keepsState)
    #expect(config.controls == (keepsState ? .busMaster : []))
    config.put(1, power + 4, 2)
    #expect(config.get(power + 4, 2) & 3 == 0, "D1 is not there")
  }

  @Test("Any access of any size at any place is answered as bytes are", arguments: 0..<8)
  func anyAccess(seed: UInt64) throws {
    var config = try function()
    var random = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    func next() -> UInt64 {
      random ^= random << 13
      random ^= random >> 7
      random ^= random << 17
      return random
    }
    for _ in 0..<400 {
      let offset = Int(next() % 4200) - 50
      let count = [1, 2, 3, 4, 8, 16][Int(next() % 6)]
      if next() & 1 == 0 {
        config.put(next(), offset, min(count, 8))
      } else {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        config.read(at: offset, into: &span)
        for (index, byte) in bytes.enumerated() {
          #expect(config.get(offset + index, 1) == UInt64(byte))
        }
      }
    }
    #expect(config.get(0, 4) == 0x0B25_8086, "what names the device never changes")
    var whole = [UInt8](repeating: 0, count: 4096)
    var span = whole.mutableSpan
    config.read(at: 0, into: &span)
    #expect(try ConfigSpace(whole).walkCapabilities().isIntact)
    #expect(config.get(4096, 4) == 0xFFFF_FFFF)
    _ = config.put(1, .max, 8)
  }

  @Test("Config spaces that no guest could use are refused")
  func refusals() throws {
    let model = DSADevice()
    #expect(throws: ServedConfigError.incomplete(byteCount: 64)) {
      try ServedConfig(ConfigSpace(Array(model.config.bytes[..<64])), regions: model.regions)
    }
    #expect(throws: ServedConfigError.messageTable(region: 0)) {
      try ServedConfig(model.config, regions: [])
    }
    #expect(throws: ServedConfigError.region(index: 5, byteCount: 4096)) {
      try ServedConfig(model.config, regions: [.init(index: 5, byteCount: 4096)])
    }
    #expect(throws: ServedConfigError.noIdentity) {
      try ServedConfig(ConfigSpace(Array(repeating: .max, count: 4096)), regions: [])
    }
    var bridge = ConfigSpaceBuilder(model.config)
    bridge.put8(1, at: 0x0E)
    #expect(throws: ServedConfigError.notAnEndpoint(headerType: 1)) {
      try ServedConfig(bridge.config, regions: model.regions)
    }
  }

  @Test("Of a function whose extended list is broken the rest is served")
  func brokenExtendedList() throws {
    let model = DSADevice()
    var builder = ConfigSpaceBuilder(model.config)
    // The first entry leads below the list.
    builder.put16(0x0401, at: 0x102)
    var config = try ServedConfig(builder.config, regions: model.regions)
    #expect(config.extendedProblem == .outOfRange(.extended, at: 0x100, value: 0x40))
    #expect(config.pasid == nil && config.translationServices == (false, false))
    for offset in stride(from: 0x100, to: 0x1000, by: 4) { #expect(config.get(offset, 4) == 0) }
    let whole = try function()
    #expect(whole.extendedProblem == nil)
    #expect(config.messageCount == whole.messageCount)
    #expect(config.find(legacy: 0x11) == whole.find(legacy: 0x11))
    #expect(config.put(6, 4, 2).controls == .busMaster)
    // The other list broken, too.
    builder.put8(0xFC, at: 0x34)
    #expect(throws: ServedConfigError.self) {
      try ServedConfig(builder.config, regions: model.regions)
    }
  }

  @Test("A message table in a region of unknown size says what would help")
  func unknownSize() throws {
    let dump = SampleDevice.sapphireRapidsDSA
    var builder = ConfigSpaceBuilder(dump)
    // Table and pending bits in a register that reads zero.
    let table = try #require(dump.walkCapabilities().first(0x11, in: .legacy)).offset + 4
    builder.put32(4, 0x3004, at: table)
    builder.put32(0, 0, at: 0x20)
    let config = builder.config
    let error = #expect(throws: ServedConfigError.messageTable(region: 4)) {
      try ServedConfig(config, regions: DeviceRegion.dumped(config))
    }
    #expect(error?.description.contains("dump=FILE,bar4=2M") == true)
    let regions = DeviceRegion.dumped(config, sizes: [4: 0x20_0000])
    #expect(try ServedConfig(config, regions: regions).messageTable?.region == 4)
  }

  @Test("A dump is served with regions that its registers and message table name")
  func dump() throws {
    let dump = SampleDevice.sapphireRapidsDSA
    let regions = DeviceRegion.dumped(dump, sizes: [0: 65536])
    #expect(regions.map(\.index) == [0, 2])
    #expect(regions.map(\.byteCount) == [65536, 4096])
    #expect(regions.allSatisfy { $0.content == .memory && $0.isPrefetchable })
    let guessed = DeviceRegion.dumped(dump)
    #expect(guessed[0].byteCount == 16384, "the pending bits at 0x3000 are in it")
    var config = try ServedConfig(dump, regions: regions)
    #expect(config.controls == [], "what its driver had turned on is off")
    #expect(config.get(0, 4) == 0x0B25_8086)
    let information = config.information(name: "dump")
    #expect(information.regions.count == 9 && information.interrupts.count == 5)
    #expect(information.regions.map(\.byteCount) == [65536, 0, 4096, 0, 0, 0, 0, 4096, 0])
    #expect(information.interrupts.map(\.count) == [0, 0, 9, 1, 1])
  }
}
