import PCIe
import VirtualIOMMU

/// ATS and page requests: shown only when they work from the device to the guest's driver.
extension SynthesisPlan {
  func atsDecision() -> SynthesisDecision.Feature {
    guard walk.hasSeparateEntries else { return withheld(.listNotTrusted) }
    guard let entry = entry(TranslationServices.atsID) else { return withheld(.notThere) }
    switch facts.host {
    case .absent(let reason): return withheld(.noHostIOMMU(reason))
    case .present(_, _, let supportsATS, let nests):
      guard let guest = facts.guest else { return withheld(.noGuestIOMMU) }
      guard guest.supportsATS else { return withheld(.guestUnitLacks) }
      guard supportsATS else { return withheld(.hostHasNoATS) }
      guard nests else { return withheld(.notNested) }
      return .init(offset: entry.offset, reasons: [.endToEnd])
    }
  }

  func pageRequestDecision(hasATS: Bool, wantsPASID: Bool) -> SynthesisDecision.Feature {
    guard walk.hasSeparateEntries else { return withheld(.listNotTrusted) }
    guard let entry = entry(TranslationServices.priID) else { return withheld(.notThere) }
    if case .absent(let reason) = facts.host { return withheld(.noHostIOMMU(reason)) }
    guard let guest = facts.guest else { return withheld(.noGuestIOMMU) }
    guard guest.supportsPageRequests else { return withheld(.guestUnitLacks) }
    guard hasATS else { return withheld(.needsATS) }
    // VFIO shows the host's own enable bit here.
    let control = UInt32(facts.view.read16(entry.offset + TranslationServices.priControl))
    guard control & TranslationServices.priEnable != 0 else { return withheld(.hostDisabledPRI) }
    let status = UInt32(facts.view.read16(entry.offset + TranslationServices.priStatus))
    guard !wantsPASID || status & TranslationServices.priResponsesNamePASIDs != 0 else {
      return withheld(.responsesWithoutPASID)
    }
    return .init(offset: entry.offset, reasons: [.endToEnd])
  }

  /// An entry that lies within config space as a whole.
  private func entry(_ id: UInt16) -> Capability? {
    guard let entry = walk.first(id, in: .extended),
      entry.size.map({ entry.offset + $0 <= facts.view.size }) ?? false
    else { return nil }
    return entry
  }

  private func withheld(_ reason: SynthesisReason) -> SynthesisDecision.Feature {
    .init(offset: nil, reasons: [reason])
  }
}

extension CapabilityWalk {
  /// Whether the extended list can be followed, and no two entries of it share a byte.
  var hasSeparateEntries: Bool {
    isIntact(.extended)
      && !problems.contains { problem in
        if case .overlap(let first, _) = problem { return first.list == .extended }
        return false
      }
  }
}
