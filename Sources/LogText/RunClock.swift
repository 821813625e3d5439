/// Time since the start of a run.
package struct RunClock: Sendable {
  private let start = ContinuousClock.now

  /// Starts now.
  package init() {}

  /// Nanoseconds.
  package var nanoseconds: UInt64 {
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    return UInt64(seconds) &* 1_000_000_000 &+ UInt64(attoseconds) / 1_000_000_000
  }
}
