import Hardware

/// What the backends of the devices have in place, and what the guest has told to forget of it.
///
/// A table of attachments, found by device and PASID, and by domain and PASID as invalidations name
/// them. It calls no backend except to pass answers on; ``VTdModel`` brings it to what the guest's
/// tables say.
struct VTdShadow {
  /// A device behind the unit.
  struct Device {
    let requester: RequesterID
    /// What the operator calls it.
    let name: String
    /// What carries out the guest's wishes; `nil` for an emulated device.
    let backend: (any DeviceBackend)?
    /// The ATC of an emulated device.
    let deviceTLB: (any VTdDeviceTLB)?
    /// The context entry that holds until the guest says that it changed.
    var context: VTdContextEntry?
    /// Whether the context entry is to be read again.
    var needsContext = false
    /// The stretches of work that read the context entry, and all PASIDs, last.
    var contextRead: UInt64 = 0
    var pasidsRead: UInt64 = 0
    /// How often a stretch of work looked through the directory for some domains, and which.
    var looks = 0
    var looked: UInt64 = 0
    /// The attachment of the RID, -1 for none.
    var own: Int32 = -1
    /// The attachments of PASIDs.
    var attachments: [UInt32: Int32] = [:]
  }

  /// The domain of an entry, and the PASID that it was found by, which the RID has as well.
  struct Key: Hashable {
    var domain: UInt16
    var pasid: PASID?
  }

  /// What a backend has in place for the RID or a PASID of a device.
  struct Attachment {
    var device: Int32
    /// The PASID; `nil` for the RID.
    var pasid: PASID?
    /// What the guest's invalidations call it by.
    var key: Key
    var translation: GuestTranslation
    /// The round of synchronising that found it last.
    var round: UInt32
    /// The next attachment with the same PASID in its key, -1 for none.
    var next: Int32 = -1
    /// What waits to be forgotten, first and last in ``VTdShadow/pending``; -1 for nothing.
    var firstPending: Int32 = -1
    var lastPending: Int32 = -1
  }

  /// A range to be forgotten, in a list of its attachment.
  struct Pending {
    var range: FirstStageInvalidation
    var next: Int32
  }

  var devices: [Device?] = []
  /// Their backends alone, for calls that come by the million.
  private(set) var backends: [(any DeviceBackend)?] = []
  private var bySource: [UInt16: Int32] = [:]

  var attachments: [Attachment] = []
  private var freeAttachments: [Int32] = []
  /// The first stages of each PASID, at most one a device.
  private var byPASID = VTdPASIDIndex()

  // What was told to forget since the last time that everything was brought in order. No list is
  // longer than the guest's queue, since order is made at the end of each drive.
  var pending: [Pending] = []
  var withPending: [Int32] = []
  var forgetsAll = false
  var forgottenDomains: Set<UInt16> = []

  // What one stretch of work has read or flushed it need not read or flush again: the guest changed
  // its tables before it told of that, and told of it before the stretch began. So the work that one
  // doorbell can cause does not grow with queue length times tables.
  /// Counts stretches of work: what one access of the guest causes.
  private(set) var stretch: UInt64 = 1
  var hasFlushedAll = false
  var flushedDomains: Set<UInt16> = []
  /// How often some domains are done one by one before all are done at once.
  static let looks = 4

  var needsContexts = false
  var needsAllPASIDs = false
  var staleDomains: Set<UInt16> = []
  var stalePASIDs: [PASID] = []
  /// Counts rounds of synchronising.
  var round: UInt32 = 0
  /// PASIDs that a walk through a directory found.
  var found: [PASID] = []
  /// What one call of a backend carries.
  var batch: [FirstStageInvalidation] = []

  // MARK: Devices

  func index(of source: UInt16) -> Int? { bySource[source].map(Int.init) }

  /// A new access of the guest: its tables may have changed.
  mutating func beginStretch() {
    stretch &+= 1
    hasFlushedAll = false
    flushedDomains.removeAll(keepingCapacity: true)
  }

  func deviceTLB(at source: UInt16) -> (any VTdDeviceTLB)? {
    index(of: source).flatMap { devices[$0]?.deviceTLB }
  }

  /// - Returns: The device's index, or `nil` when another is at its requester ID.
  mutating func add(_ device: Device) -> Int? {
    let source = device.requester.sourceID
    guard bySource[source] == nil else { return nil }
    let index = devices.firstIndex { $0 == nil } ?? devices.count
    if index == devices.count {
      devices.append(device)
      backends.append(device.backend)
    } else {
      devices[index] = device
      backends[index] = device.backend
    }
    bySource[source] = Int32(index)
    return index
  }

  /// Forgets a device and all that it has, without a call.
  mutating func remove(_ source: UInt16) {
    guard let index = bySource.removeValue(forKey: source), let device = devices[Int(index)] else {
      return
    }
    for attachment in device.attachments.values { free(attachment) }
    if device.own >= 0 { free(device.own) }
    devices[Int(index)] = nil
    backends[Int(index)] = nil
  }

  func respond(_ response: PageGroupResponse, to source: UInt16) {
    guard let index = index(of: source), let device = devices[index] else { return }
    device.backend?.respond(response)
    device.deviceTLB?.respond(response)
  }

  // MARK: Attachments

  func attachment(of device: Int, _ pasid: PASID?) -> Int? {
    guard let found = devices[device] else { return nil }
    guard let pasid else { return found.own < 0 ? nil : Int(found.own) }
    return found.attachments[pasid.rawValue].map(Int.init)
  }

  /// Notes what a backend has in place now.
  mutating func attach(
    _ device: Int, _ pasid: PASID?, _ translation: GuestTranslation, key: Key
  ) {
    let index: Int
    if let existing = attachment(of: device, pasid) {
      index = existing
      unlink(Int32(index))
    } else {
      let new = Attachment(
        device: Int32(device), pasid: pasid, key: key, translation: translation, round: round)
      if let free = freeAttachments.popLast() {
        index = Int(free)
        attachments[index] = new
      } else {
        index = attachments.count
        attachments.append(new)
      }
      if let pasid {
        devices[device]?.attachments[pasid.rawValue] = Int32(index)
      } else {
        devices[device]?.own = Int32(index)
      }
    }
    attachments[index].key = key
    attachments[index].translation = translation
    link(Int32(index))
  }

  /// Notes that a backend has nothing in place any more.
  mutating func detach(_ device: Int, _ pasid: PASID?) {
    guard let index = attachment(of: device, pasid) else { return }
    if let pasid {
      devices[device]?.attachments[pasid.rawValue] = nil
    } else {
      devices[device]?.own = -1
    }
    free(Int32(index))
  }

  private mutating func free(_ index: Int32) {
    unlink(index)
    // What the host detached it has also forgotten.
    attachments[Int(index)].firstPending = -1
    attachments[Int(index)].device = -1
    freeAttachments.append(index)
  }

  /// The PASID in whose list an attachment stands: only first stages are invalidated.
  private func listed(_ index: Int32) -> PASID? {
    guard case .firstStage = attachments[Int(index)].translation else { return nil }
    return attachments[Int(index)].key.pasid
  }

  private mutating func link(_ index: Int32) {
    guard let pasid = listed(index) else { return }
    attachments[Int(index)].next = byPASID[pasid]
    byPASID[pasid] = index
  }

  private mutating func unlink(_ index: Int32) {
    guard let pasid = listed(index) else { return }
    let after = attachments[Int(index)].next
    attachments[Int(index)].next = -1
    var at = byPASID[pasid]
    if at == index {
      byPASID[pasid] = after
      return
    }
    // As long as there are devices that share the PASID.
    while at >= 0 {
      let next = attachments[Int(at)].next
      if next == index {
        attachments[Int(at)].next = after
        return
      }
      at = next
    }
  }

  // MARK: Invalidations

  /// Notes what the guest told to forget.
  @inline(__always)
  mutating func note(_ what: VTdCacheInvalidation) {
    if case .pasidPages(let range, let pasid, let domain) = what {
      note(range, pasid, domain)
    } else {
      noteOther(what)
    }
  }

  @inline(__always)
  private mutating func note(
    _ range: FirstStageInvalidation, _ pasid: PASID, _ domain: UInt16
  ) {
    guard !hasFlushedAll else { return }
    var at = byPASID[pasid]
    while at >= 0 {
      let index = Int(at)
      if attachments[index].key.domain == domain {
        let place = Int32(truncatingIfNeeded: pending.count)
        pending.append(Pending(range: range, next: -1))
        if attachments[index].firstPending < 0 {
          attachments[index].firstPending = place
          withPending.append(at)
        } else {
          pending[Int(attachments[index].lastPending)].next = place
        }
        attachments[index].lastPending = place
      }
      at = attachments[index].next
    }
  }

  @inline(never)
  private mutating func noteOther(_ what: VTdCacheInvalidation) {
    switch what {
    case .allContexts, .contexts:
      // Context entries of scalable mode have no domain, so that any may be meant.
      for index in devices.indices { devices[index]?.needsContext = true }
      needsContexts = true
    case .context(let source, let mask, _):
      for index in devices.indices {
        guard let own = devices[index]?.requester.sourceID, (own ^ source) & ~mask == 0 else {
          continue
        }
        devices[index]?.needsContext = true
        needsContexts = true
      }
    case .allPASIDs: needsAllPASIDs = true
    case .pasids(let domain): staleDomains.insert(domain)
    case .pasid(let pasid, _): stalePASIDs.append(pasid)
    case .allTranslations: forgetsAll = !hasFlushedAll
    // A second stage under the range may be under any address of a first stage.
    case .translations(let domain), .pages(_, let domain):
      guard !hasFlushedAll, !flushedDomains.contains(domain) else { return }
      forgottenDomains.insert(domain)
    case .pasidPages, .allInterrupts, .interrupts: break
    }
  }

  /// Everything may have changed, and is all read.
  mutating func markAll() {
    beginStretch()
    for index in devices.indices { devices[index]?.needsContext = true }
    needsContexts = true
    needsAllPASIDs = true
  }
}
