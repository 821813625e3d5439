/// Invalidations on their way to the backends: one call an attachment.
extension VTdModel {
  /// Hands everything that waits to the backends.
  mutating func flushBatches() {
    if shadow.forgetsAll || !shadow.forgottenDomains.isEmpty { flushDomains() }
    guard !shadow.withPending.isEmpty else { return }
    for place in shadow.withPending.indices {
      let index = Int(shadow.withPending[place])
      var at = shadow.attachments[index].firstPending
      // One that was detached meanwhile has nothing left.
      guard at >= 0 else { continue }
      shadow.attachments[index].firstPending = -1
      shadow.batch.removeAll(keepingCapacity: true)
      while at >= 0 {
        let entry = shadow.pending[Int(at)]
        shadow.batch.append(entry.range)
        at = entry.next
      }
      invalidate(index)
    }
    shadow.withPending.removeAll(keepingCapacity: true)
    shadow.pending.removeAll(keepingCapacity: true)
  }

  /// Whole domains: each first stage of them once, and everything of it.
  private mutating func flushDomains() {
    if shadow.flushedDomains.count >= VTdShadow.looks { shadow.forgetsAll = true }
    for index in shadow.attachments.indices {
      let attachment = shadow.attachments[index]
      guard attachment.device >= 0, case .firstStage = attachment.translation else { continue }
      guard shadow.forgetsAll || shadow.forgottenDomains.contains(attachment.key.domain) else {
        continue
      }
      shadow.attachments[index].firstPending = -1
      shadow.batch.removeAll(keepingCapacity: true)
      shadow.batch.append(.everything)
      invalidate(index)
    }
    if shadow.forgetsAll { shadow.hasFlushedAll = true }
    shadow.flushedDomains.formUnion(shadow.forgottenDomains)
    shadow.forgetsAll = false
    shadow.forgottenDomains.removeAll(keepingCapacity: true)
  }

  /// Calls the backend with the batch; one that refuses loses the translation, so that nothing that
  /// the guest has taken away can be reached.
  private mutating func invalidate(_ index: Int) {
    let (device, pasid) = (Int(shadow.attachments[index].device), shadow.attachments[index].pasid)
    guard let backend = shadow.backends[device] else { return }
    do {
      try backend.invalidate(shadow.batch.span, of: pasid)
    } catch {
      log.append(
        .invalidationRefused(device: shadow.devices[device]?.name ?? "", pasid: pasid, error))
      backend.removeTranslation(of: pasid)
      shadow.detach(device, pasid)
    }
  }
}
