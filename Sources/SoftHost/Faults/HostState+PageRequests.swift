import HostABI
import Hardware
import IOMMU

extension HostState {
  /// A device's page request has come; it waits until its group is whole.
  ///
  /// - Returns: Whether the host has page requests of the device enabled.
  func take(_ request: EndpointPageRequest, from endpoint: Endpoint) -> Bool {
    guard let device = devices.first(where: { $0.endpoint === endpoint }), device.isPRIEnabled
    else { return false }
    // Stop markers ask for nothing and are not answered.
    if request.isLast, request.access.isEmpty { return true }
    var record = PageFaultRecord()
    record.permissions = Self.permissions(request.access)
    record.address = request.address.rawValue & ~Page.mask
    record.groupID = UInt32(request.group)
    if let pasid = request.pasid {
      record.pasid = pasid.rawValue
      record.flags |= PageFaultBits.pasidValid
      // In Linux 7.2 VT-d lets a flag of the kernel's own through: the answer needs the PASID.
      if device.unit.driver is VTdDriver { record.flags |= 4 }
    }
    if request.isLast { record.flags |= PageFaultBits.lastPage }
    deliver(record, isLast: request.isLast, pasid: request.pasid?.rawValue, from: device)
    return true
  }

  /// Queues a record with the earlier ones of its group, or answers that the pages will not come.
  func deliver(
    _ record: PageFaultRecord, isLast: Bool, pasid: UInt32?, from device: PhysicalDevice
  ) {
    guard isLast else {
      // Linux keeps any number; a device that never ends its groups is stopped here.
      if device.partialFaults.count < PhysicalDevice.partialFaultLimit {
        device.partialFaults.append(record)
      }
      return
    }
    // Earlier parts are matched by group alone, whatever PASID they name.
    var records = device.partialFaults.filter { $0.groupID == record.groupID }
    device.partialFaults.removeAll { $0.groupID == record.groupID }
    records.append(record)
    let table = faultTable(of: device, pasid: pasid)
    guard let object = device.object, let queue = table?.table.faults, isAcceptable(records)
    else {
      device.endpoint.respond(
        EndpointPageResponse(
          group: UInt16(truncatingIfNeeded: record.groupID),
          pasid: pasid.flatMap { PASID(rawValue: $0) }, code: .invalid))
      return
    }
    for index in records.indices { records[index].deviceID = object.id }
    queue.deliver(
      FaultQueue.Group(
        endpoint: device.endpoint, deviceID: object.id, attachment: table?.pasid, pasid: pasid,
        number: record.groupID, records: records))
  }

  /// The page table whose queue gets a request, and what of the device it is attached to.
  private func faultTable(
    of device: PhysicalDevice, pasid: UInt32?
  ) -> (table: PageTableObject, pasid: UInt32?)? {
    guard let object = device.object else { return nil }
    let attachments = object.attachments
    if let pasid, pasid != 0 {
      if let id = attachments.tableID(pasid), let table = object.context.pageTable(id) {
        return (table, pasid)
      }
      // Where guests own their PASID tables, the RID's table stands for all PASIDs.
      guard device.unit.driver.guestsOwnPASIDs else { return nil }
      guard let id = attachments.tableID(0), let table = object.context.pageTable(id),
        table is NestedHWPT
      else { return nil }
      return (table, nil)
    }
    guard let id = attachments.tableID(0), let table = object.context.pageTable(id) else {
      return nil
    }
    return (table, nil)
  }

  /// VT-d's driver refuses privileged requests for data, and execute requests that read too.
  private func isAcceptable(_ records: [PageFaultRecord]) -> Bool {
    records.allSatisfy { record in
      guard record.flags & 4 != 0 else { return true }
      let data = PageFaultBits.read | PageFaultBits.write
      if record.permissions & PageFaultBits.privileged != 0, record.permissions & data != 0 {
        return false
      }
      return record.permissions & (PageFaultBits.execute | PageFaultBits.read)
        != PageFaultBits.execute | PageFaultBits.read
    }
  }

  private static func permissions(_ access: DMAAccess) -> UInt32 {
    var bits: UInt32 = 0
    if access.contains(.read) { bits |= PageFaultBits.read }
    if access.contains(.write) { bits |= PageFaultBits.write }
    if access.contains(.execute) { bits |= PageFaultBits.execute }
    if access.contains(.privileged) { bits |= PageFaultBits.privileged }
    return bits
  }

  /// A stream of a guest's SMMUv3 met a fault of stage 1: an event for the guest.
  func report(
    _ fault: TranslationFault, of endpoint: Endpoint, _ pasid: PASID?, _ access: DMAAccess
  ) {
    guard let device = devices.first(where: { $0.endpoint === endpoint }),
      let object = device.object, let vdevice = object.vdevice,
      let queue = vdevice.viommu.queues.first(where: { $0.type == VIOMMUType.armSMMUv3 }),
      let record = SMMUEventRecord(fault, stream: vdevice.virtualID, pasid, access)
    else { return }
    queue.report(record.bytes)
  }
}
