import Hardware
import IOMMU
import VirtualIOMMU

/// A fault as the guest's driver reads it from a recording register.
struct GuestFault {
  let reason: UInt8
  let source: UInt16
  let pasid: UInt32?
}

/// A page request as the guest's driver reads it from its queue.
struct GuestRequest {
  let source: UInt16
  let pasid: UInt32
  let address: IOVA
  let isWrite: Bool
  let isLast: Bool
  let group: UInt16
}

/// What the driver does at an interrupt of the unit's.
extension GuestDriver {
  /// Reads all faults that are recorded, and clears them.
  func readFaults() -> [GuestFault] {
    var faults: [GuestFault] = []
    var status = faultStatus
    var index = Int(status.recordIndex)
    let count = Int(capability.faultRegisters) + 1
    for _ in 0..<count where status.pending {
      let place = VTdRegister.faultRecords + 16 * index
      let high = unit.read(place + 8, size: 8)
      guard high >> 63 == 1 else { break }
      faults.append(
        GuestFault(
          reason: UInt8(high >> 32 & 0xFF), source: UInt16(high & 0xFFFF),
          pasid: high >> 31 & 1 == 1 ? UInt32(high >> 40 & 0xF_FFFF) : nil))
      // F is cleared by a one.
      unit.write(1 << 31, at: place + 12)
      index = (index + 1) % count
      status = faultStatus
    }
    return faults
  }

  private var faultStatus: VTdFaultStatus {
    VTdFaultStatus(rawValue: UInt32(truncatingIfNeeded: unit.read(VTdRegister.faultStatus)))
  }

  /// Takes the page requests of its queue.
  ///
  /// - Returns: The requests, and whether the queue has overflowed, which is cleared then.
  func takeRequests() throws -> (requests: [GuestRequest], overflowed: Bool) {
    // Cleared first: a request that comes now makes a new interrupt.
    unit.write(1, at: VTdRegister.requestStatus)
    let mask: UInt64 = 4095
    let tail = unit.read(VTdRegister.requestTail, size: 8) & mask
    var head = unit.read(VTdRegister.requestHead, size: 8) & mask
    var found: [GuestRequest] = []
    while head != tail {
      let place = requests.rawValue + head
      let low = try memory.word(GuestPhysicalAddress(place))
      let high = try memory.word(GuestPhysicalAddress(place + 8))
      found.append(
        GuestRequest(
          source: UInt16(low >> 16 & 0xFFFF), pasid: UInt32(low >> 32 & 0xF_FFFF),
          address: IOVA(high & ~0xFFF), isWrite: high & 2 != 0, isLast: high & 4 != 0,
          group: UInt16(high >> 3 & 0x1FF)))
      head = (head + 32) & mask
    }
    unit.write(tail, at: VTdRegister.requestHead, size: 8)
    let status = VTdRequestStatus(
      rawValue: UInt32(truncatingIfNeeded: unit.read(VTdRegister.requestStatus)))
    if status.overflow { unit.write(2, at: VTdRegister.requestStatus) }
    return (found, status.overflow)
  }

  /// Answers a group.
  func respond(to request: GuestRequest, isThere: Bool) throws {
    try submit([
      .response(request.source, request.pasid, group: request.group, code: isThere ? 0 : 1)
    ])
  }
}
