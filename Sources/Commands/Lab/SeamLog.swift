import Synchronization

/// What crosses the seams of the house, as those who stand in them have seen it.
final class SeamLog: Sendable {
  private let seen = Mutex<[LabCrossing]>([])

  /// Notes something that crossed a seam.
  ///
  /// - Parameters:
  ///   - seam: Which seam.
  ///   - name: What crossed it.
  ///   - error: What came back instead of an answer.
  func note(_ seam: LabCrossing.Seam, _ name: String, error: String? = nil) {
    seen.withLock { crossings in
      let known = crossings.firstIndex {
        $0.seam == seam && $0.name == name && $0.error == error
      }
      if let known {
        crossings[known].count += 1
      } else {
        crossings.append(LabCrossing(seam: seam, name: name, count: 1, error: error))
      }
    }
  }

  /// Takes what has crossed since the last time, each name where it came first.
  func take() -> [LabCrossing] {
    seen.withLock { crossings in
      defer { crossings = [] }
      return crossings
    }
  }
}
