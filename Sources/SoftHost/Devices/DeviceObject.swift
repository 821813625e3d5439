import HostABI
import PCIe

/// A device behind an IOMMU that is bound to a context.
final class DeviceObject: HostObject {
  let context: IOMMUContext
  let physical: PhysicalDevice
  let attachments: GroupAttachments
  let unit: IOMMUUnit
  let driver: any UnitDriver
  private let group: IOMMUGroup
  /// The device's bit in its group's entries.
  var bit = 0
  /// The device as a guest's IOMMU knows it.
  var vdevice: VirtualDevice?
  /// Whether the device is going away and takes no new vDEVICE.
  var isEnding = false

  init(
    id: UInt32, context: IOMMUContext, physical: PhysicalDevice, attachments: GroupAttachments
  ) {
    self.context = context
    self.physical = physical
    self.attachments = attachments
    unit = physical.unit
    driver = physical.unit.driver
    group = physical.group
    super.init(id: id)
    // The driver that bound the device uses the object.
    uses = 1
  }

  /// Whether dirty tracking can be asked for with this device.
  var tracksDirtyPages: Bool { driver.tracksDirtyPages && physical.tracksDirtyPages }

  /// `out_capabilities` of `IOMMU_GET_HW_INFO`.
  var capabilities: HardwareCapabilities {
    var value: HardwareCapabilities = []
    if tracksDirtyPages { value.insert(.dirtyTracking) }
    if !physical.canUseATS { value.insert(.noATS) }
    if physical.maxPASIDs > 0 {
      if physical.pasidControl.allowsExecute { value.insert(.pasidExecute) }
      if physical.pasidControl.allowsPrivileged { value.insert(.pasidPrivileged) }
    }
    return value
  }

  /// `out_max_pasid_log2`: the floor of the logarithm, 0 without PASIDs.
  var maxPASIDLog2: UInt8 {
    physical.maxPASIDs == 0 ? 0 : UInt8(31 - physical.maxPASIDs.leadingZeroBitCount)
  }
}

// MARK: Attaching

extension DeviceObject {
  /// Attaches the device, or one of its PASIDs, to what a number names.
  ///
  /// - Parameters:
  ///   - tableID: An IOAS or a page table.
  ///   - pasid: 0 for the RID.
  ///   - replacing: Whether something is attached already and gives way.
  /// - Returns: The page table's number.
  /// - Throws: As section 3.4 and 4.3 of the facts order it; the old attachment stays then.
  func attach(
    _ tableID: UInt32, pasid: UInt32, replacing: Bool
  ) throws(LinuxErrno) -> UInt32 {
    switch context.slot(tableID) {
    case .paging(let table): try change(to: table, pasid, replacing)
    case .nested(let table): try change(to: table, pasid, replacing)
    case .ioas(let ioas): return try attachAutomatically(ioas, pasid, replacing)
    case .free, .tombstone: throw .ENOENT
    default: throw .EINVAL
    }
    return tableID
  }

  private func change(
    to table: PageTableObject, _ pasid: UInt32, _ replacing: Bool
  ) throws(LinuxErrno) {
    if replacing { try replace(with: table, pasid) } else { try attach(to: table, pasid) }
  }

  /// Finds an automatic page table that fits, or makes one.
  private func attachAutomatically(
    _ ioas: AddressSpace, _ pasid: UInt32, _ replacing: Bool
  ) throws(LinuxErrno) -> UInt32 {
    for table in ioas.tables where table.isAutomatic {
      do {
        try change(to: table, pasid, replacing)
        return table.id
      } catch {
        // EINVAL says that this table and the device don't fit; another may.
        if error != .EINVAL { throw error }
      }
    }
    let table: PagingHWPT
    if replacing {
      table = try context.makePaging(ioas, self, 0)
      do { try replace(with: table, pasid) } catch {
        context.undo(table)
        throw error
      }
    } else {
      table = try context.makePaging(ioas, self, 0, attaching: pasid)
    }
    table.isAutomatic = true
    return table.id
  }

  /// Attaches to a page table; other devices of the group may be attached to the same.
  func attach(to table: PageTableObject, _ pasid: UInt32) throws(LinuxErrno) {
    let current = attachments.entry(pasid)
    if let current {
      if current.holds(self) { throw .EBUSY }
      if current.tableID != table.id { throw .EINVAL }
    }
    let space = pasid == 0 ? table.base?.ioas : nil
    if let space { try reserve(in: space) }
    do {
      if current == nil { try attachGroup(to: table, pasid, replacing: nil) }
    } catch {
      space?.unreserve(.device(id))
      throw error
    }
    table.uses += 1
    attachments.insert(self, pasid, table, beside: current)
  }

  /// Moves the group's attachment to another page table.
  ///
  /// What is refused changes nothing, as iommufd promises. Linux 7.2's VT-d driver can leave the
  /// device blocked then, beside books that name the old table; that is not repeated here.
  func replace(with table: PageTableObject, _ pasid: UInt32) throws(LinuxErrno) {
    guard let entry = attachments.entry(pasid), entry.holds(self),
      let old = context.pageTable(entry.tableID)
    else { throw .EINVAL }
    if old === table { return }
    let devices = attachments.attached(pasid)
    let newSpace = pasid == 0 ? table.base?.ioas : nil
    let oldSpace = pasid == 0 ? old.base?.ioas : nil
    // The same address space has the reservations already.
    let moves = newSpace !== oldSpace
    if moves, let newSpace {
      do {
        for device in devices { try device.reserve(in: newSpace) }
      } catch {
        for device in devices { newSpace.unreserve(.device(device.id)) }
        throw error
      }
    }
    do { try attachGroup(to: table, pasid, replacing: old) } catch {
      if moves, let newSpace { for device in devices { newSpace.unreserve(.device(device.id)) } }
      throw error
    }
    if moves, let oldSpace { for device in devices { oldSpace.unreserve(.device(device.id)) } }
    attachments.move(pasid, to: table)
    table.uses += devices.count
    old.uses -= devices.count
    context.endIfAutomatic(old)
  }

  /// Detaches the device, or one of its PASIDs; what is not attached stays so.
  func detach(pasid: UInt32) {
    guard let entry = attachments.entry(pasid), entry.holds(self),
      let table = context.pageTable(entry.tableID)
    else { return }
    if attachments.remove(self, pasid, from: entry) { group.detach(pasid, from: table) }
    if pasid == 0 { table.base?.ioas.unreserve(.device(id)) }
    table.uses -= 1
    context.endIfAutomatic(table)
  }

  private func reserve(in space: AddressSpace) throws(LinuxErrno) {
    for range in driver.reservedRanges + physical.reservedRanges {
      try space.reserve(range, for: .device(id))
    }
  }

  /// Lets the unit of every device of the group use a page table.
  private func attachGroup(
    to table: PageTableObject, _ pasid: UInt32, replacing old: PageTableObject?
  ) throws(LinuxErrno) {
    if table.faults != nil { try checkFaults() }
    try checkPASIDCompatibility(table, pasid)
    let fits = table.fitting == ObjectIdentifier(driver)
    if pasid != 0, !fits { try driver.checkPASID(table) }
    guard table.unit === unit || table.unit.driver.isSameDriver(as: driver) else {
      throw .EINVAL
    }
    guard !group.isResetting else { throw .EBUSY }
    if pasid != 0, old == nil {
      // A device without PASIDs takes any in Linux 7.2, and nothing of it is translated by them.
      if let limit = group.pasidLimit, pasid >= limit { throw .EINVAL }
    }
    // A PASID of devices that have none is noted, but no driver hears of it.
    if pasid == 0 || group.pasidLimit != nil {
      if table.faults != nil { try driver.checkFaults(self) }
      if !fits { try driver.check(table, self, pasid: pasid) }
    }
    group.attach(pasid, to: table, replacing: old)
  }

  /// Page requests of a VF come through its PF, which the kernel cannot tell apart.
  private func checkFaults() throws(LinuxErrno) {
    if let parent = physical.parent, parent.hasPRI { throw .EINVAL }
  }

  /// A RID beside PASIDs, and every PASID, needs a table that was made for PASIDs.
  private func checkPASIDCompatibility(
    _ table: PageTableObject, _ pasid: UInt32
  ) throws(LinuxErrno) {
    if pasid == 0 {
      if !table.isPASIDCompatible, attachments.hasPASIDs { throw .EINVAL }
      return
    }
    guard table.isPASIDCompatible, !attachments.ridRefusesPASIDs else { throw .EINVAL }
  }
}

extension IOMMUContext {
  /// The page table with a number, whichever kind it is.
  func pageTable(_ id: UInt32) -> PageTableObject? {
    switch slot(id) {
    case .paging(let table): table
    case .nested(let table): table
    default: nil
    }
  }

  /// Ends an automatic page table that lost its last attachment.
  func endIfAutomatic(_ table: PageTableObject) {
    guard let paging = table as? PagingHWPT, paging.isAutomatic, paging.uses == 0 else { return }
    paging.tearDown()
    remove(paging.id)
  }
}
