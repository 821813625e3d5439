import Hardware
import Placement

/// Counts survey lines that say what an earlier one did, because devices of a fleet mostly show the
/// same.
///
/// A line that this program wrote is cut at fixed places, and its `survey` object looked up byte for
/// byte; only objects that are new, or lines that are laid out otherwise, are parsed. The memory has
/// a bound, and forgetting costs time only: what was counted is handed out before.
struct SurveyLineCache {
  /// Devices that were counted.
  struct Counted {
    let key: KeyedEvidence
    let count: Int
    let names: [String]
  }

  /// What is looked at for every line, so it is kept small.
  private struct Entry {
    let body: [UInt8]
    var count = 0
    var names = CutNames()

    /// Counts a line if it has the same object, and says so.
    mutating func count(_ cut: SurveyLineCut, in line: Span<UInt8>) -> Bool {
      guard body.span.hasSameBytes(as: line.extracting(cut.bodyStart..<line.count)) else {
        return false
      }
      count += 1
      names.add(cut, in: line)
      return true
    }
  }

  private static let byteLimit = 8 << 20
  private static let slotCount = 1 << 14

  private var entries: [Entry] = []
  /// What the object of each entry means.
  private var keys: [KeyedEvidence] = []
  private var size = 0
  /// The entry of an object by the hash of all of it.
  private var indices: [UInt64: Int] = [:]
  /// The entry that was met last among those that share a slot, or -1: a guess that mostly is right
  /// and saves the long hash.
  private var guesses = Array(repeating: Int32(-1), count: Self.slotCount)

  /// Counts a cut line if its object was remembered.
  ///
  /// - Returns: Whether it was.
  mutating func count(_ cut: SurveyLineCut, in line: Span<UInt8>) -> Bool {
    let slot = Int(truncatingIfNeeded: cut.quickHash(of: line)) & (Self.slotCount - 1)
    let guess = Int(guesses[slot])
    if guess >= 0, entries[guess].count(cut, in: line) { return true }
    guard let index = indices[cut.hash(of: line)], entries[index].count(cut, in: line) else {
      return false
    }
    guesses[slot] = Int32(index)
    return true
  }

  /// Remembers what the object of a cut line means, when the line is just as this program writes it;
  /// the line itself is not counted.
  ///
  /// In any other line, keys behind the object could say more about its devices.
  ///
  /// - Returns: What was counted of objects that are forgotten to make room.
  mutating func remember(
    _ key: KeyedEvidence, of parsed: SurveyLine, _ cut: SurveyLineCut, in line: Span<UInt8>
  ) -> [Counted] {
    guard cut.isAsWritten(parsed, in: line) else { return [] }
    let body = line.extracting(cut.bodyStart..<line.count)
    var forgotten: [Counted] = []
    if size + body.count > Self.byteLimit { forgotten = forgetAll() }
    // Of two objects with the same hash, the later one is found from now on.
    indices[cut.hash(of: line)] = entries.count
    entries.append(Entry(body: Array(copying: body)))
    keys.append(key)
    size += body.count
    return forgotten
  }

  /// Forgets everything and returns what was counted.
  mutating func forgetAll() -> [Counted] {
    defer {
      entries = []
      keys = []
      size = 0
      indices = [:]
      guesses = Array(repeating: -1, count: Self.slotCount)
    }
    return entries.indices.filter { entries[$0].count > 0 }.map { index in
      Counted(
        key: keys[index], count: entries[index].count, names: entries[index].names.names)
    }
  }
}

/// The first few names of devices on cut lines; a string is made only of a name that is kept.
struct CutNames {
  private var kept = MemberNames()
  /// The last name that is kept, once no more can be kept without dropping one.
  private var limit: [UInt8] = []
  /// Its first eight bytes, the first one highest: names that start with more come behind it.
  private var head = UInt64.max

  /// The names, sorted.
  var names: [String] { kept.names }

  /// Keeps the name of a line when it belongs to the first ones.
  mutating func add(_ cut: SurveyLineCut, in line: Span<UInt8>) {
    guard cut.head(in: line) <= head else { return }
    guard limit.isEmpty || cut.name(in: line, precedes: limit) else { return }
    kept.add(cut.name(in: line))
    guard kept.names.count == MemberNames.limit, let last = kept.names.last else { return }
    limit = Array(last.utf8)
    head = limit.count < 8 ? .max : limit.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }
}
