import HostABI
import HostSystem
import Hardware
import IOMMU

/// Linux's driver for VT-d (facts, sections 2.10, 4.8 and 5.1).
final class VTdDriver: UnitDriver {
  let registers: VTdRegisters
  let name = "intel-iommu"

  /// Who answers for pages that are not mapped here.
  private let foreign: (any ForeignMemory)?

  init(_ registers: VTdRegisters, foreign: (any ForeignMemory)?) {
    self.registers = registers
    self.foreign = foreign
  }

  var tracksDirtyPages: Bool { registers.notesDirtyPages }
  var nestsDirectly: Bool { true }
  var supportsATS: Bool { registers.extendedCapability.hasDeviceTLB }
  var enforcesCoherency: Bool { registers.extendedCapability.hasSnoopControl }
  /// Where the platform takes writes for interrupts.
  var reservedRanges: [ClosedRange<UInt64>] { [0xFEE0_0000...0xFEEF_FFFF] }

  var maxPASIDs: UInt32 {
    registers.hasPASIDs ? 1 << registers.extendedCapability.pasidBits : 0
  }

  func makeDomain(
    _ flags: HWPTFlags, _ data: VendorData?, for device: DeviceObject
  ) throws(LinuxErrno) -> PagingDomain {
    if data != nil { throw .EOPNOTSUPP }
    if flags.isSubset(of: .pasid), registers.hasFirstStage {
      let levels = registers.capability.hasFiveLevels ? 5 : 4
      // Addresses are sign-extended, and iommufd uses the lower half.
      return domain(levels, width: levels == 5 ? 56 : 47, flags)
    }
    guard flags.isSubset(of: [.nestParent, .dirtyTracking, .pasid]),
      !flags.contains(.nestParent) || registers.nests,
      !flags.contains(.dirtyTracking) || registers.notesDirtyPages,
      registers.hasSecondStage, let stage = registers.secondStage
    else { throw .EOPNOTSUPP }
    return domain(stage.levels, width: stage.width, flags)
  }

  private func domain(_ levels: Int, width: Int, _ flags: HWPTFlags) -> PagingDomain {
    PagingDomain(
      .radix(PagingTable(levels: levels, dialect: .vtd, foreign: foreign)), pageSize: Page.size,
      aperture: 0...(1 << UInt64(width)) - 1,
      // Erratum 772415: no unit can have read-only pages under a nesting parent.
      refusesReadOnly: flags.contains(.nestParent), enforcesCoherency: enforcesCoherency)
  }

  func makeNested(
    _ parent: PagingHWPT, _ flags: HWPTFlags, _ data: VendorData, viommu: VirtualIOMMU?
  ) throws(LinuxErrno) -> NestedKind {
    guard registers.nests, flags.isSubset(of: .pasid), data.type == HWPTDataType.vtdStage1 else {
      throw .EOPNOTSUPP
    }
    guard let stage2 = parent.domain.table else { throw .EINVAL }
    let stage1 = try data.exactly(VTdStage1.self)
    // A width that no unit has is refused only when something is attached.
    guard stage1.addressWidth == 48 || stage1.addressWidth == 57 else {
      return .vtd(nil, stage1)
    }
    // Linux sets no ERE in the entry, whatever the unit can do, so execute requests are refused.
    let table = VTdNestedTable(
      parent: stage2, root: GuestPhysicalAddress(stage1.tableAddress & ~Page.mask),
      levels: stage1.addressWidth == 57 ? 5 : 4,
      options: VTdNestedTable.Options(rawValue: stage1.flags & 7))
    return .vtd(table, stage1)
  }

  func hardwareInfo(type: UInt32) throws(LinuxErrno) -> (type: UInt32, bytes: [UInt8]) {
    guard type == HardwareInfoType.none || type == HardwareInfoType.vtd else {
      throw .EOPNOTSUPP
    }
    let info = VTdHardwareInfo {
      // Linux 7.2 sets the flag of erratum 772415 whatever the unit is.
      $0.flags = 1
      $0.capability = registers.capability.rawValue
      $0.extendedCapability = registers.extendedCapability.rawValue
    }
    return (HardwareInfoType.vtd, StructureBytes.bytes(of: info))
  }

  func check(
    _ table: PageTableObject, _ device: DeviceObject, pasid: UInt32
  ) throws(LinuxErrno) {
    try check(table)
    // Nothing that counts here ever changes of a table, nor depends on the device.
    table.fitting = ObjectIdentifier(self)
  }

  private func check(_ table: PageTableObject) throws(LinuxErrno) {
    guard let base = table.base, let radix = base.domain.table else { throw .EINVAL }
    if base.enforcesCoherency, !enforcesCoherency { throw .EINVAL }
    let isFirstStage = base.flags.isSubset(of: [.pasid, .faultIDValid]) && registers.hasFirstStage
    if !isFirstStage {
      guard registers.hasSecondStage, let stage = registers.secondStage,
        stage.levels >= radix.levels
      else { throw .EINVAL }
      if base.flags.contains(.dirtyTracking), !registers.notesDirtyPages { throw .EINVAL }
      if base.flags.contains(.nestParent), !registers.nests { throw .EINVAL }
    } else if radix.levels == 5, !registers.capability.hasFiveLevels {
      throw .EINVAL
    }
    guard let nested = table as? NestedHWPT, case .vtd(let made, let stage1) = nested.kind else {
      return
    }
    guard made != nil, stage1.addressWidth == 48 || registers.capability.hasFiveLevels else {
      throw .EINVAL
    }
    if stage1.flags & 1 != 0, !registers.extendedCapability.hasSupervisorRequests { throw .EINVAL }
    if stage1.flags & 2 != 0, !registers.extendedCapability.hasExtendedAccessedFlag {
      throw .EINVAL
    }
  }

  func checkPASID(_ table: PageTableObject) throws(LinuxErrno) {
    // A unit without PASIDs is not asked: its devices have none, and nothing is attached.
  }

  func checkFaults(_ device: DeviceObject) throws(LinuxErrno) {
    guard device.physical.isPRIEnabled else { throw .ENODEV }
  }

  func invalidate(
    _ table: NestedHWPT, _ array: EntryArray, done: inout UInt32
  ) throws(LinuxErrno) {
    guard array.type == InvalidateDataType.vtdStage1 else { throw .EINVAL }
    var work = InvalidationWork()
    defer {
      if work.isTooMuch { table.forgetAll() }
      table.drain()
    }
    while done < array.count {
      let entry = try array.exactly(VTdInvalidation.self, done)
      guard entry.flags & ~1 == 0, entry.reserved == 0 else { throw .EOPNOTSUPP }
      guard entry.address & Page.mask == 0, entry.pageCount != .max || entry.address == 0 else {
        throw .EINVAL
      }
      if entry.pageCount == .max {
        table.forgetAll()
      } else if entry.pageCount > 0, work.begin(entry.pageCount) {
        let (last, wraps) = entry.address.addingReportingOverflow(
          entry.pageCount.multipliedReportingOverflow(by: Page.size).partialValue &- 1)
        table.forget(entry.address...(wraps ? .max : max(last, entry.address)))
      }
      done += 1
    }
  }
}
