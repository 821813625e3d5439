import Hardware
import PCIe

/// A config space, and a capability that is to go into it: length and offset come last.
enum WalkInsertEntry {
  static func run(_ bytes: [UInt8]) {
    var feed = ByteFeed(bytes)
    let config = ConfigRecipe.config(&feed)
    let map = LayoutMap(of: config)
    WalkCheck(config, map.walk).run()
    checkRegions(of: map, config)
    let body = (0..<Int(feed.byte() & 0x3F)).map { UInt32($0) << 16 | 0x1404 }
    let pasid = PASIDCapability(width: 20, execute: true, privileged: true).extendedCapability
    let id = feed.integer(UInt16.self)
    let new = id == 0 ? pasid : NewExtendedCapability(id: id, version: 1, body: body)
    InsertionCheck(config, map).run(new, at: Int(feed.integer(Int16.self)))
    // Some places that the last byte chooses: all of them would make an input slow.
    for offset in stride(from: 0x100 + 4 * Int(feed.byte()), to: 0x1000, by: 0x1C0) {
      InsertionCheck(config, map).run(pasid, at: offset)
    }
    InsertionCheck(config, map).run(pasid, at: 0xFF8)
  }

  /// The regions cover every byte once, and say the same as the sets.
  private static func checkRegions(of map: LayoutMap, _ config: ConfigSpace) {
    require(map.size == config.size, "the map has another size")
    var next = 0
    for region in map.regions {
      require(region.bytes.lowerBound == next, "a gap or an overlap at \(next)")
      next = region.bytes.upperBound + 1
      for byte in region.bytes {
        require(map.nonZero.contains(byte) == (config.read8(byte) != 0), "zero or not at \(byte)")
        switch region.owner {
        case .header, .capabilityHeader, .capabilityBody:
          require(map.claimed.contains(byte), "owned and not claimed at \(byte)")
        case .shadow:
          require(!map.claimed.contains(byte), "in a shadow and claimed at \(byte)")
          require(map.shadowed.contains(byte), "in no shadow at \(byte)")
        case .unclaimed(let zero):
          require(!map.claimed.contains(byte), "nobody's and claimed at \(byte)")
          require(!map.shadowed.contains(byte), "nobody's and in a shadow at \(byte)")
          require(zero == (config.read8(byte) == 0), "zero or not at \(byte)")
        }
      }
    }
    require(next == config.size, "the regions end at \(next)")
  }
}
