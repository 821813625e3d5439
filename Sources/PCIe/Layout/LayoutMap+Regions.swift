import Hardware

extension LayoutMap {
  /// The owner of each byte, in order of offset.
  ///
  /// Where claims overlap, a capability's header wins over a body, a body over a shadow, and among
  /// equals the entry with the higher offset.
  public var owners: [ByteOwner] {
    var result: [ByteOwner] = (0..<size).map { .unclaimed(zero: !nonZero.contains($0)) }
    paint(0...0x3F, .header, into: &result)
    for list in [CapabilityList.legacy, .extended] {
      let entries = (list == .legacy ? walk.legacy : walk.extended).sortedByOffset
      for (index, entry) in entries.enumerated() where entry.size == nil {
        let isLast = index + 1 == entries.count
        let end = isLast ? list.offsets.upperBound : entries[index + 1].offset - 1
        if entry.offset <= end { paint(entry.offset...end, .shadow(entry), into: &result) }
      }
      for entry in entries {
        paint(entry.knownBytes, .capabilityBody(entry), into: &result)
      }
      for entry in entries {
        paint(entry.headerBytes, .capabilityHeader(entry), into: &result)
      }
    }
    return result
  }

  /// All bytes as runs with one owner, in order of offset, without gap or overlap.
  public var regions: [LayoutRegion] {
    var result: [LayoutRegion] = []
    let owners = owners
    var start = 0
    for end in owners.indices where end + 1 == owners.count || owners[end + 1] != owners[start] {
      result.append(LayoutRegion(bytes: start...end, owner: owners[start]))
      start = end + 1
    }
    return result
  }

  /// The runs that nobody owns, zero or not, in order of offset.
  public var unclaimed: [(bytes: ClosedRange<Int>, zero: Bool)] {
    var free = ConfigByteSet()
    free.insert(0...size - 1)
    free.subtract(claimed)
    free.subtract(shadowed)
    var result: [(bytes: ClosedRange<Int>, zero: Bool)] = []
    var position = 0
    while let start = free.first(from: position) {
      let zero = !nonZero.contains(start)
      let change =
        zero ? nonZero.first(from: start) ?? size : nonZero.firstAbsent(from: start)
      position = min(free.firstAbsent(from: start), change)
      result.append((start...position - 1, zero))
    }
    return result
  }

  private func paint(_ bytes: ClosedRange<Int>, _ owner: ByteOwner, into owners: inout [ByteOwner])
  {
    for offset in bytes.clamped(to: 0...size - 1) where bytes.contains(offset) {
      owners[offset] = owner
    }
  }
}
