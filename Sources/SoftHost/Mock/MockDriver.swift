import HostABI
import HostSystem
import IOMMU

/// Linux's driver for the mock IOMMU of its self-tests.
final class MockDriver: UnitDriver {
  let name = "mock"
  private var devices: [Int: MockDevice] = [:]

  let tracksDirtyPages = true
  let nestsDirectly = true
  let nestsThroughVIOMMU = true
  let supportsATS = false
  let enforcesCoherency = false
  let maxPASIDs: UInt32 = 1 << UInt32(MockIOMMU.pasidWidth)

  /// What the driver keeps of a device; `nil` for a device behind another unit.
  func device(_ device: DeviceObject) -> MockDevice? {
    device.driver === self ? devices[device.physical.index] : nil
  }

  func add(_ device: PhysicalDevice) { devices[device.index] = MockDevice() }

  func remove(_ device: PhysicalDevice) { devices[device.index] = nil }

  // MARK: Page tables

  func makeDomain(
    _ flags: HWPTFlags, _ data: VendorData?, for device: DeviceObject
  ) throws(LinuxErrno) -> PagingDomain {
    guard flags.isSubset(of: [.nestParent, .dirtyTracking, .pasid]) else { throw .EOPNOTSUPP }
    let kind = try data.map(Self.tableData)?.kind ?? MockTableKind.standard
    switch kind {
    case MockTableKind.standard:
      return domain(
        MockDomain(pageSize: MockIOMMU.pageSize, pageSizes: .max << 11 & ~(1 << 39)),
        aperture: MockIOMMU.apertureStart...MockIOMMU.apertureLast)
    case MockTableKind.huge:
      return domain(
        MockDomain(pageSize: Page.size, pageSizes: Page.size | MockIOMMU.hugePageSize),
        aperture: 0...((1 << 38) - 1))
    default: throw .EOPNOTSUPP
    }
  }

  private func domain(_ domain: MockDomain, aperture: ClosedRange<UInt64>) -> PagingDomain {
    PagingDomain(
      .mock(domain), pageSize: domain.pageSize, aperture: aperture, refusesReadOnly: false,
      enforcesCoherency: enforcesCoherency)
  }

  func makeNested(
    _ parent: PagingHWPT, _ flags: HWPTFlags, _ data: VendorData, viommu: VirtualIOMMU?
  ) throws(LinuxErrno) -> NestedKind {
    guard flags.isSubset(of: .pasid) else { throw .EOPNOTSUPP }
    return .mock(MockNested(word: try Self.tableData(data).iotlb))
  }

  /// The data of a table; its first field alone is enough.
  private static func tableData(_ data: VendorData) throws(LinuxErrno) -> MockTableData {
    guard data.type == MockType.tableData else { throw .EOPNOTSUPP }
    return try data.sized(MockTableData.self, minimum: 4)
  }

  func hardwareInfo(type: UInt32) throws(LinuxErrno) -> (type: UInt32, bytes: [UInt8]) {
    guard type == HardwareInfoType.none || type == MockType.hardwareInfo else {
      throw .EOPNOTSUPP
    }
    let info = MockHardwareInfo { $0.register = MockIOMMU.registerValue }
    return (MockType.hardwareInfo, StructureBytes.bytes(of: info))
  }

  // MARK: Attaching

  func check(
    _ table: PageTableObject, _ device: DeviceObject, pasid: UInt32
  ) throws(LinuxErrno) {
    guard pasid == 0 else { return try checkFailingPASID(device, pasid) }
    if let paging = table as? PagingHWPT, paging.flags.contains(.dirtyTracking),
      !device.tracksDirtyPages
    {
      throw .EINVAL
    }
    if let viommu = (table as? NestedHWPT)?.viommu, device.vdevice?.viommu !== viommu {
      throw .ENOENT
    }
  }

  /// Every second attach of one PASID fails, so that going back to the old table can be tried.
  private func checkFailingPASID(_ device: DeviceObject, _ pasid: UInt32) throws(LinuxErrno) {
    guard pasid == MockIOMMU.failingPASID, let state = self.device(device), state.failsNext else {
      return
    }
    state.failsNext = false
    throw .ENOMEM
  }

  func checkPASID(_ table: PageTableObject) throws(LinuxErrno) {}

  /// A device's RID (PASID 0) or one of its PASIDs now has this table, or none.
  func didChange(_ device: PhysicalDevice, _ pasid: UInt32, to table: PageTableObject?) {
    guard let state = devices[device.index] else { return }
    if pasid == MockIOMMU.failingPASID { state.failsNext = table != nil }
    guard pasid == 0 else { return }
    let viommu = (table as? NestedHWPT)?.viommu
    // The number is looked up when the RID comes to a vIOMMU, and not again while it stays there.
    guard viommu !== state.viommu else { return }
    state.viommu = viommu
    state.virtualID = viommu == nil ? 0 : device.object?.vdevice?.virtualID ?? 0
  }
}
