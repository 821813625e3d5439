/// What a data streaming accelerator has: its capability registers follow from it.
public struct DSAOptions: Hashable, Sendable {
  /// Work queues, 1 to 8.
  public var workQueues = 8
  /// Engines, 1 to 8.
  public var engines = 4
  /// Entries of all work queues together, 1 to 1,024.
  public var entries = 128
  /// The largest transfer as a power of two, 12 to 31.
  public var maxTransferShift = 31
  /// The largest batch as a power of two, 1 to 10; 0 takes the Batch operation away.
  public var maxBatchShift = 10
  /// Bits of a PASID, 1 to 20; 0 takes the PASID capability away.
  public var pasidBits = 20
  /// Whether descriptors may block on page faults.
  public var blocksOnFault = true

  /// The accelerator of Sapphire Rapids.
  public init() {}

  /// The first option that is out of its range, in words; `nil` when all can be.
  public var problem: String? {
    let ranges: [(String, Int, ClosedRange<Int>)] = [
      ("work queues", workQueues, 1...8), ("engines", engines, 1...8),
      ("entries", entries, 1...1024),
      ("largest transfer as a power of two", maxTransferShift, 12...31),
      ("largest batch as a power of two", maxBatchShift, 0...10),
      ("PASID bits", pasidBits, 0...20),
    ]
    for (name, value, range) in ranges where !range.contains(value) {
      return "\(name): \(value) is not within \(range.lowerBound) to \(range.upperBound)"
    }
    return nil
  }
}
