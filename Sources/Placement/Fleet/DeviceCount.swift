/// Counts of devices, which come from files and are added up by the million.
package enum DeviceCount {
  /// The largest count, which every JSON reader can represent; sums stop there.
  package static let limit = 1 << 53 - 1

  /// The sum of two counts; stopping at the limit, it does not depend on the order of adding.
  package static func sum(_ a: Int, _ b: Int) -> Int {
    min(min(a, limit) + min(b, limit), limit)
  }
}
