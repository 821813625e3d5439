import Hardware

extension ConfigSpace {
  /// Entries that Linux follows in the extended list: 3,840 bytes of at least 8 each.
  package static let extendedLimit = 480

  /// Follows the list from 0x100 on, PCI Express Base Specification 7.6.
  func walkExtended(into walk: inout CapabilityWalk) {
    guard size == Self.extendedSize else {
      // 256 bytes of a function that is neither PCI Express nor PCI-X are all it has.
      let isComplete =
        size == 256 && walk.port.portType == nil && walk.isIntact(.legacy)
        && walk.first(Capability.pciXID, in: .legacy) == nil
      walk.extendedSpace = isComplete ? .absent : .notRead(size: size)
      return
    }
    let first = read32(Self.extendedStart)
    guard first != .max else { return }
    guard first != 0 else {
      walk.extendedSpace = .empty
      return
    }
    guard !isAliased else {
      walk.problems.append(.aliased)
      return
    }
    walk.extendedSpace = .list
    walk.extended.reserveCapacity(24)
    follow(into: &walk)
    walk.noteOverlaps(in: .extended)
  }

  private func follow(into walk: inout CapabilityWalk) {
    var visited = DwordSet()
    var pointer = Self.extendedStart
    var offset = Self.extendedStart
    while true {
      guard !visited.contains(offset / 4) else {
        walk.problems.append(.loop(.extended, at: pointer, to: offset))
        return
      }
      guard walk.extended.count < Self.extendedLimit else {
        walk.problems.append(.tooLong(.extended, limit: Self.extendedLimit, at: offset))
        return
      }
      visited.insert(offset / 4)
      let header = read32(offset)
      guard header != 0 else {
        walk.problems.append(.zeroHeader(.extended, at: pointer, header: offset))
        return
      }
      guard header != .max else {
        walk.problems.append(.onesHeader(.extended, at: pointer, header: offset))
        return
      }
      let raw = Int(header >> 20)
      let next = raw & 0xFFC
      walk.extended.append(extendedEntry(at: offset, header: header, next: next, into: &walk))
      if raw & 3 != 0 {
        walk.problems.append(.unaligned(.extended, at: offset, value: raw))
      }
      if next == 0 { return }
      guard next >= Self.extendedStart else {
        walk.problems.append(.outOfRange(.extended, at: offset, value: next))
        return
      }
      pointer = offset
      offset = next
    }
  }

  private func extendedEntry(
    at offset: Int, header: UInt32, next: Int, into walk: inout CapabilityWalk
  ) -> Capability {
    let id = UInt16(header & 0xFFFF)
    let version = UInt8(header >> 16 & 0xF)
    let rule = CapabilityCatalogue.kind(id, in: .extended)?.length ?? .unknown
    let length = rule.extendedLength(at: offset, version: version, in: self, port: walk.port)
    if length == nil, let stated = rule.statedLength(read32(offset + 4)) {
      walk.problems.append(.badLength(.extended, at: offset, value: stated))
    }
    return walk.bounded(
      Capability(
        list: .extended, id: id, version: version, offset: offset, next: next, size: length))
  }

  /// Whether every 256-byte block starts like the first: some bridges drop the upper address bits.
  private var isAliased: Bool {
    let first = read32(0)
    for block in 1..<16 where read32(block * 256) != first { return false }
    return true
  }
}

extension LengthRule {
  /// What a length field says, for the kinds that have one.
  fileprivate func statedLength(_ second: UInt32) -> Int? {
    switch self {
    case .vendorField: Int(second >> 20)
    case .blockLocator: Int(second & 0xFFF)
    default: nil
    }
  }
}

extension CapabilityWalk {
  // A length that runs past the end came from registers that cannot be believed.
  /// The entry with its length, or without it when that runs past its part of config space.
  mutating func bounded(_ capability: Capability) -> Capability {
    guard let size = capability.size,
      capability.offset + size - 1 > capability.list.offsets.upperBound
    else { return capability }
    problems.append(.pastEnd(capability, size: size))
    return Capability(
      list: capability.list, id: capability.id, version: capability.version,
      offset: capability.offset, next: capability.next, size: nil)
  }

  /// Reports entries that claim bytes of an earlier one.
  mutating func noteOverlaps(in list: CapabilityList) {
    let entries = (list == .legacy ? legacy : extended).sortedByOffset
    guard var widest = entries.first else { return }
    for entry in entries.dropFirst() {
      if entry.offset <= widest.knownBytes.upperBound {
        problems.append(.overlap(first: widest, second: entry))
      }
      if entry.knownBytes.upperBound > widest.knownBytes.upperBound { widest = entry }
    }
  }
}

extension [Capability] {
  // Lists nearly always are in this order already.
  /// The entries in order of offset.
  var sortedByOffset: [Capability] {
    var index = 1
    while index < count, self[index - 1].offset < self[index].offset { index += 1 }
    return index >= count ? self : sorted { $0.offset < $1.offset }
  }
}
