import Hardware
import PCIe

extension Placer {
  /// Why an offset is misaligned or out of range, if it is.
  func shapeRefusal(of offset: Int) -> InsertionRefusal? {
    let length = PASIDCapability.length
    if offset % 4 != 0 { return .misaligned(offset: offset) }
    guard offset >= 0x100, offset <= ConfigSpace.extendedSize - length else {
      return .outOfRange(offset: offset, length: length)
    }
    return nil
  }

  /// Why the list can take no entry, wherever there are free bytes; empty when it can.
  func whyListRefuses() -> [PlacementReason] {
    var reasons: [PlacementReason] = []
    if let range = limits.forbiddenPlaceholder(among: declared) {
      reasons.append(.placeholderForbidden(range.bytes, source: range.source))
    }
    if limits.isFull {
      reasons.append(.refusal(.listFull(limit: ConfigSpace.extendedLimit)))
    }
    return reasons
  }

  /// What the grade of a usable offset rests on.
  func whyGraded(_ offset: Int, _ grade: Grade) -> PlacementReason {
    let bytes = offset...offset + PASIDCapability.length - 1
    switch grade {
    case .clear:
      // One range may cover both dwords, or each its own: name the one of the header.
      let range = declared.first { $0.verdict == .free && $0.bytes.contains(offset) }
      return .declaredFree(range?.bytes ?? bytes, source: range?.source ?? "")
    case .risky: return whyDoubtful(bytes)
    case .likely, .refused:
      return .behindEverything(offset: offset, dumps: model?.count ?? 1, last: highest)
    }
  }

  private func whyDoubtful(_ bytes: ClosedRange<Int>) -> PlacementReason {
    let before = capability {
      Int($0.offset) < bytes.lowerBound
    } isBetter: {
      $0.offset > $1.offset
    }
    if let before, before.size == nil { return .shadow(offset: bytes.lowerBound, of: before) }
    // An overlong body can also reach past the next header, so look at ends, not at offsets.
    let above = capability {
      $0.knownBytes.upperBound > bytes.lowerBound
    } isBetter: {
      $0.offset < $1.offset
    }
    guard let above else { return .holeElsewhere(offset: bytes.lowerBound) }
    return .hole(offset: bytes.lowerBound, below: above)
  }

  private var highest: SurveyedCapability? {
    capability { _ in
      true
    } isBetter: {
      $0.offset > $1.offset
    }
  }

  /// The best capability, shown or hidden, that fits; the first one among equals.
  private func capability(
    where fits: (SurveyedCapability) -> Bool,
    isBetter: (SurveyedCapability, SurveyedCapability) -> Bool
  ) -> SurveyedCapability? {
    var best: SurveyedCapability?
    // One list after the other, because putting them together would allocate.
    for entry in evidence.entries where !entry.isHeadPlaceholder && fits(entry) {
      if best.map({ isBetter(entry, $0) }) ?? true { best = entry }
    }
    for entry in evidence.hidden where !entry.isHeadPlaceholder && fits(entry) {
      if best.map({ isBetter(entry, $0) }) ?? true { best = entry }
    }
    return best
  }

  /// The nearest bytes on either side that are not zero and that nobody accounts for.
  func nearestStray(to offset: Int) -> Int? {
    let below = evidence.stray.last(through: offset / 4).map { $0 * 4 }
    let above = evidence.stray.first(from: offset / 4).map { $0 * 4 }
    guard let below, let above else { return below ?? above }
    return offset - below <= above - offset ? below : above
  }

  /// Who has the bytes at an offset that is aligned and in range.
  func whyTaken(_ offset: Int) -> [PlacementReason] {
    let bytes = offset...offset + PASIDCapability.length - 1
    var reasons: [PlacementReason] = []
    for entry in evidence.entries
    where !entry.isHeadPlaceholder && entry.knownBytes.overlaps(bytes) {
      reasons.append(.overlaps(offset: offset, entry))
    }
    for entry in evidence.hidden where entry.knownBytes.overlaps(bytes) {
      reasons.append(.overlapsHidden(offset: offset, entry))
    }
    for range in declared where range.verdict == .forbidden && range.bytes.overlaps(bytes) {
      reasons.append(.forbidden(offset: offset, range.bytes, source: range.source))
    }
    if let dword = evidence.stray.first(from: offset / 4), dword * 4 <= bytes.upperBound {
      reasons.append(.nonZero(offset: offset, at: dword * 4))
    }
    if reasons.isEmpty { reasons = whyListRefuses() }
    if reasons.isEmpty {
      reasons.append(.takenElsewhere(offset: offset, dump: model?.owner(of: offset / 4)))
    }
    return reasons
  }

  /// Declarations of free bytes that the evidence contradicts.
  func contradictions() -> [PlacementReason] {
    let taken = (model?.ground ?? own).taken
    return declared.compactMap { range in
      // A dword that only touches the range may be taken because of its other bytes.
      guard range.verdict == .free, let dwords = range.wholeDwords,
        let dword = taken.first(from: dwords.lowerBound), dword <= dwords.upperBound
      else { return nil }
      return .declarationContradicted(range.bytes, at: dword * 4, source: range.source)
    }
  }
}
