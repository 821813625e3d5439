public import Hardware
public import IOMMUClient

/// Why the memory that devices reach is not as it was asked for; it then is as it was before.
public enum GuestMemoryError: Error, Hashable, Sendable {
  /// A range is empty, not made of whole pages, or runs over the end.
  case badRange(start: GuestPhysicalAddress, byteCount: UInt64)
  /// The region overlaps another one.
  case overlaps(ClosedRange<GuestPhysicalAddress>, ClosedRange<GuestPhysicalAddress>)
  /// There is no such region; they are taken away as they were given.
  case noRegion(ClosedRange<GuestPhysicalAddress>)
  /// The host refused.
  case host(ClosedRange<GuestPhysicalAddress>, IOMMUError)
}

extension GuestMemoryError: CustomStringConvertible {
  /// The error in words, with what can be done.
  public var description: String {
    switch self {
    case .badRange(let start, let byteCount):
      "\(byteCount) bytes at guest address \(start.rawValue.hex) are no region: both must be "
        + "multiples of 4096, and the end must lie below 2^64"
    case .overlaps(let new, let old):
      "\(Self.text(new)) overlaps \(Self.text(old)), which is mapped: unmap that region first"
    case .noRegion(let range):
      "\(Self.text(range)) is no region that was mapped: regions go as they came"
    case .host(let range, let error): "guest memory \(Self.text(range)): \(error)"
    }
  }

  private static func text(_ range: ClosedRange<GuestPhysicalAddress>) -> String {
    "\(range.lowerBound.rawValue.hex)-\(range.upperBound.rawValue.hex)"
  }
}
