import HostABI
import Testing

@Suite("The mock's structures lie in memory as the kernel's test header says")
struct MockLayoutTests {
  static let arguments: [Layout] = [
    Layout(
      MockReserveArgument.self, 72,
      [(\.operation, 4), (\.id, 8), (\.start, 16), (\.length, 24), (\.last, 64)]),
    Layout(
      MockDeviceArgument.self, 72,
      [
        (\.operation, 4), (\.id, 8), (\.outHolderID, 16), (\.outTableID, 20), (\.outDeviceID, 24),
        (\.deviceFlags, 28), (\.last, 64),
      ]),
    Layout(
      MockReplaceArgument.self, 72, [(\.operation, 4), (\.id, 8), (\.tableID, 16), (\.last, 64)]),
    Layout(
      MockCheckMapArgument.self, 72,
      [(\.operation, 4), (\.id, 8), (\.iova, 16), (\.length, 24), (\.address, 32), (\.last, 64)]),
    Layout(
      MockCheckReferencesArgument.self, 72,
      [
        (\.operation, 4), (\.id, 8), (\.length, 16), (\.address, 24), (\.references, 32),
        (\.last, 64),
      ]),
    Layout(
      MockAccessArgument.self, 72,
      [(\.operation, 4), (\.id, 8), (\.outDescriptor, 16), (\.flags, 20), (\.last, 64)]),
    Layout(MockUnpinArgument.self, 72, [(\.operation, 4), (\.id, 8), (\.pinID, 16), (\.last, 64)]),
    Layout(
      MockPinArgument.self, 72,
      [
        (\.operation, 4), (\.id, 8), (\.flags, 16), (\.outPinID, 20), (\.iova, 24), (\.length, 32),
        (\.address, 40), (\.last, 64),
      ]),
    Layout(
      MockCopyArgument.self, 72,
      [
        (\.operation, 4), (\.id, 8), (\.iova, 16), (\.length, 24), (\.address, 32), (\.flags, 40),
        (\.last, 64),
      ]),
    Layout(MockLimitArgument.self, 72, [(\.operation, 4), (\.id, 8), (\.limit, 16), (\.last, 64)]),
    Layout(
      MockAccessReplaceArgument.self, 72,
      [(\.operation, 4), (\.id, 8), (\.ioasID, 16), (\.last, 64)]),
    Layout(
      MockDirtyArgument.self, 72,
      [
        (\.operation, 4), (\.id, 8), (\.flags, 16), (\.iova, 24), (\.length, 32), (\.pageSize, 40),
        (\.bitmap, 48), (\.outCount, 56), (\.last, 64),
      ]),
    Layout(
      MockCheckIOTLBArgument.self, 72,
      [(\.operation, 4), (\.id, 8), (\.entry, 16), (\.value, 20), (\.last, 64)]),
    Layout(
      MockFaultArgument.self, 72,
      [
        (\.operation, 4), (\.id, 8), (\.deviceID, 16), (\.pasid, 20), (\.groupID, 24),
        (\.permissions, 28), (\.address, 32), (\.last, 64),
      ]),
    Layout(
      MockCheckCacheArgument.self, 72,
      [(\.operation, 4), (\.id, 8), (\.entry, 16), (\.value, 20), (\.last, 64)]),
    Layout(
      MockTriggerEventArgument.self, 72,
      [(\.operation, 4), (\.id, 8), (\.deviceID, 16), (\.last, 64)]),
    Layout(
      MockPASIDArgument.self, 72,
      [(\.operation, 4), (\.id, 8), (\.pasid, 16), (\.tableID, 20), (\.last, 64)]),
    Layout(
      MockBufferArgument.self, 72,
      [(\.operation, 4), (\.id, 8), (\.length, 16), (\.openFlags, 20), (\.last, 64)]),
    Layout(
      MockRevokeArgument.self, 72,
      [(\.operation, 4), (\.id, 8), (\.descriptor, 16), (\.revoked, 20), (\.last, 64)]),
  ]

  static let data: [Layout] = [
    Layout(MockHardwareInfo.self, 8, [(\.flags, 0), (\.register, 4)]),
    Layout(MockTableData.self, 8, [(\.iotlb, 0), (\.kind, 4)]),
    Layout(MockInvalidation.self, 8, [(\.flags, 0), (\.entry, 4)]),
    Layout(
      MockVIOMMUData.self, 24,
      [(\.input, 0), (\.output, 4), (\.outMapOffset, 8), (\.outMapLength, 16)]),
    Layout(MockVIOMMUInvalidation.self, 12, [(\.flags, 0), (\.virtualID, 4), (\.entry, 8)]),
    Layout(MockEvent.self, 4, [(\.virtualID, 0)]),
  ]

  @Test("size and offsets", arguments: arguments + data)
  func layout(_ layout: Layout) {
    #expect(layout.size == layout.expectedSize)
    for field in layout.fields { #expect(field.offset == field.expected, "\(field.name)") }
  }

  @Test("operations run from 1 to 23 without a hole")
  func operations() {
    #expect(MockOperation.allCases.map(\.rawValue) == Array(1...23))
  }
}
