import Hardware

/// Where an own walk of a guest's tables ends.
enum WalkTarget: BitwiseCopyable {
  /// At memory: the page of ours.
  case memory
  /// At the guest physical address, whatever is there; what ATS answers.
  case physical
}

/// The guest's memory below a first stage that is not nested.
struct GuestMemoryStage: SecondStage {
  let memory: PagingTable
  let target: WalkTarget

  @inline(__always)
  func find(
    _ address: UInt64, for purpose: SecondStagePurpose, _ request: WalkRequest
  ) -> StageAnswer {
    if purpose == .page {
      guard address >> 20 != 0xFEE else {
        return .refused(.vtd(.interruptRange), at: address, in: .first, isCurable: false)
      }
      if target == .physical { return .page(StagePage(address & ~0xFFF | 3, at: address)) }
    }
    let leaf = memory.isTooWide(address) ? 0 : memory.leaf(address)
    let needed =
      purpose == .page ? PagingTable.needed(request.access) : PagingEntry.read
    guard leaf != 0, needed & ~leaf == 0 else {
      return .refused(Self.reason(purpose), at: address, in: .first, isCurable: false)
    }
    return .page(StagePage(leaf, at: address))
  }

  /// No memory: a table cannot be read, and a page is translated all the same.
  @inline(never)
  static func reason(_ purpose: SecondStagePurpose) -> FaultReason {
    switch purpose {
    case .topTable: .vtd(.firstStageTopFetch)
    case .lowerTable: .vtd(.firstStageEntryFetch)
    case .update: .vtd(.updateFailed)
    case .page: .vtd(.none)
    }
  }

  @inline(__always)
  func refusesUpdate(
    of page: StagePage, at address: UInt64, _ request: WalkRequest
  ) -> FaultReason? {
    page.entry & PagingEntry.write == 0 ? .vtd(.updateFailed) : nil
  }

  @inline(__always)
  func noteUpdate(of page: StagePage) {
    _ = memory.rights(noting: page.entry, at: page.address, isWrite: true, updating: true)
  }

  @inline(__always)
  func finish(
    _ page: StagePage, rights: UInt64, shift: UInt64, _ request: WalkRequest
  ) -> TranslationWord {
    var outer = page.rights
    if target == .memory {
      outer = memory.rights(
        noting: page.entry, at: page.address, isWrite: request.access.contains(.write),
        updating: request.isUpdating)
    }
    let all = outer | (outer & 1) << 2
    return TranslationWord(
      host: page.entry, rights: (all | all << 3) & rights, pageShift: Int(shift))
  }
}

/// A guest's second stage, and its memory below that.
struct GuestSecondStage: SecondStage {
  let memory: PagingTable
  let target: WalkTarget
  let second: VTdSecondStage

  @inline(__always)
  func find(
    _ address: UInt64, for purpose: SecondStagePurpose, _ request: WalkRequest
  ) -> StageAnswer {
    let needed = purpose == .page ? UInt64(request.access.rawValue & 7) : PagingEntry.read
    switch second.walk(address, needed: needed, updating: request.isUpdating, memory) {
    case .refused(let refusal):
      return .refused(
        reason(refusal, for: purpose, request), at: address, in: .second,
        isCurable: refusal.isCurable)
    case .page(let physical, let rights, let shift):
      let below = GuestMemoryStage(memory: memory, target: target)
      let answer = below.find(physical, for: purpose, request)
      guard case .page(let page) = answer else { return answer }
      return .page(StagePage(page, rights: rights, shift: shift))
    }
  }

  @inline(never)
  private func reason(
    _ refusal: SecondStageRefusal, for purpose: SecondStagePurpose, _ request: WalkRequest
  ) -> FaultReason {
    switch refusal {
    case .tooWide: VTdFirstStageFormat.reason(.tooWide, for: purpose)
    case .absent: VTdFirstStageFormat.reason(.absent, for: purpose)
    case .denied: VTdFirstStageFormat.reason(.denied, for: purpose)
    default: .vtd(second.reason(refusal, isWrite: request.access.contains(.write)))
    }
  }

  /// A write through the second stage, which sets its dirty bit too.
  @inline(never)
  func refusesUpdate(
    of page: StagePage, at address: UInt64, _ request: WalkRequest
  ) -> FaultReason? {
    switch second.walk(address, needed: 3, updating: true, memory) {
    case .refused(let refusal): reason(refusal, for: .update, request)
    case .page(let physical, _, _):
      // The guest may have changed the second stage since the page was found.
      physical != page.address || page.entry & PagingEntry.write == 0
        ? .vtd(.updateFailed) : nil
    }
  }

  @inline(__always)
  func noteUpdate(of page: StagePage) {
    _ = memory.rights(noting: page.entry, at: page.address, isWrite: true, updating: true)
  }

  @inline(__always)
  func finish(
    _ page: StagePage, rights: UInt64, shift: UInt64, _ request: WalkRequest
  ) -> TranslationWord {
    var outer = page.entry & 3
    if target == .memory {
      outer = memory.rights(
        noting: page.entry, at: page.address, isWrite: request.access.contains(.write),
        updating: request.isUpdating)
    }
    outer = (outer | (outer & 1) << 2) & page.rights
    return TranslationWord(
      host: page.entry, rights: (outer | outer << 3) & rights,
      pageShift: Int(min(shift, page.shift)))
  }
}
