import PCIe
import Placement
import TestSupport

/// The grades as the task states them, byte by byte and as plainly as possible.
///
/// It shares nothing with the code under test but the lengths of capabilities, which have tests of
/// their own.
struct PlacementOracle {
  /// What one dump of the model says of each byte.
  struct Dump {
    /// A capability owns it, or it is not zero.
    var taken = Array(repeating: false, count: 4096)
    /// It lies below the end of a known body, or behind a capability of unknown length that no other
    /// capability follows before it.
    var doubtful = Array(repeating: false, count: 4096)
    /// Entries of the list that gets the capability.
    var entries: [Capability]

    init(_ config: ConfigSpace, view: ConfigSpace? = nil) {
      let shown = (view ?? config).walkCapabilities().extended
      let physical = view == nil ? [] : config.walkCapabilities().extended
      entries = shown
      // An ID 0 at 0x100 gives way to a capability; a placeholder is nothing that could be hidden.
      let all =
        shown.filter { $0.id != 0 || $0.offset != 0x100 } + physical.filter { $0.id != 0 }
      let hasHead = shown.first.map { $0.id == 0 && $0.offset == 0x100 } ?? false
      for entry in all {
        for byte in entry.offset..<min(4096, entry.offset + Self.known(entry)) {
          taken[byte] = true
        }
      }
      for byte in 0x100..<4096 where config.bytes[byte] != 0 { taken[byte] = true }
      if let view { for byte in 0x100..<4096 where view.bytes[byte] != 0 { taken[byte] = true } }
      let givesWay = hasHead && (view == nil || physical.first?.id == 0)
      if givesWay {
        for byte in 0x100..<0x104 { taken[byte] = false }
      }
      let end = all.map { $0.offset + Self.known($0) }.max() ?? 0
      // Where a view and the device differ about one capability, the device's own is listed last.
      let last = all.indices.max { (all[$0].offset, $0) < (all[$1].offset, $1) }.map { all[$0] }
      let shadow = last.flatMap { $0.size == nil ? $0.offset : nil } ?? 4096
      for byte in 0x100..<4096 { doubtful[byte] = byte < end || byte >= shadow }
    }

    /// The bytes that are an entry's beyond doubt.
    ///
    /// Two deliberate choices: the register that should
    /// state a length is the entry's even if it does not, and so is everything behind an IDE entry
    /// whose blocks run past the end.
    static func known(_ entry: Capability) -> Int {
      if let size = entry.size { return max(size, 4) }
      return [0x0B: 8, 0x15: 12, 0x23: 12, 0x24: 12, 0x36: 8, 0x30: 4096][entry.id] ?? 4
    }
  }

  let isUsable: Bool
  let entries: [Capability]
  let dumps: [Dump]
  let free: [Bool]
  let forbidden: [Bool]

  init(
    _ config: ConfigSpace, view: ConfigSpace? = nil, peers: [ConfigSpace] = [],
    declared: [DeclaredRange] = []
  ) {
    isUsable = Self.isUsable(config) && (view.map { Self.isUsable($0) } ?? true)
    let own = isUsable ? Dump(config, view: view) : nil
    entries = own?.entries ?? []
    let dumps = (own.map { [$0] } ?? []) + peers.filter { Self.isUsable($0) }.map { Dump($0) }
    var free = Array(repeating: false, count: 4096)
    var forbidden = free
    for range in declared {
      // Something stands in one of the range's whole dwords: nothing that it says of others counts.
      let isWrong = stride(from: 0x100, to: 4096, by: 4).contains { dword in
        range.bytes.contains(dword) && range.bytes.contains(dword + 3)
          && dumps.contains { $0.taken[dword..<dword + 4].contains(true) }
      }
      if range.verdict == .free, isWrong { continue }
      for byte in range.bytes {
        if range.verdict == .free { free[byte] = true } else { forbidden[byte] = true }
      }
    }
    self.dumps = dumps
    self.free = free
    self.forbidden = forbidden
  }

  static func isUsable(_ config: ConfigSpace) -> Bool {
    guard config.size == 4096, config.read32(0x100) != .max,
      ReferenceWalk.extended(config.bytes).isIntact
    else { return false }
    // AER's and multicast's lengths rest on the PCI Express capability, which a broken list may hide.
    let legacy = ReferenceWalk.legacy(config.bytes)
    let rests = ReferenceWalk.extended(config.bytes).entries.contains { [1, 0x12].contains($0.id) }
    guard legacy.isIntact || !rests || legacy.entries.contains(where: { $0.id == 0x10 }) else {
      return false
    }
    // No header may lie in another entry's known bytes.
    let entries = config.walkCapabilities().extended
    return !entries.contains { entry in
      entries.contains { $0.offset != entry.offset && $0.knownBytes.contains(entry.offset) }
    }
  }

  func grade(_ offset: Int) -> Grade {
    guard isUsable, offset >= 0x100, offset <= 0xFF8, offset % 4 == 0 else { return .refused }
    let bytes = offset..<offset + 8
    for byte in bytes where forbidden[byte] || dumps.contains(where: { $0.taken[byte] }) {
      return .refused
    }
    // The list has to lead there: a placeholder must be allowed, and 480 entries are all.
    if entries.isEmpty, forbidden[0x100..<0x104].contains(true) { return .refused }
    let replaces = offset == 0x100 && entries.first?.id == 0
    if entries.count >= 480, !replaces { return .refused }
    if bytes.allSatisfy({ free[$0] }) { return .clear }
    let isDoubtful = bytes.contains { byte in dumps.contains { $0.doubtful[byte] } }
    return isDoubtful ? .risky : .likely
  }

  /// Every offset's grade, by dword.
  var grades: [Grade] { (0..<1024).map { grade($0 * 4) } }

  /// The best grade, then 0xff8, then the highest.
  static func choice(_ grades: [Grade]) -> (offset: Int, grade: Grade)? {
    let order: [Grade] = [.clear, .likely, .risky]
    for grade in order {
      if grades[0xFF8 / 4] == grade { return (0xFF8, grade) }
      if let last = grades.lastIndex(of: grade) { return (last * 4, grade) }
    }
    return nil
  }
}
