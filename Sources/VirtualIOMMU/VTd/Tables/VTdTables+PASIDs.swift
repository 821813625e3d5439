public import Hardware

/// All PASIDs of a requester at once.
extension VTdTables {
  /// Calls a body with each PASID whose entry is present, ascending, and the entry's domain.
  ///
  /// Nothing else of the entries is looked at. Directory and tables are read a page at a time: at most
  /// 16,384 tables, whatever the guest wrote.
  ///
  /// - Parameters:
  ///   - context: The requester's context entry.
  ///   - buffer: Where pages are read to, of at least 4,096 bytes.
  ///   - body: Takes a PASID and its domain.
  public func forEachPASID(
    in context: VTdContextEntry, _ buffer: inout [UInt8], _ body: (PASID, UInt16) -> Void
  ) {
    let width = min(context.pasidWidth, features.pasidWidth)
    let count = 1 << max(0, width - 6)
    for first in stride(from: 0, to: count, by: 512) {
      let part = min(512, count - first)
      let place = GuestPhysicalAddress(context.directory.rawValue &+ UInt64(first) &* 8)
      guard read(part * 8, at: place, into: &buffer) else { continue }
      // The entries of this page, since the buffer is needed for their tables.
      var present: [(Int, GuestPhysicalAddress)] = []
      for index in 0..<part {
        let entry = VTdPASIDDirectoryEntry(rawValue: buffer.span.little(at: index * 8) ?? 0)
        if entry.isPresent { present.append((first + index, entry.table)) }
      }
      for (index, table) in present where read(4096, at: table, into: &buffer) {
        for low in 0..<64 {
          let word: UInt64 = buffer.span.little(at: low * 64) ?? 0
          guard word & 1 != 0, let pasid = PASID(rawValue: UInt32(index << 6 | low)),
            pasid.rawValue >> UInt32(width) == 0
          else { continue }
          body(pasid, buffer.span.little(at: low * 64 + 8) ?? 0)
        }
      }
    }
  }

  private func read(
    _ count: Int, at place: GuestPhysicalAddress, into buffer: inout [UInt8]
  ) -> Bool {
    var target = buffer.mutableSpan
    var part = target._mutatingExtracting(0..<count)
    return memory.read(from: place, into: &part)
  }
}
