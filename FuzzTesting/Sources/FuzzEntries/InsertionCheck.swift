import Hardware
import PCIe

/// Inserts a capability: it is refused for a reason, or becomes one more entry and nothing else
/// changes.
struct InsertionCheck {
  private let config: ConfigSpace
  private let map: LayoutMap

  init(_ config: ConfigSpace, _ map: LayoutMap) {
    self.config = config
    self.map = map
  }

  /// Inserts at one offset.
  ///
  /// - Returns: Why it was refused, or `nil` when it was accepted.
  @discardableResult
  func run(_ new: NewExtendedCapability, at offset: Int) -> InsertionRefusal? {
    let insertion: CapabilityInsertion
    do throws(InsertionRefusal) {
      insertion = try map.inserting(new, at: offset, in: config)
    } catch {
      require(!"\(error)".isEmpty, "refused without words")
      return error
    }
    let after = config.applying(insertion.patches)
    checkBytes(insertion, after, new)
    checkList(after, new, at: offset)
    return nil
  }

  /// Only zero bytes and one pointer field change.
  private func checkBytes(
    _ insertion: CapabilityInsertion, _ after: ConfigSpace, _ new: NewExtendedCapability
  ) {
    let place = insertion.offset..<insertion.offset + new.length
    // A placeholder at 0x100 gives its header away.
    let head = place.contains(0x100) ? 0x100..<0x104 : 0..<0
    for byte in 0..<config.size where config.read8(byte) != after.read8(byte) {
      if place.contains(byte) {
        require(config.read8(byte) == 0 || head.contains(byte), "written over at \(byte)")
        continue
      }
      let link = insertion.link.map { $0.offset..<$0.offset + 4 } ?? 0..<0
      require(link.contains(byte), "the byte at \(byte) changed")
      let isNewPlaceholder = map.walk.extended.isEmpty && link.lowerBound == 0x100
      require(isNewPlaceholder || byte >= link.lowerBound + 2, "an ID changed at \(byte)")
    }
    for entry in map.walk.extended where !(entry.offset == 0x100 && entry.isPlaceholder) {
      require(!entry.knownBytes.overlaps(place), "it overlaps \(entry)")
    }
    for (index, value) in new.body.enumerated() {
      require(after.read32(insertion.offset + 4 + 4 * index) == value, "another body")
    }
  }

  /// The list is the old one and the new entry; placeholders come and go at 0x100 alone.
  private func checkList(_ after: ConfigSpace, _ new: NewExtendedCapability, at offset: Int) {
    let walk = after.walkCapabilities()
    require(walk.isIntact(.extended), "the list is broken: \(walk.problems)")
    require(walk.legacy == map.walk.legacy, "the legacy list changed")
    let isHead = { (entry: Capability) in entry.offset == 0x100 && entry.isPlaceholder }
    let rest = walk.extended.filter { $0.offset != offset && !isHead($0) }
    let before = map.walk.extended.filter { !isHead($0) }
    require(rest.map(Row.init) == before.map(Row.init), "another list: \(walk.extended)")
    let found = walk.extended.first { $0.offset == offset }
    require(found?.id == new.id && found?.version == new.version, "it is not there")
    require(walk.extended.count <= 480, "too many entries")
  }

  /// An entry without its pointer.
  private struct Row: Equatable {
    let id: UInt16
    let version: UInt8
    let offset: Int
    let size: Int?

    init(_ entry: Capability) {
      (id, version, offset, size) = (entry.id, entry.version, entry.offset, entry.size)
    }
  }
}
