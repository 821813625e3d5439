import Hardware

/// The walk of a guest's first-stage table, each step of it through a paging table.
///
/// It takes one step a level, so any tables end it. A guest may change entries at any time: each is
/// read once and judged by that value; setting its bits fails if it has changed, and it is then read
/// again, a bounded number of times.
enum NestedWalk<Format: FirstStageFormat> {
  /// How often an entry is read again because it changed before its bits could be set.
  private static var attempts: Int { 64 }

  @inline(__always)
  static func run(
    _ request: WalkRequest, from start: WalkStart, _ parameters: Format.Parameters,
    through parent: PagingTable
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
      guard !parent.isTooWide(place) else {
        return refuse(.tooWide, isTop ? .topTable : .lowerTable, request, place)
      }
      let leaf = parent.leaf(place)
      guard leaf & PagingEntry.read != 0 else {
        return refuse(
          leaf == 0 ? .absent : .denied, isTop ? .topTable : .lowerTable, request, place)
      }
      let host = leaf & TranslationWord.hostMask | place & 0xFF8
      guard var entry = load(host, parent) else {
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
          guard leaf & PagingEntry.write != 0 else {
            return refuse(.denied, .update, request, place)
          }
          guard let isReplaced = compareExchange(host, entry, replacement, parent),
            attempt < attempts
          else {
            return .fault(TranslationFault(Format.updateReason, in: .first, at: request.iova))
          }
          guard isReplaced else {
            guard let again = load(host, parent) else {
              return .fault(TranslationFault(Format.fetchReason, in: .first, at: request.iova))
            }
            (entry, inherited, attempt) = (again, before, attempt + 1)
            continue
          }
          // The table's page was written.
          _ = parent.rights(noting: leaf, at: place, isWrite: true, updating: true)
        }
        if let rights {
          return finish(request, address, rights, shift, through: parent)
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
    through parent: PagingTable
  ) -> WalkResult {
    let address = base | request.iova.rawValue & ((1 << shift) &- 1)
    guard !parent.isTooWide(address) else { return refuse(.tooWide, .page, request, address) }
    let leaf = parent.leaf(address)
    let needed = PagingTable.needed(request.access)
    guard needed & ~leaf == 0, leaf != 0 else {
      return refuse(leaf == 0 ? .absent : .denied, .page, request, address)
    }
    let outer = parent.rights(
      noting: leaf, at: address, isWrite: request.access.contains(.write),
      updating: request.isUpdating)
    let all = outer | (outer & 1) << 2
    // Every page of stage 2 has 4 KiB, so that is the smaller of both.
    return .mapped(TranslationWord(host: leaf, rights: (all | all << 3) & rights, pageShift: 12))
  }

  @inline(__always)
  private static func load(_ host: UInt64, _ parent: PagingTable) -> UInt64? {
    guard host >> 52 == 0 else { return parent.foreign?.load(at: HostAddress(rawValue: host)) }
    return HostMemory.load(host)
  }

  @inline(__always)
  private static func compareExchange(
    _ host: UInt64, _ expected: UInt64, _ desired: UInt64, _ parent: PagingTable
  ) -> Bool? {
    guard host >> 52 == 0 else {
      return parent.foreign?.compareExchange(at: HostAddress(rawValue: host), expected, desired)
    }
    return HostMemory.compareExchange(host, expected, desired)
  }

  @inline(never)
  private static func refuse(
    _ cause: SecondStageCause, _ purpose: SecondStagePurpose, _ request: WalkRequest,
    _ address: UInt64
  ) -> WalkResult {
    .fault(
      TranslationFault(
        Format.reason(cause, for: purpose), in: .second, at: request.iova,
        intermediate: GuestPhysicalAddress(address)))
  }
}
