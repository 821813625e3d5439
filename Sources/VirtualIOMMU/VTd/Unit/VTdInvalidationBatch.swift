public import Hardware

/// What a guest told a unit to forget, for whoever keeps a log of it.
///
/// A guest can send any number: the first ones are kept as they came, and all of them are counted.
public struct VTdInvalidationBatch: Hashable, Sendable {
  /// What one descriptor of the queue, or one command of a register, asked for.
  public enum Entry: Hashable, Sendable {
    /// Something that the unit's own caches forget.
    case unit(VTdCacheInvalidation)
    /// Something that the device TLB of a source forgets.
    case deviceTLB(FirstStageInvalidation, PASID?, isGlobal: Bool, source: UInt16)
  }

  /// How many are kept.
  public static let capacity = 16

  /// The first ones, in order.
  public private(set) var first: [Entry]
  /// How many there were.
  public private(set) var count: Int
  /// The pages of all that named a range for the unit's own caches.
  public private(set) var pageCount: UInt64
  /// The wait descriptors among them.
  public private(set) var waitCount: Int

  /// Makes an empty batch.
  public init() { (first, count, pageCount, waitCount) = ([], 0, 0, 0) }

  /// Takes one more.
  ///
  /// - Parameter entry: What it asked for.
  public mutating func append(_ entry: Entry) {
    if first.count < Self.capacity { first.append(entry) }
    count &+= 1
    if let range = entry.range, range != .everything, case .unit = entry {
      let (sum, overflow) = pageCount.addingReportingOverflow(range.pageCount)
      pageCount = overflow ? .max : sum
    }
  }

  /// Takes one wait descriptor more.
  public mutating func appendWait() { waitCount &+= 1 }
}

extension VTdInvalidationBatch.Entry {
  /// The pages that are named; `nil` for what is no page.
  public var range: FirstStageInvalidation? {
    switch self {
    case .unit(.pages(let range, _)), .unit(.pasidPages(let range, _, _)): range
    case .unit(.translations), .unit(.allTranslations): .everything
    case .deviceTLB(let range, _, _, _): range
    case .unit: nil
    }
  }
}

/// The batch that waits for whoever keeps a log.
extension VTdModel {
  /// Notes a command of the queue.
  @inline(never)
  mutating func keep(_ command: VTdCommand) {
    switch command {
    case .forget(let what): kept.append(.unit(what))
    case .deviceTLB(let range, let pasid, let isGlobal, let source):
      kept.append(.deviceTLB(range, pasid, isGlobal: isGlobal, source: source))
    case .wait: kept.appendWait()
    case .respond: break
    }
  }

  /// What was noted, which is then forgotten; `nil` when that is nothing to tell of.
  mutating func takeKept() -> VTdInvalidationBatch? {
    defer { kept = VTdInvalidationBatch() }
    return kept.count > 0 ? kept : nil
  }
}
