import Hardware

/// The dwords to write so that a capability stands at an offset and the list leads to it.
public struct CapabilityInsertion: Hashable, Sendable {
  /// The offset of the new capability.
  public let offset: Int
  /// The new capability's dwords, header first.
  public let capability: [ConfigPatch]
  /// The header that leads to it; `nil` when the new capability itself stands at 0x100.
  ///
  /// Its predecessor's with a new pointer, or a placeholder at 0x100 in a list that was empty.
  public let link: ConfigPatch?

  /// All dwords that change, the link first.
  public var patches: [ConfigPatch] { (link.map { [$0] } ?? []) + capability }
}

extension LayoutMap {
  /// Finds what to write so that `new` stands at `offset`.
  ///
  /// The new entry follows, in the list, the entry with the greatest offset below its own, so a list
  /// that ascends still does; any other order is kept. A list that starts with a placeholder
  /// (ID 0) at 0x100 gives that place to a capability that goes there; an empty list gets a
  /// placeholder when the capability goes elsewhere, as software starts at 0x100 (7.6.2).
  ///
  /// - Parameters:
  ///   - new: The capability.
  ///   - offset: Where its header is to stand.
  ///   - config: The bytes that this map was made of.
  /// - Returns: The dwords to write. Every other byte stays as it is.
  /// - Throws: ``InsertionRefusal`` when the capability cannot stand there.
  public func inserting(
    _ new: NewExtendedCapability, at offset: Int, in config: ConfigSpace
  ) throws(InsertionRefusal) -> CapabilityInsertion {
    guard offset % 4 == 0 else { throw .misaligned(offset: offset) }
    guard offset >= 0x100, offset <= ConfigSpace.extendedSize - new.length else {
      throw .outOfRange(offset: offset, length: new.length)
    }
    let problems = walk.problems
    if let problem = problems.first(where: { $0 == .absent || $0 == .aliased }) {
      throw .chainBroken(problem)
    }
    let head: UInt32
    switch walk.extendedSpace {
    case .notRead(let size): throw .notRead(size: size)
    case .absent: throw .noExtendedSpace
    case .empty, .list: head = config.read32(ConfigSpace.extendedStart)
    }
    if let problem = problems.first(where: { $0.breaksChain && $0.list == .extended }) {
      throw .chainBroken(problem)
    }
    let first = ExtendedHeader(rawValue: head)
    let replacesHead = offset == ConfigSpace.extendedStart && first.id == 0
    guard replacesHead || walk.extended.count < ConfigSpace.extendedLimit else {
      throw .listFull(limit: ConfigSpace.extendedLimit)
    }
    // A placeholder's own four bytes are free for what takes its place.
    try requireFree(
      (replacesHead ? offset + 4 : offset)..<offset + new.length, for: new, at: offset)
    let insertion =
      replacesHead
      ? place(new, at: offset, next: first.next, link: nil)
      : place(new, at: offset, in: config)
    try requireSameLengths(after: insertion, of: new, in: config)
    return insertion
  }

  /// Checks that no entry claims the bytes and that all of them are zero.
  private func requireFree(
    _ bytes: Range<Int>, for new: NewExtendedCapability, at offset: Int
  ) throws(InsertionRefusal) {
    // Nothing is left to check for a bare header in a placeholder's place.
    guard let end = bytes.last else { return }
    if claimed.intersects(bytes.lowerBound...end),
      let owner = walk.extended.first(where: { $0.knownBytes.overlaps(bytes) })
    {
      throw .overlaps(offset: offset, length: new.length, owner)
    }
    if let used = nonZero.first(from: bytes.lowerBound), used <= end {
      throw .occupied(offset: offset, firstNonZero: used)
    }
  }

  /// Checks that every entry keeps its length, or stays one of unknown length.
  ///
  /// What lies behind an entry of unknown length may be read as its registers; if new bytes there make
  /// it state a length, they are its registers. And where entries overlap, the pointer that is to lead
  /// to the capability may be a register of another entry.
  private func requireSameLengths(
    after insertion: CapabilityInsertion, of new: NewExtendedCapability, in config: ConfigSpace
  ) throws(InsertionRefusal) {
    let link = insertion.link?.offset
    let isAffected = { (entry: Capability) in
      entry.size == nil || link.map { $0 != entry.offset && entry.knownBytes.contains($0) } ?? false
    }
    guard walk.extended.contains(where: isAffected) else { return }
    let after = config.applying(insertion.patches)
    for entry in walk.extended where isAffected(entry) {
      let stated = entry.kind?.length.extendedLength(
        at: entry.offset, version: entry.version, in: after, port: walk.port)
      let length = stated.flatMap { entry.offset + $0 <= ConfigSpace.extendedSize ? $0 : nil }
      guard length != entry.size else { continue }
      if let link, entry.size != nil { throw .linkOverlaps(link: link, entry) }
      throw .overlaps(offset: insertion.offset, length: new.length, entry)
    }
  }

  /// Links the capability behind the nearest entry below it.
  private func place(
    _ new: NewExtendedCapability, at offset: Int, in config: ConfigSpace
  ) -> CapabilityInsertion {
    // An empty list has no entry at all: its zero dword at 0x100 becomes a placeholder.
    let before = walk.extended.filter { $0.offset < offset }.max { $0.offset < $1.offset }
    let at = before?.offset ?? ConfigSpace.extendedStart
    var header = ExtendedHeader(rawValue: config.read32(at))
    let next = header.next
    header.next = offset
    return place(
      new, at: offset, next: next, link: ConfigPatch(offset: at, value: header.rawValue))
  }

  private func place(
    _ new: NewExtendedCapability, at offset: Int, next: Int, link: ConfigPatch?
  ) -> CapabilityInsertion {
    let header = ExtendedHeader(id: new.id, version: new.version, next: next)
    let dwords = [header.rawValue] + new.body
    return CapabilityInsertion(
      offset: offset,
      capability: dwords.enumerated().map {
        ConfigPatch(offset: offset + 4 * $0.offset, value: $0.element)
      },
      link: link)
  }
}

extension ConfigSpace {
  /// A copy with some dwords replaced.
  ///
  /// - Parameter patches: The dwords; one that lies outside the space is ignored.
  /// - Returns: The changed space.
  public func applying(_ patches: [ConfigPatch]) -> ConfigSpace {
    var builder = ConfigSpaceBuilder(self)
    for patch in patches where (0...size - 4).contains(patch.offset) {
      builder.put32(patch.value, at: patch.offset)
    }
    return builder.config
  }
}
