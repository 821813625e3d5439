public import Hardware

/// What a device, or one of its PASIDs, is attached to.
public enum TranslationTable: Sendable {
  /// Nothing: every request is refused, and nothing is recorded.
  case blocked(FaultDialect)
  /// A paging domain of the host.
  case paging(PagingTable)
  /// A guest's VT-d first stage over a paging domain.
  case vtdNested(VTdNestedTable)
  /// Whatever a guest's VT-d entry says, all of it in the guest's memory.
  case vtdGuest(VTdGuestTable)
  /// A guest's SMMUv3 stream over a paging domain.
  case smmuStream(SMMUStreamTable)

  /// What the tables say now, without any effect on them.
  func look(_ iova: IOVA, _ access: DMAAccess, pasid: PASID?) -> WalkResult {
    guard case .smmuStream(let table) = self else { return walk(iova, access, updating: false) }
    return table.look(iova, access, substream: pasid)
  }

  /// Walks anything but a stream, whose context descriptors a unit looks up first.
  @inline(__always)
  func walk(_ iova: IOVA, _ access: DMAAccess, updating: Bool) -> WalkResult {
    switch self {
    case .blocked(let dialect):
      .fault(
        TranslationFault(
          dialect == .vtd ? .vtd(.secondStagePermission) : .smmu(.none, .input),
          in: .configuration, at: iova, handling: dialect == .smmuv3 ? .aborts : []))
    case .paging(let table): table.walk(iova, access, updating: updating)
    case .vtdNested(let table): table.walk(iova, access, updating: updating)
    case .vtdGuest(let table): table.walk(iova, access, updating: updating)
    case .smmuStream: preconditionFailure("streams are translated by way of their descriptors")
    }
  }
}

/// Whose requests are translated, and with what: made once per attachment, used for each request.
public struct TranslationContext: Sendable {
  /// What translates.
  public let table: TranslationTable
  /// The tag of its translations in caches.
  ///
  /// Unique per table object for VT-d and paging domains; for SMMUv3, all streams of one virtual
  /// SMMU share one, as they share a VMID.
  public let tag: UInt32
  /// The PASID of the requests, the substream ID in SMMUv3's words; `nil` without.
  public let pasid: PASID?
  /// SMMUv3's stream, as the caller numbers them: context descriptors are cached by it.
  public let stream: UInt32
  let key: CacheKey
  /// The stream that `table` is, where a request finds it without counting a reference.
  let streamTable: Lent<SMMUStreamTable>?

  /// Describes who makes requests.
  ///
  /// - Parameters:
  ///   - table: What translates.
  ///   - tag: The tag of its translations.
  ///   - pasid: The PASID of the requests.
  ///   - stream: SMMUv3's stream.
  public init(_ table: TranslationTable, tag: UInt32, pasid: PASID? = nil, stream: UInt32 = 0) {
    self.table = table
    self.tag = tag
    self.pasid = pasid
    self.stream = stream
    streamTable = if case .smmuStream(let it) = table { Lent(it) } else { nil }
    // A paging domain translates alike for all PASIDs, so units keep it once.
    if case .vtdNested = table, let pasid {
      key = CacheKey(tag: tag, .pasid, pasid.rawValue)
    } else if case .vtdGuest(let guest) = table, guest.isTaggedByPASID, let pasid {
      key = CacheKey(tag: tag, .asid, pasid.rawValue)
    } else {
      key = CacheKey(tag: tag)
    }
  }
}
