import Hardware
import IOMMU

/// Bringing the backends to what the guest's tables say (VT-d §3.4, §6.5.2).
///
/// Context entries are kept until the guest tells that they changed, as hardware may; PASID entries
/// are read when it tells of them. What is in place already costs no call.
extension VTdModel {
  /// Reads what the guest told of again, and carries out the difference.
  mutating func synchronise() {
    guard
      shadow.needsContexts || shadow.needsAllPASIDs || !shadow.staleDomains.isEmpty
        || !shadow.stalePASIDs.isEmpty
    else { return }
    for device in shadow.devices.indices where shadow.devices[device]?.backend != nil {
      synchronise(device)
    }
    shadow.needsContexts = false
    shadow.needsAllPASIDs = false
    shadow.staleDomains.removeAll(keepingCapacity: true)
    shadow.stalePASIDs.removeAll(keepingCapacity: true)
  }

  private mutating func synchronise(_ device: Int) {
    guard state.isTranslating else {
      // Requests without PASID reach memory as they are, those with one nothing.
      shadow.devices[device]?.context = nil
      apply(.passThrough, to: device, nil, key: .init(domain: 0))
      return removePASIDs(of: device)
    }
    var isChanged = false
    if shadow.devices[device]?.needsContext == true {
      shadow.devices[device]?.needsContext = false
      if shadow.devices[device]?.contextRead != shadow.stretch {
        shadow.devices[device]?.contextRead = shadow.stretch
        guard let answer = readContext(of: device) else { return }
        isChanged = answer
      }
    }
    guard let context = shadow.devices[device]?.context else { return }
    guard isChanged || shadow.devices[device]?.pasidsRead != shadow.stretch else { return }
    if isChanged || shadow.needsAllPASIDs || !shadow.staleDomains.isEmpty {
      let isAll = isChanged || shadow.needsAllPASIDs || !mayLook(device)
      if isAll { shadow.devices[device]?.pasidsRead = shadow.stretch }
      return synchroniseAll(device, context, onlyStale: !isAll)
    }
    for place in shadow.stalePASIDs.indices {
      let pasid = shadow.stalePASIDs[place]
      synchronise(device, context, pasid)
    }
  }

  /// Whether a device's directory is looked through for some domains once more, rather than for all.
  private mutating func mayLook(_ device: Int) -> Bool {
    guard let found = shadow.devices[device] else { return false }
    let looks = found.looked == shadow.stretch ? found.looks : 0
    shadow.devices[device]?.looked = shadow.stretch
    shadow.devices[device]?.looks = looks + 1
    return looks < VTdShadow.looks
  }

  /// Reads the context entry.
  ///
  /// - Returns: Whether it differs from the one before, or `nil` when no PASID entries follow.
  private mutating func readContext(of device: Int) -> Bool? {
    guard let requester = shadow.devices[device]?.requester else { return nil }
    do {
      switch try tables.context(of: requester, root: state.root) {
      case .legacy(let entry):
        shadow.devices[device]?.context = nil
        removePASIDs(of: device)
        if entry.type == .passThrough {
          apply(.passThrough, to: device, nil, key: .init(domain: 0))
        } else {
          log.append(.secondStage(device: shadow.devices[device]?.name ?? "", pasid: nil))
          remove(device, nil)
        }
        return nil
      case .scalable(let entry):
        let old = shadow.devices[device]?.context
        shadow.devices[device]?.context = entry
        return old != entry
      }
    } catch {
      shadow.devices[device]?.context = nil
      note(error, device, nil)
      removePASIDs(of: device)
      remove(device, nil)
      return nil
    }
  }

  /// All PASIDs that the tables hold, and those that they hold no more; or only those in domains that
  /// the guest told of.
  private mutating func synchroniseAll(
    _ device: Int, _ context: VTdContextEntry, onlyStale: Bool
  ) {
    shadow.round &+= 1
    if let own = PASID(rawValue: context.ridPASID) {
      synchronise(device, context, own)
      // Before it became the RID's it may have been any.
      remove(device, own)
    }
    if context.allowsPASID { findPASIDs(context, onlyStale: onlyStale) }
    for place in shadow.found.indices where shadow.found[place].rawValue != context.ridPASID {
      synchronise(device, context, shadow.found[place])
    }
    shadow.found.removeAll(keepingCapacity: true)
    // What was not found is gone; of other domains nothing is known.
    guard let attached = shadow.devices[device]?.attachments else { return }
    for (number, index) in attached where shadow.attachments[Int(index)].round != shadow.round {
      let domain = shadow.attachments[Int(index)].key.domain
      guard !onlyStale || shadow.staleDomains.contains(domain) else { continue }
      if let pasid = PASID(rawValue: number) { synchronise(device, context, pasid) }
    }
    for place in shadow.stalePASIDs.indices {
      synchronise(device, context, shadow.stalePASIDs[place])
    }
  }

  /// One PASID: what its entry says now; the RID's own one stands for the RID.
  private mutating func synchronise(_ device: Int, _ context: VTdContextEntry, _ pasid: PASID) {
    let isOwn = pasid.rawValue == context.ridPASID
    guard isOwn || context.allowsPASID else { return remove(device, pasid) }
    let target = isOwn ? nil : pasid
    do {
      let used = try tables.effectivePASID(target, in: context)
      let entry = try tables.entry(of: used, in: context).entry
      guard let wanted = GuestTranslation(entry) else {
        log.append(.secondStage(device: shadow.devices[device]?.name ?? "", pasid: target))
        return remove(device, target)
      }
      apply(wanted, to: device, target, key: .init(domain: entry.domain, pasid: used))
    } catch {
      note(error, device, target)
      remove(device, target)
    }
  }

  // MARK: Calls

  private mutating func apply(
    _ wanted: GuestTranslation, to device: Int, _ pasid: PASID?, key: VTdShadow.Key
  ) {
    guard let backend = shadow.devices[device]?.backend else { return }
    let existing = shadow.attachment(of: device, pasid)
    if let existing {
      shadow.attachments[existing].round = shadow.round
      if shadow.attachments[existing].translation == wanted {
        if shadow.attachments[existing].key != key {
          shadow.attach(device, pasid, wanted, key: key)
        }
        return
      }
    }
    do {
      try backend.setTranslation(wanted, for: pasid)
      shadow.attach(device, pasid, wanted, key: key)
    } catch {
      log.append(
        .refused(
          device: shadow.devices[device]?.name ?? "", pasid: pasid, error,
          keepsOld: existing != nil))
    }
  }

  private mutating func remove(_ device: Int, _ pasid: PASID?) {
    guard shadow.attachment(of: device, pasid) != nil,
      let backend = shadow.devices[device]?.backend
    else { return }
    backend.removeTranslation(of: pasid)
    shadow.detach(device, pasid)
  }

  private mutating func removePASIDs(of device: Int) {
    guard let attached = shadow.devices[device]?.attachments, !attached.isEmpty else { return }
    for number in attached.keys { remove(device, PASID(rawValue: number)) }
  }

  /// Tells the guest and the operator of tables that are wrong; what is not present is no fault.
  private mutating func note(_ fault: VTdTableFault, _ device: Int, _ pasid: PASID?) {
    guard !fault.reason.isNotPresent, let found = shadow.devices[device] else { return }
    log.append(.wrongTables(device: found.name, pasid: pasid, fault.reason))
    guard !fault.isSuppressed else { return }
    record(VTdFault(fault.reason, source: found.requester.sourceID, pasid: pasid))
  }

  // MARK: Directories

  /// Finds the PASIDs with present entries, by way of the present entries of the directory.
  private mutating func findPASIDs(_ context: VTdContextEntry, onlyStale: Bool) {
    // The model's own buffer, taken out so that both can change.
    var bytes: [UInt8] = []
    swap(&bytes, &tableBuffer)
    let tables = tables
    tables.forEachPASID(in: context, &bytes) { pasid, domain in
      if !onlyStale || shadow.staleDomains.contains(domain) { shadow.found.append(pasid) }
    }
    swap(&bytes, &tableBuffer)
  }
}

extension GuestTranslation {
  /// What an entry asks of a host; `nil` for a second stage of the guest's own.
  init?(_ entry: VTdPASIDEntry) {
    if entry.type == .passThrough {
      self = .passThrough
    } else if entry.type == .firstStage {
      self = .firstStage(
        VTdFirstStage(
          root: entry.firstStage, addressWidth: entry.firstStageLevels == 5 ? 57 : 48,
          allowsSupervisor: entry.allowsSupervisor,
          setsExtendedAccessed: entry.setsExtendedAccessed,
          protectsWrites: entry.protectsWrites))
    } else {
      return nil
    }
  }
}

extension VTdFaultReason {
  /// Whether an entry is merely absent, as it is before it is used and after.
  var isNotPresent: Bool {
    [
      .legacyRootNotPresent, .legacyContextNotPresent, .rootNotPresent, .contextNotPresent,
      .directoryNotPresent, .pasidEntryNotPresent, .pasidTooLarge,
    ].contains(self)
  }
}
