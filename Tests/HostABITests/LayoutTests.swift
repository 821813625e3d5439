import HostABI
import Testing

/// One field of a structure: its name, offset and size in bytes.
struct Field: Sendable {
  let name: String
  let offset: Int?
  let expected: Int
}

/// One structure as the ABI's table has it.
struct Layout: Sendable, CustomTestStringConvertible {
  let name: String
  let size: Int
  let expectedSize: Int
  let fields: [Field]

  var testDescription: String { name }

  init<T: WireStructure>(_ type: T.Type, _ expectedSize: Int, _ fields: [(PartialKeyPath<T>, Int)])
  {
    name = "\(type)"
    size = T.byteCount
    self.expectedSize = expectedSize
    self.fields = fields.map {
      Field(name: "\($0.0)", offset: MemoryLayout<T>.offset(of: $0.0), expected: $0.1)
    }
  }
}

@Suite("Wire structures lie in memory as the ABI says")
struct LayoutTests {
  static let iommufd: [Layout] = [
    Layout(DestroyArgument.self, 8, [(\.size, 0), (\.id, 4)]),
    Layout(ChangeProcessArgument.self, 8, [(\.size, 0), (\.reserved, 4)]),
    Layout(
      OptionArgument.self, 24,
      [(\.optionID, 4), (\.operation, 8), (\.reserved, 10), (\.objectID, 12), (\.value, 16)]),
    Layout(IOASAllocArgument.self, 12, [(\.flags, 4), (\.outID, 8)]),
    Layout(IOVARange.self, 16, [(\.start, 0), (\.last, 8)]),
    Layout(
      AllowIOVAsArgument.self, 24, [(\.ioasID, 4), (\.count, 8), (\.reserved, 12), (\.ranges, 16)]),
    Layout(
      IOASCopyArgument.self, 40,
      [
        (\.flags, 4), (\.destinationID, 8), (\.sourceID, 12), (\.length, 16),
        (\.destinationIOVA, 24), (\.sourceIOVA, 32),
      ]),
    Layout(
      IOVARangesArgument.self, 32,
      [(\.ioasID, 4), (\.count, 8), (\.reserved, 12), (\.ranges, 16), (\.outAlignment, 24)]),
    Layout(
      IOASMapArgument.self, 40,
      [
        (\.flags, 4), (\.ioasID, 8), (\.reserved, 12), (\.userAddress, 16), (\.length, 24),
        (\.iova, 32),
      ]),
    Layout(
      IOASMapFileArgument.self, 40,
      [
        (\.flags, 4), (\.ioasID, 8), (\.descriptor, 12), (\.start, 16), (\.length, 24),
        (\.iova, 32),
      ]),
    Layout(IOASUnmapArgument.self, 24, [(\.ioasID, 4), (\.iova, 8), (\.length, 16)]),
    Layout(VFIOIOASArgument.self, 12, [(\.ioasID, 4), (\.operation, 8), (\.reserved, 10)]),
    Layout(
      HWPTAllocArgument.self, 48,
      [
        (\.flags, 4), (\.deviceID, 8), (\.parentID, 12), (\.outID, 16), (\.reserved, 20),
        (\.dataType, 24), (\.dataLength, 28), (\.dataAddress, 32), (\.faultID, 40),
        (\.reserved2, 44),
      ]),
    Layout(
      HardwareInfoArgument.self, 40,
      [
        (\.flags, 4), (\.deviceID, 8), (\.dataLength, 12), (\.dataAddress, 16), (\.dataType, 24),
        (\.outMaxPASIDLog2, 28), (\.reserved0, 29), (\.reserved1, 30), (\.reserved2, 31),
        (\.outCapabilities, 32),
      ]),
    Layout(
      SetDirtyTrackingArgument.self, 16, [(\.flags, 4), (\.hwptID, 8), (\.reserved, 12)]),
    Layout(
      GetDirtyBitmapArgument.self, 48,
      [
        (\.hwptID, 4), (\.flags, 8), (\.reserved, 12), (\.iova, 16), (\.length, 24),
        (\.pageSize, 32), (\.bitmap, 40),
      ]),
    Layout(
      InvalidateArgument.self, 32,
      [
        (\.hwptID, 4), (\.dataAddress, 8), (\.dataType, 16), (\.entryLength, 20),
        (\.entryCount, 24), (\.reserved, 28),
      ]),
    Layout(
      VTdHardwareInfo.self, 24,
      [(\.flags, 0), (\.reserved, 4), (\.capability, 8), (\.extendedCapability, 16)]),
    Layout(
      SMMUv3HardwareInfo.self, 40,
      [
        (\.flags, 0), (\.reserved, 4), (\.idr0, 8), (\.idr1, 12), (\.idr2, 16), (\.idr3, 20),
        (\.idr4, 24), (\.idr5, 28), (\.iidr, 32), (\.aidr, 36),
      ]),
    Layout(
      VTdStage1.self, 24,
      [(\.flags, 0), (\.tableAddress, 8), (\.addressWidth, 16), (\.reserved, 20)]),
    Layout(SMMUv3Stage1.self, 16, [(\.word0, 0), (\.word1, 8)]),
    Layout(
      VTdInvalidation.self, 24, [(\.address, 0), (\.pageCount, 8), (\.flags, 16), (\.reserved, 20)]),
    Layout(SMMUv3Invalidation.self, 16, [(\.word0, 0), (\.word1, 8)]),
    Layout(FaultAllocArgument.self, 16, [(\.flags, 4), (\.outID, 8), (\.outDescriptor, 12)]),
    Layout(
      PageFaultRecord.self, 40,
      [
        (\.flags, 0), (\.deviceID, 4), (\.pasid, 8), (\.groupID, 12), (\.permissions, 16),
        (\.reserved, 20), (\.address, 24), (\.length, 32), (\.cookie, 36),
      ]),
    Layout(PageResponseRecord.self, 8, [(\.cookie, 0), (\.code, 4)]),
    Layout(
      VIOMMUAllocArgument.self, 40,
      [
        (\.flags, 4), (\.type, 8), (\.deviceID, 12), (\.hwptID, 16), (\.outID, 20),
        (\.dataLength, 24), (\.reserved, 28), (\.dataAddress, 32),
      ]),
    Layout(
      VDeviceAllocArgument.self, 24,
      [(\.viommuID, 4), (\.deviceID, 8), (\.outID, 12), (\.virtualID, 16)]),
    Layout(
      VEventQueueAllocArgument.self, 32,
      [
        (\.flags, 4), (\.viommuID, 8), (\.type, 12), (\.depth, 16), (\.outID, 20),
        (\.outDescriptor, 24), (\.reserved, 28),
      ]),
    Layout(VEventHeader.self, 8, [(\.flags, 0), (\.sequence, 4)]),
    Layout(
      HWQueueAllocArgument.self, 40,
      [
        (\.flags, 4), (\.viommuID, 8), (\.type, 12), (\.index, 16), (\.outID, 20),
        (\.parentIOVA, 24), (\.length, 32),
      ]),
  ]

  static let vfio: [Layout] = [
    Layout(
      BindArgument.self, 24,
      [
        (\.argumentSize, 0), (\.flags, 4), (\.iommufd, 8), (\.outDeviceID, 12),
        (\.tokenAddress, 16),
      ]),
    Layout(
      AttachArgument.self, 16,
      [(\.argumentSize, 0), (\.flags, 4), (\.tableID, 8), (\.pasid, 12)]),
    Layout(DetachArgument.self, 12, [(\.argumentSize, 0), (\.flags, 4), (\.pasid, 8)]),
    Layout(
      DeviceInfoArgument.self, 24,
      [
        (\.flags, 4), (\.regionCount, 8), (\.irqCount, 12), (\.capabilityOffset, 16),
        (\.padding, 20),
      ]),
    Layout(
      RegionInfoArgument.self, 32,
      [(\.flags, 4), (\.index, 8), (\.capabilityOffset, 12), (\.byteCount, 16), (\.offset, 24)]),
    Layout(IRQInfoArgument.self, 16, [(\.flags, 4), (\.index, 8), (\.count, 12)]),
    Layout(CapabilityHeader.self, 8, [(\.id, 0), (\.version, 2), (\.next, 4)]),
    Layout(
      SetIRQsHeader.self, 20, [(\.flags, 4), (\.index, 8), (\.start, 12), (\.count, 16)]),
    Layout(FeatureHeader.self, 8, [(\.argumentSize, 0), (\.flags, 4)]),
    Layout(HotResetInfoHeader.self, 12, [(\.flags, 4), (\.count, 8)]),
    Layout(
      HotResetDependent.self, 8, [(\.deviceID, 0), (\.segment, 4), (\.bus, 6), (\.function, 7)]),
    Layout(HotResetHeader.self, 12, [(\.flags, 4), (\.count, 8)]),
    Layout(
      IOEventFDArgument.self, 32,
      [(\.flags, 4), (\.offset, 8), (\.data, 16), (\.descriptor, 24), (\.reserved, 28)]),
    Layout(
      ContainerInfoArgument.self, 24, [(\.flags, 4), (\.pageSizes, 8), (\.capabilityOffset, 16)]),
    Layout(
      ContainerMapArgument.self, 32,
      [(\.flags, 4), (\.userAddress, 8), (\.iova, 16), (\.byteCount, 24)]),
    Layout(ContainerUnmapArgument.self, 24, [(\.flags, 4), (\.iova, 8), (\.byteCount, 16)]),
  ]

  @Test("size and offsets", arguments: iommufd + vfio)
  func layout(_ layout: Layout) {
    #expect(layout.size == layout.expectedSize)
    for field in layout.fields { #expect(field.offset == field.expected, "\(field.name)") }
  }

  @Test("request numbers run from 0x3B80 to 0x3B94 without a hole")
  func numbers() {
    #expect(IOMMUFDRequest.allCases.map(\.number) == Array(0x3B80...0x3B94))
  }
}
