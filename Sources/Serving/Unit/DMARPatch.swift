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
  ///   - patience: How long is looked at most.
  /// - Returns: What came of it.
  static func mend(
    in memory: ServedMemory, base: UInt64, patience: Duration = Self.patience
  ) -> Outcome {
    var outcome = Outcome.notFound
    // Firmware may keep more than one copy: the one that it was given, and the one that it shows.
    for place in find(in: memory, patience) {
      guard let table = read(place, in: memory.memory) else { continue }
      guard table.span.value(8, at: basePlace) != base else {
        if outcome == .notFound { outcome = .wasRight }
        continue
      }
      if write(base, table, at: place, in: memory.memory) { outcome = .mended(place) }
    }
    return outcome
  }

  /// Addresses of tables of ours, at most eight: the highest, and copies close below it.
  ///
  /// Firmware puts its tables at the end of memory.
  private static func find(in memory: ServedMemory, _ patience: Duration) -> [UInt64] {
    var found: [UInt64] = []
    var budget = limit
    let deadline = ContinuousClock.now + patience
    for part in memory.all.reversed() where part.range.lowerBound < 1 << 32 {
      guard let file = part.file, part.isWritable else { continue }
      let start = part.range.lowerBound
      var end = min(part.range.upperBound, (1 << 32) - 1) + 1
      while end > start {
        if let first = found.first, end + reach < first { return found }
        guard budget >= window else { return found }
        budget -= window
        let low = end - start > window ? end - window : start
        let bytes = file.offset + (low - start)..<file.offset + (end - start)
        for data in OccupiedRanges(file.file.descriptor, bytes) {
          search(
            memory.memory, start + (data.lowerBound - file.offset),
            start + (data.upperBound - file.offset), until: deadline, &found)
          if found.count >= 8 || ContinuousClock.now > deadline { return found }
        }
        end = low
      }
    }
    return found
  }

  private static let window: UInt64 = 1 << 20
  /// How much memory is looked at, from the top.
  private static let limit: UInt64 = 256 << 20
  /// How far below the highest table copies are looked for.
  private static let reach: UInt64 = 4 << 20
  /// How long is looked: whoever accessed config space waits meanwhile, and a guest may fill its memory with
  /// what looks like tables.
  static let patience: Duration = .milliseconds(500)
  private static let chunk: UInt64 = 1 << 16

  private static func search(
    _ memory: GuestMemory, _ start: UInt64, _ end: UInt64, until deadline: ContinuousClock.Instant,
    _ found: inout [UInt64]
  ) {
    // Three more bytes, as a signature may begin at a chunk's last byte: tables are not aligned.
    var bytes = [UInt8](repeating: 0, count: Int(chunk) + 3)
    var place = start
    while place < end, ContinuousClock.now < deadline {
      let count = Int(min(chunk, end - place))
      var span = bytes.mutableSpan
      var whole = span._mutatingExtracting(0..<count + 3)
      if !memory.read(from: GuestPhysicalAddress(place), into: &whole) {
        // Nothing follows the last bytes.
        var part = span._mutatingExtracting(0..<count)
        guard memory.read(from: GuestPhysicalAddress(place), into: &part) else { return }
        for index in count..<count + 3 { span[index] = 0 }
      }
      let seen = bytes.span
      for at in 0..<count where seen[at] == 0x44 {
        let address = place + UInt64(at)
        guard seen.value(4, at: at) == 0x5241_4D44, !found.contains(address),
          read(address, in: memory) != nil
        else { continue }
        found.append(address)
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
