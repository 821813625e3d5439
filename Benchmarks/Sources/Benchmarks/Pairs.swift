/// Two sides measured in turn, A B A B, so that what slows the machine down slows both.
struct Pairs {
  /// The medians, in the unit that the sides return.
  let a: Double
  let b: Double

  /// How many times as long as A B takes.
  var ratio: Double { b / a }

  /// Measures both sides; one pair before that is not counted.
  ///
  /// - Parameters:
  ///   - count: The number of pairs.
  ///   - first: Runs side A and returns what it took.
  ///   - second: Runs side B.
  init(_ count: Int, _ first: () -> Double, _ second: () -> Double) {
    var (a, b): ([Double], [Double]) = ([], [])
    if count > 1 { _ = (first(), second()) }
    for _ in 0..<count {
      a.append(first())
      b.append(second())
    }
    self.a = a.median
    self.b = b.median
  }
}

/// What a call takes, in seconds.
func seconds(_ body: () -> Void) -> Double { ContinuousClock().measure(body) / .seconds(1) }

extension [Double] {
  /// The middle one, or the upper one of the middle two.
  var median: Double { sorted()[count / 2] }
}
