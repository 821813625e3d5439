import Hardware
import PCIe

/// What holds of a walk, whatever the bytes are.
struct WalkCheck {
  private let config: ConfigSpace
  private let walk: CapabilityWalk

  init(_ config: ConfigSpace, _ walk: CapabilityWalk) {
    self.config = config
    self.walk = walk
  }

  func run() {
    require(walk == config.walkCapabilities(), "the same bytes give another walk")
    require(walk.legacy.count <= 48 && walk.extended.count <= 480, "too many entries")
    require(
      walk.isIntact == (walk.isIntact(.legacy) && walk.isIntact(.extended)), "whole or broken")
    for problem in walk.problems { require("\(problem)".contains("0x"), "it names no offset") }
    check(walk.legacy, in: .legacy)
    check(walk.extended, in: .extended)
    checkLinks()
  }

  private func check(_ entries: [Capability], in list: CapabilityList) {
    require(Set(entries.map(\.offset)).count == entries.count, "an offset is visited twice")
    for (index, entry) in entries.enumerated() {
      let isFine =
        entry.list == list && list.offsets.contains(entry.offset) && entry.offset % 4 == 0
        && entry.offset + 4 <= config.size && entry.size != 0
        && list.offsets.contains(entry.offset + (entry.size ?? 1) - 1)
        && list.offsets.contains(entry.knownBytes.upperBound)
        && entry.knownBytes.contains(entry.headerBytes.upperBound)
        && (index + 1 == entries.count || entry.next == entries[index + 1].offset)
      require(isFine, "\(entry)")
    }
  }

  /// The entries are what the pointers lead to, and the last one of a whole list ends it.
  private func checkLinks() {
    for entry in walk.legacy {
      require(UInt16(config.read8(entry.offset)) == entry.id, "another ID at \(entry.offset)")
      require(
        Int(config.read8(entry.offset + 1)) & 0xFC == entry.next, "another link at \(entry.offset)")
    }
    for entry in walk.extended {
      let header = ExtendedHeader(rawValue: config.read32(entry.offset))
      require(
        header.id == entry.id && header.version == entry.version
          && header.next & 0xFFC == entry.next,
        "another header at \(entry.offset)")
    }
    if let first = walk.extended.first { require(first.offset == 0x100, "it starts elsewhere") }
    for (list, entries) in [(CapabilityList.legacy, walk.legacy), (.extended, walk.extended)] {
      guard walk.isIntact(list) else { continue }
      require(entries.last?.next ?? 0 == 0, "whole, and yet the \(list) list goes on")
    }
    switch walk.extendedSpace {
    case .list: require(!walk.extended.isEmpty, "a list without entries")
    case .notRead, .absent, .empty: require(walk.extended.isEmpty, "entries without a list")
    }
  }
}
