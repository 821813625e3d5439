import Hardware

/// Evidence with a hash that is the same in every process, by which shapes are ordered.
public struct KeyedEvidence: Hashable, Sendable {
  /// The evidence.
  public let evidence: PlacementEvidence
  /// The hash.
  let digest: UInt64

  /// Computes the hash of evidence.
  ///
  /// - Parameter evidence: The evidence.
  public init(_ evidence: PlacementEvidence) {
    self.evidence = evidence
    digest = evidence.digest
  }

  /// Whether both say the same.
  public static func == (a: KeyedEvidence, b: KeyedEvidence) -> Bool {
    a.digest == b.digest && a.evidence == b.evidence
  }

  /// Feeds the hash to the hasher.
  public func hash(into hasher: inout Hasher) { hasher.combine(digest) }
}

extension PlacementEvidence {
  /// FNV-1a over all that the evidence says.
  fileprivate var digest: UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    func mix(_ value: UInt64) {
      for shift in stride(from: 0, to: 64, by: 8) {
        hash = (hash ^ value >> UInt64(shift) & 0xFF) &* 0x100_0000_01B3
      }
    }
    mix(UInt64(model.vendorID) << 32 | UInt64(model.deviceID) << 16 | UInt64(model.revision))
    mix(isExpress ? 1 : 0)
    for byte in "\(space)".utf8 { mix(UInt64(byte)) }
    for list in [entries, hidden] {
      mix(UInt64(list.count))
      for entry in list {
        mix(
          UInt64(entry.offset) << 48 | UInt64(entry.id) << 32 | UInt64(entry.version) << 16
            | UInt64(entry.size ?? 0))
      }
    }
    for word in 0..<16 { mix(stray[word: word]) }
    return hash
  }
}
