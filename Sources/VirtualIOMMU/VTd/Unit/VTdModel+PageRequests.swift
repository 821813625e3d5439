import Hardware
import IOMMU

/// The page request queue (VT-d §7.4, §11.4.11).
extension VTdModel {
  /// Writes a request into the guest's queue.
  ///
  /// - Returns: Whether the guest will answer; it was answered here, if it asks for that, otherwise.
  mutating func report(_ request: GuestPageRequest, from requester: RequesterID) -> Bool {
    let source = requester.sourceID
    guard shadow.index(of: source) != nil else { return false }
    guard configuration.features.contains(.pageRequests), state.isTranslating else {
      return refuse(request, source, .invalid)
    }
    if let reason = pageRequestFault(requester) {
      if let reason {
        record(
          VTdFault(
            reason, source: source, request: .page, address: request.address, pasid: request.pasid,
            access: request.access))
      }
      return refuse(request, source, .invalid)
    }
    var status = VTdRequestStatus(rawValue: registers[VTdRegister.requestStatus])
    // A guest that is behind: a device that is told of success tries again, and asks again.
    guard !status.overflow else { return refuse(request, source, .success) }
    let isFirst = status.rawValue & 3 == 0
    let queue = VTdQueueAddress(rawValue: registers[wide: VTdRegister.requestAddress])
    let mask = queue.byteCount - 1
    let tail = registers[wide: VTdRegister.requestTail] & mask
    let next = (tail + 32) & mask
    guard next != registers[wide: VTdRegister.requestHead] & mask else {
      status.overflow = true
      log.append(.requestQueueFull(source: source))
      registers[VTdRegister.requestStatus] = status.rawValue
      if isFirst { raise(VTdRegister.requestEvent) }
      return refuse(request, source, .success)
    }
    let place = GuestPhysicalAddress(queue.base.rawValue &+ tail)
    guard memory.write(Self.descriptor(of: request, source), at: place) else {
      return refuse(request, source, .invalid)
    }
    registers[wide: VTdRegister.requestTail] = next
    status.pending = true
    registers[VTdRegister.requestStatus] = status.rawValue
    if isFirst { raise(VTdRegister.requestEvent) }
    return true
  }

  /// Why a device may not request pages: `nil` when it may, a reason if there is one to record.
  private func pageRequestFault(_ requester: RequesterID) -> VTdFaultReason?? {
    do {
      switch try tables.context(of: requester, root: state.root) {
      case .legacy: return .some(.pageRequestInLegacyMode)
      case .scalable(let context):
        if context.allowsPageRequests { return nil }
        return .some(context.disablesFaults ? nil : .pageRequestsNotEnabled)
      }
    } catch {
      return .some(error.isSuppressed ? nil : error.reason)
    }
  }

  /// Answers a request that no guest will answer; only the last of a group is answered at all.
  private func refuse(
    _ request: GuestPageRequest, _ source: UInt16, _ code: PageGroupResponse.Code
  ) -> Bool {
    // A stop marker, which says that no more requests come, has no answer.
    if request.isLast, !request.access.isDisjoint(with: [.read, .write]) {
      shadow.respond(
        PageGroupResponse(pasid: request.pasid, group: request.group & 0x1FF, code: code),
        to: source)
    }
    return false
  }

  /// The page request descriptor.
  static func descriptor(
    of request: GuestPageRequest, _ source: UInt16
  ) -> InlineArray<4, UInt64> {
    var low: UInt64 = 1 | UInt64(source) << 16
    if let pasid = request.pasid {
      low |= 1 << 8 | UInt64(pasid.rawValue) << 32
      if request.access.contains(.execute) { low |= 1 << 52 }
      if request.access.contains(.privileged) { low |= 1 << 53 }
    }
    var high = request.address.rawValue & ~0xFFF | UInt64(request.group & 0x1FF) << 3
    if request.access.contains(.read) { high |= 1 }
    if request.access.contains(.write) { high |= 2 }
    if request.isLast { high |= 4 }
    return [low, high, 0, 0]
  }
}
