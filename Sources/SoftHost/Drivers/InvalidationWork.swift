/// How much a guest's array of invalidations has cost.
///
/// An array has up to 2^19 entries, and each may have the whole cache looked through while the host
/// waits. Beyond a bound, dropping all that the tables have cached is what remains: guests may not
/// rely on an entry to stay.
struct InvalidationWork {
  /// The most pages that are looked for one by one.
  private static let limit: UInt64 = 1 << 16
  /// What a range costs at most: all of the cache is looked through then.
  private static let most: UInt64 = 1 << 12

  private var pageCount: UInt64 = 0
  /// Whether a range was left out, so that everything must go when the array ends.
  private(set) var isTooMuch = false

  /// Counts a range, and tells whether its pages are to be looked for.
  mutating func begin(_ pages: UInt64) -> Bool {
    pageCount &+= min(pages, Self.most)
    if pageCount > Self.limit { isTooMuch = true }
    return !isTooMuch
  }
}
