public import Hardware

/// Who owns a byte of a config space.
public enum ByteOwner: Hashable, Sendable {
  /// The standard header, 0x00 to 0x3F.
  case header
  /// The header of a capability: its ID, its version and its pointer.
  case capabilityHeader(Capability)
  /// The body of a capability whose length is known.
  case capabilityBody(Capability)
  /// Behind a capability of unknown length: perhaps its body, perhaps nobody's.
  case shadow(Capability)
  /// Nobody that the lists name.
  case unclaimed(zero: Bool)
}

/// A run of bytes with one owner.
public struct LayoutRegion: Hashable, Sendable {
  /// The bytes, first and last inclusive.
  public let bytes: ClosedRange<Int>
  /// Who owns them.
  public let owner: ByteOwner
}

/// Every byte of a config space with its owner.
///
/// The map keeps four bit sets, so that making one allocates nothing; ``regions`` spells it out.
public struct LayoutMap: Hashable, Sendable {
  /// The number of bytes that the map covers.
  public let size: Int
  /// The entries of both lists, as the walk found them.
  public let walk: CapabilityWalk
  /// The standard header, capability headers, and bodies of known length.
  public let claimed: ConfigByteSet
  /// Bytes behind capabilities of unknown length, up to the next capability's header.
  public let shadowed: ConfigByteSet
  /// The bytes that are not zero, whoever owns them.
  public let nonZero: ConfigByteSet

  /// Maps a config space.
  ///
  /// - Parameters:
  ///   - config: The bytes.
  ///   - walk: Its capability lists, when they have been walked already.
  /// - Complexity: One pass over the bytes and one over the lists.
  public init(of config: ConfigSpace, walk: CapabilityWalk? = nil) {
    let walk = walk ?? config.walkCapabilities()
    size = config.size
    self.walk = walk
    nonZero = config.nonZeroBytes
    var claimed = ConfigByteSet()
    var shadowed = ConfigByteSet()
    claimed.insert(0...0x3F)
    for list in [CapabilityList.legacy, .extended] {
      let entries = list == .legacy ? walk.legacy : walk.extended
      var end = min(list.offsets.upperBound, config.size - 1)
      // From the highest entry down, so that each shadow ends where the one above it starts.
      for entry in entries.sortedByOffset.reversed() {
        claimed.insert(entry.knownBytes)
        if entry.size == nil, entry.headerBytes.upperBound < end {
          shadowed.insert(entry.headerBytes.upperBound + 1...end)
        }
        end = entry.offset - 1
      }
    }
    // A partial read may end within a capability.
    if size < ConfigByteSet.capacity { claimed.remove(size...ConfigByteSet.capacity - 1) }
    shadowed.subtract(claimed)
    self.claimed = claimed
    self.shadowed = shadowed
  }

  /// Bytes that no list accounts for and that are not zero: somebody's registers.
  public var stray: ConfigByteSet {
    var result = nonZero
    result.subtract(claimed)
    return result
  }

  /// The dwords of the extended space with a byte in ``stray``.
  public var strayExtendedDwords: DwordSet {
    var result = DwordSet()
    for word in ConfigSpace.extendedStart / 64..<64 {
      result.insertDwords(ofBytes: nonZero[word: word] & ~claimed[word: word], word: word)
    }
    return result
  }
}
