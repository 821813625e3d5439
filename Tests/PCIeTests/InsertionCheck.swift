import Hardware
import PCIe
import TestSupport
import Testing

/// Inserts into one config space at many offsets and checks every result against an oracle of its
/// own and the reference walk.
struct InsertionCheck {
  let config: ConfigSpace
  private let map: LayoutMap
  private let old: (entries: [ReferenceEntry], isIntact: Bool)
  /// Whether the byte is zero and no entry is known to own it.
  private let free: [Bool]
  private let used: [Bool]
  private var bytes: [UInt8]
  private let head: UInt32
  /// How many insertions were accepted.
  private(set) var accepted = 0

  init(_ config: ConfigSpace) {
    self.config = config
    map = LayoutMap(of: config)
    old = ReferenceWalk.extended(config.bytes)
    used = config.bytes.map { $0 != 0 }
    var free = used.map { !$0 }
    for entry in map.walk.extended {
      for offset in entry.offset..<min(entry.offset + Self.least(of: entry), free.count) {
        free[offset] = false
      }
    }
    self.free = free
    bytes = config.bytes
    head = config.size > 0x100 ? config.read32(0x100) : .max
  }

  /// The bytes that are an entry's beyond doubt: those of a register that should state its length
  /// are, even if it does not.
  private static func least(of entry: Capability) -> Int {
    if let size = entry.size { return max(size, 4) }
    return [0x0B: 8, 0x15: 12, 0x23: 12, 0x24: 12, 0x36: 8][entry.id] ?? 4
  }

  /// A capability of a length, with registers that are not zero.
  static func capability(length: Int) -> NewExtendedCapability {
    let id: UInt16 = [8: 0x1B, 16: 0x13, 64: 0x10][length] ?? 0x14
    let body = (0..<length / 4 - 1).map { UInt32($0) << 24 | 0x1404 }
    return NewExtendedCapability(id: id, version: 1, body: body)
  }

  /// Whether the specification and the bytes allow it; `nil` when only the walk can say.
  private func allows(length: Int, at offset: Int) -> Bool? {
    guard offset & 3 == 0, offset >= 0x100, offset <= 4096 - length else { return false }
    guard config.size == 4096, head != .max, old.isIntact else { return false }
    let replaces = offset == 0x100 && head & 0xFFFF == 0
    guard replaces || old.entries.count < 480 else { return false }
    var byte = replaces ? offset + 4 : offset
    while byte < offset + length {
      guard free[byte] else { return false }
      byte += 1
    }
    // IDE of unknown length has blocks in places that depend on what stands before them.
    return map.walk.extended.contains { $0.id == 0x30 && $0.size == nil } ? nil : true
  }

  /// Inserts at one offset.
  ///
  /// - Parameters:
  ///   - new: The capability.
  ///   - offset: Where.
  ///   - thorough: Whether to compare the project's own walk, lengths included, as well.
  /// - Returns: What it would write, or `nil` when it was refused.
  @discardableResult
  mutating func insert(
    _ new: NewExtendedCapability, at offset: Int, thorough: Bool = false
  ) -> CapabilityInsertion? {
    let allowed = allows(length: new.length, at: offset)
    let insertion: CapabilityInsertion
    do throws(InsertionRefusal) {
      insertion = try map.inserting(new, at: offset, in: config)
    } catch {
      // Whether a pointer is also a register of another entry, only the walk can say.
      var isForTheWalk = false
      if case .linkOverlaps = error { isForTheWalk = true }
      if allowed == true, !isForTheWalk { fail(offset, "refused: \(error)") }
      check(error, length: new.length, at: offset)
      return nil
    }
    accepted += 1
    if allowed == false { fail(offset, "accepted") }
    checkPatches(insertion, of: new, at: offset)
    for patch in insertion.patches { put(patch.value, at: patch.offset) }
    let after = ReferenceWalk.extended(bytes)
    if !after.isIntact { fail(offset, "the list is broken") }
    checkEntries(after.entries, of: new, at: offset)
    if thorough { checkWalk(insertion, of: new, at: offset) }
    for patch in insertion.patches { put(config.read32(patch.offset), at: patch.offset) }
    return insertion
  }

  /// Only the new capability's dwords change, and one pointer field.
  private func checkPatches(
    _ insertion: CapabilityInsertion, of new: NewExtendedCapability, at offset: Int
  ) {
    let dwords = insertion.capability
    var isRight = insertion.offset == offset && dwords.count == new.length / 4
    for (index, patch) in dwords.enumerated() {
      isRight = isRight && patch.offset == offset + 4 * index
      isRight = isRight && (index == 0 || patch.value == new.body[index - 1])
    }
    isRight = isRight && dwords.first.map { $0.value & 0xFFFFF } == UInt32(new.id) | 1 << 16
    if let link = insertion.link {
      isRight = isRight && link.value & 0xFFFFF == config.read32(link.offset) & 0xFFFFF
      isRight = isRight && Int(link.value >> 20) == offset && link.offset < offset
      isRight = isRight && insertion.patches == [link] + dwords
    } else {
      isRight = isRight && offset == 0x100 && insertion.patches == dwords
    }
    if !isRight { fail(offset, "writes \(insertion.patches)") }
  }

  /// The old entries in the old order, plus the new one; placeholders come and go at 0x100 alone.
  private func checkEntries(
    _ entries: [ReferenceEntry], of new: NewExtendedCapability, at offset: Int
  ) {
    let added = ReferenceEntry(id: Int(new.id), version: Int(new.version), offset: offset)
    var others = old.entries
    if offset == 0x100 {
      if let first = others.first, first.id == 0 { others.removeFirst() }
    } else if others.isEmpty {
      others = [ReferenceEntry(id: 0, version: 0, offset: 0x100)]
    }
    var rest = entries
    guard let place = entries.firstIndex(of: added) else { return fail(offset, "it is not there") }
    rest.remove(at: place)
    if rest != others { fail(offset, "the list becomes \(entries)") }
    // A list that ascends goes on doing so.
    let ascended = zip(others, others.dropFirst()).allSatisfy { $0.offset < $1.offset }
    if ascended, !zip(entries, entries.dropFirst()).allSatisfy({ $0.offset < $1.offset }) {
      fail(offset, "the list ascends no longer")
    }
  }

  /// The same with the project's walk, which knows lengths, and its way of applying patches.
  private func checkWalk(
    _ insertion: CapabilityInsertion, of new: NewExtendedCapability, at offset: Int
  ) {
    let applied = config.applying(insertion.patches)
    if applied.bytes != bytes { fail(offset, "applying it changes other bytes") }
    let walk = applied.walkCapabilities()
    let rest = walk.extended.filter { $0.offset != offset && ($0.id != 0 || $0.offset != 0x100) }
    let before = map.walk.extended.filter { $0.id != 0 || $0.offset != 0x100 }
    if rest.map(\.reference) != before.map(\.reference) || rest.map(\.size) != before.map(\.size) {
      fail(offset, "the walk finds \(walk.extended)")
    }
    if walk.legacy != map.walk.legacy || !walk.isIntact(.extended) {
      fail(offset, "problems: \(walk.problems)")
    }
  }

  /// The reason given is one that applies.
  private func check(_ refusal: InsertionRefusal, length: Int, at offset: Int) {
    let applies =
      switch refusal {
      case .misaligned(let told): told == offset && offset % 4 != 0
      case .outOfRange(let told, let size):
        told == offset && size == length && (offset < 0x100 || offset > 4096 - length)
      case .notRead(let size): size == config.size && size < 4096
      case .noExtendedSpace: head == .max
      case .chainBroken: !old.isIntact
      case .listFull: old.entries.count == 480
      case .overlaps(let told, let size, let entry):
        told == offset && size == length && map.walk.extended.contains(entry)
      case .linkOverlaps(let link, let entry):
        link != entry.offset && entry.knownBytes.contains(link) && entry.size != nil
          && map.walk.extended.contains(entry) && map.walk.extended.contains { $0.offset == link }
      case .occupied(let told, let first):
        told == offset && (offset..<offset + length).contains(first) && used[first]
      }
    if !applies || refusal.description.isEmpty { fail(offset, "refused for \(refusal)") }
  }

  private mutating func put(_ value: UInt32, at offset: Int) {
    bytes[offset] = UInt8(value & 0xFF)
    bytes[offset + 1] = UInt8(value >> 8 & 0xFF)
    bytes[offset + 2] = UInt8(value >> 16 & 0xFF)
    bytes[offset + 3] = UInt8(value >> 24)
  }

  private func fail(_ offset: Int, _ what: String) {
    Issue.record("at \(offset.hex): \(what)")
  }
}
