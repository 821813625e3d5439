import Hardware

/// The walk of a guest's first-stage table, each step of it through a second stage.
///
/// It takes one step a level, so any tables end it. A guest may change entries at any time: each is
/// read once and judged by that value; setting its bits fails if it has changed, and it is then read
/// again, a bounded number of times.
enum NestedWalk<Format: FirstStageFormat, Stage: SecondStage> {
  @inline(__always)
  static func run(
    _ request: WalkRequest, from start: WalkStart, _ parameters: Format.Parameters,
    through stage: Stage
  ) -> WalkResult {
    var inherited = Format.initial
    var table = start.table
    var shift = start.shift
    var bits = start.topBits
    let input = request.iova.rawValue
    while true {
      let place = table &+ (input >> shift & ((1 << bits) &- 1)) << 3
      let isTop = shift == start.shift
      // The table's page, for reading.
      let page: StagePage
      switch stage.find(place, for: isTop ? .topTable : .lowerTable, request) {
      case .page(let found): page = found
      case .refused(let reason, let address, let part, let isCurable):
        return refuse(reason, part, isCurable, request, address)
      }
      let host = page.entry & TranslationWord.hostMask | place & 0xFF8
      guard var entry = TableWord.load(host, stage.memory) else {
        return .fault(TranslationFault(Format.fetchReason, in: .first, at: request.iova))
      }
      var attempt = 0
      while true {
        let before = inherited
        let meaning = Format.meaning(
          of: entry, shift: shift, request: request, parameters, inherited: &inherited)
        let (address, replacement): (UInt64, UInt64)
        var rights: UInt64?
        switch meaning {
        case .refused(let reason, let isCurable):
          return .fault(
            TranslationFault(reason, in: .first, at: request.iova, isCurable: isCurable))
        case .table(let next, let new): (address, replacement) = (next, new)
        case .leaf(let base, let granted, let new):
          (address, replacement) = (base, new)
          rights = granted
        }
        if replacement != entry && request.isUpdating {
          if let reason = stage.refusesUpdate(of: page, at: place, request) {
            return refuse(reason, .second, false, request, place)
          }
          guard let isReplaced = TableWord.compareExchange(host, entry, replacement, stage.memory),
            attempt < TableWord.attempts
          else {
            return .fault(TranslationFault(Format.updateReason, in: .first, at: request.iova))
          }
          guard isReplaced else {
            guard let again = TableWord.load(host, stage.memory) else {
              return .fault(TranslationFault(Format.fetchReason, in: .first, at: request.iova))
            }
            (entry, inherited, attempt) = (again, before, attempt + 1)
            continue
          }
          // The table's page was written.
          stage.noteUpdate(of: page)
        }
        if let rights {
          return finish(request, address, rights, shift, through: stage)
        }
        table = address
        break
      }
      // A format that hands out a table below its last level would be a bug; the walk ends anyway.
      guard shift > start.pageShift else {
        return .fault(TranslationFault(Format.fetchReason, in: .first, at: request.iova))
      }
      bits = start.bits
      shift &-= start.bits
    }
  }

  /// The page itself through stage 2.
  @inline(__always)
  private static func finish(
    _ request: WalkRequest, _ base: UInt64, _ rights: UInt64, _ shift: UInt64,
    through stage: Stage
  ) -> WalkResult {
    let address = base | request.iova.rawValue & ((1 << shift) &- 1)
    switch stage.find(address, for: .page, request) {
    case .page(let page):
      return .mapped(stage.finish(page, rights: rights, shift: shift, request))
    case .refused(let reason, let refused, let part, let isCurable):
      return refuse(reason, part, isCurable, request, refused)
    }
  }

  @inline(never)
  private static func refuse(
    _ reason: FaultReason, _ stage: TranslationFault.Stage, _ isCurable: Bool,
    _ request: WalkRequest, _ address: UInt64
  ) -> WalkResult {
    .fault(
      TranslationFault(
        reason, in: stage, at: request.iova, intermediate: GuestPhysicalAddress(address),
        isCurable: isCurable))
  }
}

/// Words of guest tables at host addresses.
enum TableWord {
  /// How often an entry is read again because it changed before its bits could be set.
  static var attempts: Int { 64 }

  @inline(__always)
  static func load(_ host: UInt64, _ memory: PagingTable) -> UInt64? {
    guard host >> 52 == 0 else { return memory.foreign?.load(at: HostAddress(rawValue: host)) }
    return HostMemory.load(host)
  }

  @inline(__always)
  static func compareExchange(
    _ host: UInt64, _ expected: UInt64, _ desired: UInt64, _ memory: PagingTable
  ) -> Bool? {
    guard host >> 52 == 0 else {
      return memory.foreign?.compareExchange(at: HostAddress(rawValue: host), expected, desired)
    }
    return HostMemory.compareExchange(host, expected, desired)
  }
}
