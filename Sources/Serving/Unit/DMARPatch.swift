import HostSystem
import Hardware
import VFIOUser
import VirtualIOMMU

/// Finds the table of ours in a guest's memory, and writes into it where the unit's registers are.
enum DMARPatch {
  enum Outcome: Equatable {
    /// The table at this address says it now.
    case mended(UInt64)
    /// It said it already.
    case wasRight
    /// There is no such table.
    case notFound
  }

  /// The base that tables have before anybody knows better.
  static let placeholder: UInt64 = 0xFED9_0000

  /// Where in the table the first unit's base is.
  private static let basePlace = 48 + 8

  /// Mends the table.
  ///
  /// - Parameters:
  ///   - memory: The guest's memory.
  ///   - base: Where the registers are.
  /// - Returns: What came of it.
  static func mend(in memory: ServedMemory, base: UInt64) -> Outcome {
    var outcome = Outcome.notFound
    // Firmware may keep more than one copy: the one that it was given, and the one that it shows.
    for place in find(in: memory) {
      guard let table = read(place, in: memory.memory) else { continue }
      guard table.span.value(8, at: basePlace) != base else {
        if outcome == .notFound { outcome = .wasRight }
        continue
      }
      if write(base, table, at: place, in: memory.memory) { outcome = .mended(place) }
    }
    return outcome
  }

  /// Addresses of tables of ours, at most eight.
  private static func find(in memory: ServedMemory) -> [UInt64] {
    var found: [UInt64] = []
    // The top of memory first, where firmware puts its tables.
    for part in memory.all.reversed() where part.range.lowerBound < 1 << 32 {
      guard let file = part.file, part.isWritable else { continue }
      let start = part.range.lowerBound
      let end = min(part.range.upperBound, (1 << 32) - 1) + 1
      for data in OccupiedRanges(file.file.descriptor, file.offset..<file.offset + (end - start)) {
        search(
          memory.memory, start + (data.lowerBound - file.offset),
          start + (data.upperBound - file.offset), &found)
        if found.count >= 8 { return found }
      }
    }
    return found
  }

  private static let chunk = 1 << 16

  private static func search(
    _ memory: GuestMemory, _ start: UInt64, _ end: UInt64, _ found: inout [UInt64]
  ) {
    var bytes = [UInt8](repeating: 0, count: chunk)
    var place = start
    while place < end {
      let count = Int(min(UInt64(chunk), end - place))
      var span = bytes.mutableSpan
      var part = span._mutatingExtracting(0..<count)
      guard memory.read(from: GuestPhysicalAddress(place), into: &part) else { return }
      let seen = part.span
      var at = 0
      // Tables stand at multiples of eight at least.
      while at + 4 <= count {
        if seen[at] == 0x44, seen.value(4, at: at) == 0x5241_4D44,
          read(place + UInt64(at), in: memory) != nil
        {
          found.append(place + UInt64(at))
        }
        at += 8
      }
      place += UInt64(count)
    }
  }

  /// The table at an address, if it is one of ours.
  private static func read(_ place: UInt64, in memory: GuestMemory) -> [UInt8]? {
    var head = InlineArray<36, UInt8>(repeating: 0)
    var span = head.mutableSpan
    guard memory.read(from: GuestPhysicalAddress(place), into: &span) else { return nil }
    let count = Int(span.span.value(4, at: 4))
    let origin = DMARTable.Origin()
    guard (72...4096).contains(count), span.span.value(4, at: 0) == 0x5241_4D44,
      origin.oem.utf8.enumerated().allSatisfy({ span.span[10 + $0.offset] == $0.element }),
      origin.table.utf8.enumerated().allSatisfy({ span.span[16 + $0.offset] == $0.element })
    else { return nil }
    var bytes = [UInt8](repeating: 0, count: count)
    var whole = bytes.mutableSpan
    guard memory.read(from: GuestPhysicalAddress(place), into: &whole) else { return nil }
    // A unit's structure comes first, and the sum is right.
    guard bytes.reduce(0, &+) == 0, bytes[48] == 0, bytes[49] == 0 else { return nil }
    return bytes
  }

  private static func write(
    _ base: UInt64, _ table: [UInt8], at place: UInt64, in memory: GuestMemory
  ) -> Bool {
    var bytes = table
    var span = bytes.mutableSpan
    span.store(base, 8, at: basePlace)
    bytes[9] = 0
    bytes[9] = 0 &- bytes.reduce(0, &+)
    return memory.write(to: GuestPhysicalAddress(place), from: bytes.span)
  }
}
