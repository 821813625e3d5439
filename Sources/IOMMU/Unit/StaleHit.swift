public import Hardware
import Synchronization

/// A cached translation that was used although the tables say something else by now.
///
/// Between a change of a table and its invalidation that is nothing wrong, as long as nobody relies
/// on the change yet. If the invalidation never comes, it is the fault of whoever changed the table.
public struct StaleHit: Hashable, Sendable {
  /// The tag.
  public let tag: UInt32
  /// The PASID.
  public let pasid: PASID?
  /// The address that was asked for.
  public let iova: IOVA
  /// What the cache held, and the request used.
  public let cached: Translation
  /// What the tables say now.
  public let now: TranslationResult
}

extension StaleHit: CustomStringConvertible {
  /// What was used and what should have been, in words.
  public var description: String {
    let who = pasid.map { "PASID \($0.rawValue)" } ?? "no PASID"
    let wanted =
      switch now {
      case .success(let translation): "lead to \(translation.address.address.hex)"
      case .fault(let fault):
        switch fault.reason {
        case .vtd(let reason): "give fault \(reason.rawValue.hex)"
        case .smmu(let event, _): "give event \(event.rawValue.hex)"
        }
      }
    return
      "\(who), \(iova.rawValue.hex): a cached translation to \(cached.address.address.hex) was "
      + "used, and the tables \(wanted): they were changed and not invalidated"
  }
}

/// The first stale hits, and how many there were.
struct StaleHits: Sendable {
  static let limit = 256
  private(set) var first: [StaleHit] = []
  private(set) var count = 0

  mutating func note(_ hit: StaleHit) {
    count += 1
    if first.count < Self.limit { first.append(hit) }
  }
}
