/// How long a driver waits for its engine.
///
/// A device may be slow: a software one waits for a processor that others use, too. So it is time
/// that ends the wait, not a number of looks.
enum EnginePatience {
  /// After this an answer is not expected any more.
  static let limit: Duration = .seconds(60)

  /// Looks until something holds, at most for ``limit``.
  ///
  /// - Parameter holds: Whether it does; asked at least once.
  /// - Returns: Whether it came to hold.
  static func until(_ holds: () throws -> Bool) rethrows -> Bool {
    let clock = ContinuousClock()
    let end = clock.now + limit
    repeat {
      // The clock costs more than a look does.
      for _ in 0..<64 where try holds() { return true }
    } while clock.now < end
    return false
  }
}
