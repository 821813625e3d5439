import HostABI
import Hardware
import IOMMUClient
import Testing

@Suite("What a device says and does")
struct DeviceTests {
  let kernel = ScriptedKernel()
  let context: IOMMUContext

  init() throws { context = try IOMMUContext(on: kernel) }

  func device() throws -> BoundDevice {
    try VFIODevice(path: "/dev/vfio/devices/vfio0", on: kernel).bind(to: context)
  }

  @Test("a VT-d unit is decoded from its registers")
  func vtd() throws {
    kernel.change { state in
      state.hardware.dataType = 1
      state.hardware.outMaxPASIDLog2 = 20
      state.hardware.outCapabilities = 0b0111
      state.hardwareBytes = ScriptedKernel.State.bytes(
        1, 1 << 60, 1 << 45 | 1 << 40 | 19 << 35 | 1 << 34 | 1 << 31 | 1 << 26 | 1 << 7)
    }
    let facts = try device().hardwareInformation()
    #expect(facts.pasidWidth == 20 && facts.tracksDirtyPages && facts.allowsATS)
    #expect(facts.allowsPASIDExecute && facts.allowsPASIDPrivileged)
    guard case .vtd(let unit) = facts.unit else {
      Issue.record("no VT-d unit")
      return
    }
    #expect(unit.refusesReadOnlyUnderNesting && unit.capability.hasFiveLevelFirstStage)
    #expect(unit.extended.pasidWidth == 20 && unit.extended.hasNesting)
    #expect(unit.extended.hasSecondStageDirty && unit.extended.hasSupervisorRequests)
    #expect(unit.extended.hasExtendedAccessedFlag && unit.extended.hasSnoopControl)
  }

  @Test("an SMMUv3 is decoded from its registers; without PASIDs their rights mean nothing")
  func smmuv3() throws {
    kernel.change { state in
      state.hardware.dataType = 2
      state.hardware.outCapabilities = 0b1110
      state.hardwareBytes = ScriptedKernel.State.bytes(
        0, 0x0508_1008 | (20 << 6 | 16) << 32, 0x1400 << 32, (1 << 4 | 1 << 6) << 32, 0x43B)
    }
    let facts = try device().hardwareInformation()
    #expect(facts.pasidWidth == 0 && !facts.tracksDirtyPages && !facts.allowsATS)
    #expect(!facts.allowsPASIDExecute && !facts.allowsPASIDPrivileged)
    guard case .smmuv3(let unit) = facts.unit else {
      Issue.record("no SMMUv3")
      return
    }
    #expect(unit.idr1.substreamIDWidth == 20 && unit.idr1.streamIDWidth == 16)
    #expect(unit.idr0.tableFormats == 2 && unit.idr0.has16BitASIDs && unit.idr0.stallModel == 1)
    #expect(unit.idr0.hasTwoLevelContextTables && unit.idr0.alwaysAborts)
    #expect(unit.idr3.hasRangeInvalidation && unit.idr3.breakBeforeMakeLevel == 2)
    #expect(unit.idr5.has4KPages && unit.idr5.has64KPages && !unit.idr5.has16KPages)
    #expect(unit.iidr == 0x43B)
  }

  @Test("a unit that tells nothing, and one that nobody knows")
  func otherUnits() throws {
    let device = try device()
    #expect(try device.hardwareInformation().unit == .untold)
    kernel.change { ($0.hardware.dataType, $0.hardwareBytes) = (9, [1, 2, 3]) }
    #expect(try device.hardwareInformation().unit == .other(type: 9, bytes: [1, 2, 3]))
  }

  @Test("config space is read and written in its own bounds")
  func config() throws {
    kernel.change { $0.config = (0..<256).map { UInt8($0) } }
    let device = try device()
    let config = try device.region(VFIOPCI.configRegion)
    #expect(config.byteCount == 256 && config.offset == 7 << 40 && config.capabilities.isEmpty)
    #expect(try device.load(UInt16.self, config, at: 0x10) == 0x1110)
    try device.store(UInt32(0xAABB_CCDD), config, at: 0xFC)
    #expect(try device.read(config, at: 0xFA, count: 100) == [0xFA, 0xFB, 0xDD, 0xCC, 0xBB, 0xAA])
    #expect(try device.read(config, at: 256, count: 4).isEmpty)
    #expect(try device.write([1, 2, 3, 4], config, at: 254) == 2)
    for offset: UInt64 in [257, .max] {
      let error = #expect(throws: IOMMUError.self) {
        try device.read(config, at: offset, count: 1)
      }
      #expect(error?.cause == .refused(.range))
    }
    #expect(throws: IOMMUError.self) { try device.load(UInt32.self, config, at: 254) }
    #expect(throws: IOMMUError.self) { try device.read(config, at: 0, count: -1) }
  }

  @Test("facts behind a region's structure are found, and a chain that turns back ends")
  func capabilities() throws {
    var structure = [UInt8](repeating: 0, count: 96)
    structure[12] = 32
    // Sparse areas: id 1, next 72, one area.
    structure.replaceSubrange(
      32..<64,
      with: ScriptedKernel.State.bytes(1 | 1 << 16 | 72 << 32, 1, 0x1000, 0x2000))
    // Type: id 2, next points back.
    structure.replaceSubrange(72..<88, with: ScriptedKernel.State.bytes(2 | 32 << 32, 5 | 6 << 32))
    let bytes = structure
    kernel.change { $0.structures[VFIODeviceRequest.getRegionInfo.number] = bytes }
    let region = try device().region(2)
    #expect(region.capabilities.map(\.id) == [1, 2])
    #expect(region.mappableAreas?.map(\.offset) == [0x1000])
    #expect(region.mappableAreas?.map(\.byteCount) == [0x2000])
    #expect(region.specificType?.type == 5 && region.specificType?.subtype == 6)
    #expect(!region.mapsInterruptTable)
    let sent = kernel.calls.last { $0.request == VFIODeviceRequest.getRegionInfo.number }
    #expect(sent?.data.prefix(12) == [96, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0])
  }

  @Test("whatever stands behind a structure, reading it ends", arguments: 0..<100)
  func noise(seed: UInt64) throws {
    var numbers = Numbers(state: seed)
    var bytes = (0..<256).map { _ in UInt8.random(in: 0...255, using: &numbers) & 0x3F }
    bytes[13..<16] = [0, 0, 0]
    let structure = bytes
    kernel.change { $0.structures[VFIODeviceRequest.getRegionInfo.number] = structure }
    let region = try device().region(0)
    #expect(region.capabilities.count <= 256 / 8)
    _ = (region.mappableAreas, region.specificType)
  }

  @Test("information, interrupts and features")
  func facts() throws {
    let device = try device()
    let facts = try device.information()
    #expect(facts.canReset && facts.regionCount == 9 && facts.interruptKinds == 5)
    let msix = try device.interrupts(.msix)
    #expect(msix.count == 8 && msix.flags == [.eventCounter, .fixedCount])
    #expect(kernel.arguments(IRQInfoArgument.self).map(\.index) == [2])
    #expect(try device.supports(feature: 1, .get))
    kernel.fail(VFIODeviceRequest.feature.number, .ENOTTY, .EINVAL, .EIO)
    #expect(try !device.supports(feature: 3, .set))
    #expect(try !device.supports(feature: 3, .set))
    #expect(throws: IOMMUError.self) { try device.supports(feature: 3, .set) }
    #expect(kernel.arguments(FeatureHeader.self).map(\.flags).prefix(2) == [0x5_0001, 0x6_0003])
  }

  @Test("reset has no argument; its refusal says that there is none that works")
  func reset() throws {
    let device = try device()
    try device.reset()
    #expect(kernel.calls.last?.request == VFIODeviceRequest.reset.number)
    kernel.fail(VFIODeviceRequest.reset.number, .EINVAL)
    let error = #expect(throws: IOMMUError.self) { try device.reset() }
    #expect(error?.meaning == "the device has no reset that works")
  }

  @Test("interrupts are switched on, fired, masked and switched off")
  func interrupts() throws {
    let device = try device()
    try device.deliver(.msix, from: 2, to: [50, -1])
    try device.fire(.msix, 2..<4)
    try device.maskINTx(true)
    try device.maskINTx(false)
    try device.switchOff(.msix)
    let sent = kernel.calls.filter { $0.request == VFIODeviceRequest.setIRQs.number }
    func words(_ index: Int, _ count: Int) -> [UInt32] {
      (0..<count).map { word in
        (0..<4).reduce(0) { $0 | UInt32(sent[index].data[4 * word + $1]) << UInt32(8 * $1) }
      }
    }
    #expect(words(0, 7) == [28, 0x24, 2, 2, 2, 50, .max])
    #expect(words(1, 5) == [20, 0x21, 2, 2, 2])
    #expect(words(2, 5) == [20, 0x09, 0, 0, 1])
    #expect(words(3, 5) == [20, 0x11, 0, 0, 1])
    #expect(words(4, 5) == [20, 0x21, 2, 0, 0])
  }
}
