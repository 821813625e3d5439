import HostABI
import IOMMU

/// What Linux's driver for one kind of IOMMU does and refuses.
protocol UnitDriver: AnyObject {
  /// The driver's name, to tell drivers apart.
  var name: String { get }
  /// Whether dirty tracking can be asked for.
  var tracksDirtyPages: Bool { get }
  /// Whether guests' tables are made directly on a nesting parent.
  var nestsDirectly: Bool { get }
  /// Whether guests' tables are made through a vIOMMU.
  var nestsThroughVIOMMU: Bool { get }
  /// Whether a guest's table on the RID brings the guest's PASIDs with it.
  var guestsOwnPASIDs: Bool { get }
  /// How many PASIDs the unit can have, 0 for none.
  var maxPASIDs: UInt32 { get }
  /// Whether ATS can work behind the unit.
  var supportsATS: Bool { get }
  /// Addresses that no device behind the unit can use for memory.
  var reservedRanges: [ClosedRange<UInt64>] { get }
  /// Whether snooping can be enforced.
  var enforcesCoherency: Bool { get }

  /// The table behind `IOMMU_HWPT_ALLOC` on an address space; `data` is what the caller brings.
  ///
  /// - Throws: `EOPNOTSUPP` for flags or data that the driver does not take.
  func makeDomain(
    _ flags: HWPTFlags, _ data: VendorData?, for device: DeviceObject
  ) throws(LinuxErrno) -> PagingDomain

  /// A guest's table.
  func makeNested(
    _ parent: PagingHWPT, _ flags: HWPTFlags, _ data: VendorData, viommu: VirtualIOMMU?
  ) throws(LinuxErrno) -> NestedKind

  /// What `IOMMU_GET_HW_INFO` tells; `EOPNOTSUPP` for a type that the driver does not serve.
  func hardwareInfo(type: UInt32) throws(LinuxErrno) -> (type: UInt32, bytes: [UInt8])

  /// Whether a device could be attached to a table.
  ///
  /// - Throws: `EINVAL` when they don't fit, and what else the driver refuses with.
  func check(
    _ table: PageTableObject, _ device: DeviceObject, pasid: UInt32
  ) throws(LinuxErrno)

  /// Whether the driver can attach this kind of table to a PASID; `EOPNOTSUPP` otherwise.
  func checkPASID(_ table: PageTableObject) throws(LinuxErrno)

  /// Whether page requests can come from a device; throws what the driver refuses with.
  func checkFaults(_ device: DeviceObject) throws(LinuxErrno)

  /// Carries out `IOMMU_HWPT_INVALIDATE` for a guest's table, counting entries as they are done.
  func invalidate(
    _ table: NestedHWPT, _ array: EntryArray, done: inout UInt32
  ) throws(LinuxErrno)

  /// Makes the unit's part of a vIOMMU; `EOPNOTSUPP` when there is none of this type.
  func checkVIOMMU(type: UInt32, _ device: DeviceObject) throws(LinuxErrno)

  /// Checks the table that a vIOMMU is to rest on.
  func checkVIOMMU(_ parent: PagingHWPT, _ device: DeviceObject) throws(LinuxErrno)

  /// Trades the vIOMMU's data with the caller.
  func exchange(
    _ viommu: VirtualIOMMU, _ argument: VIOMMUAllocArgument, _ memory: any CallerMemory
  ) throws(LinuxErrno)

  /// Whether there are hardware queues of a type; `EOPNOTSUPP` otherwise.
  func checkHardwareQueue(type: UInt32) throws(LinuxErrno)

  /// Carries out `IOMMU_HWPT_INVALIDATE` for a vIOMMU.
  func invalidate(
    _ viommu: VirtualIOMMU, _ array: EntryArray, done: inout UInt32
  ) throws(LinuxErrno)

  /// Checks a new vDEVICE; throws what the driver refuses with.
  func checkVDevice(_ viommu: VirtualIOMMU, _ device: DeviceObject) throws(LinuxErrno)

  /// Checks a new hardware queue; `EOPNOTSUPP` when the driver has none.
  ///
  /// - Returns: The queue that must stay as long as the new one, if any.
  func makeHardwareQueue(
    _ viommu: VirtualIOMMU, type: UInt32, index: UInt32, base: UInt64, length: UInt64
  ) throws(LinuxErrno) -> HardwareQueue?
}

extension UnitDriver {
  var reservedRanges: [ClosedRange<UInt64>] { [] }
  var enforcesCoherency: Bool { true }
  var nestsDirectly: Bool { false }
  var nestsThroughVIOMMU: Bool { false }
  var guestsOwnPASIDs: Bool { nestsThroughVIOMMU }

  func isSameDriver(as other: any UnitDriver) -> Bool { self === other || name == other.name }

  func checkFaults(_ device: DeviceObject) throws(LinuxErrno) {}

  func checkVIOMMU(type: UInt32, _ device: DeviceObject) throws(LinuxErrno) { throw .EOPNOTSUPP }

  func checkVIOMMU(_ parent: PagingHWPT, _ device: DeviceObject) throws(LinuxErrno) {
    guard parent.unit === device.unit else { throw .EINVAL }
  }

  func exchange(
    _ viommu: VirtualIOMMU, _ argument: VIOMMUAllocArgument, _ memory: any CallerMemory
  ) throws(LinuxErrno) {}

  func checkHardwareQueue(type: UInt32) throws(LinuxErrno) { throw .EOPNOTSUPP }

  func invalidate(
    _ viommu: VirtualIOMMU, _ array: EntryArray, done: inout UInt32
  ) throws(LinuxErrno) { throw .EOPNOTSUPP }

  func checkVDevice(_ viommu: VirtualIOMMU, _ device: DeviceObject) throws(LinuxErrno) {}

  func makeHardwareQueue(
    _ viommu: VirtualIOMMU, type: UInt32, index: UInt32, base: UInt64, length: UInt64
  ) throws(LinuxErrno) -> HardwareQueue? { throw .EOPNOTSUPP }
}

/// The array of entries that an invalidation brings.
struct EntryArray {
  let type: UInt32
  let entryLength: UInt32
  let count: UInt32
  let address: UInt64
  let memory: any CallerMemory

  /// An entry of exactly its structure's size; `EINVAL` when the caller's entries have another.
  func exactly<Entry: WireStructure>(
    _ type: Entry.Type, _ index: UInt32
  ) throws(LinuxErrno) -> Entry {
    guard entryLength == Entry.byteCount else { throw .EINVAL }
    return try memory.element(type, Int(index), of: address)
  }

  /// An entry between its minimum and its full size; `EINVAL` for any other.
  func sized<Entry: WireStructure>(
    _ type: Entry.Type, _ index: UInt32, minimum: Int
  ) throws(LinuxErrno) -> Entry {
    let place = address &+ UInt64(entryLength) &* UInt64(index)
    return try VendorData(type: 0, length: entryLength, address: place, memory: memory)
      .sized(type, minimum: minimum)
  }
}

/// A guest's table as its unit's driver keeps it.
enum NestedKind {
  /// VT-d's first stage.
  case vtd(VTdNestedTable?, VTdStage1)
  /// A stream of an SMMUv3.
  case smmu(SMMUStreamKind)
  /// The mock unit's.
  case mock(MockNested)

  /// What a unit walks.
  var translationTable: TranslationTable {
    switch self {
    case .vtd(let table?, _): .vtdNested(table)
    case .vtd(nil, _): .blocked(.vtd)
    case .smmu(let stream): stream.translationTable
    case .mock: .blocked(.vtd)
    }
  }
}

extension EntryArray {
  /// An entry whose size is adapted: bytes that miss read as zero, others must be zero (`E2BIG`).
  func adapted<Entry: WireStructure>(
    _ type: Entry.Type, _ index: UInt32
  ) throws(LinuxErrno) -> Entry {
    let place = address &+ UInt64(entryLength) &* UInt64(index)
    let full = Entry.byteCount
    if entryLength <= full { return try memory.loadPart(type, Int(entryLength), at: place) }
    let tail = try memory.load(Int(entryLength) - full, at: place &+ UInt64(full))
    if tail.contains(where: { $0 != 0 }) { throw .E2BIG }
    return try memory.load(type, at: place)
  }
}
