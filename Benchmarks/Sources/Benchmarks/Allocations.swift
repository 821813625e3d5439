import Counting

/// Counts what is allocated.
enum Allocations {
  /// Whether they can be counted here.
  static var areCounted: Bool { counting_works() != 0 }

  /// The calls of malloc, calloc and realloc that `body` makes.
  static func count(_ body: () -> Void) -> Int {
    let before = counting_allocations()
    body()
    return Int(counting_allocations() - before)
  }
}
