package import PCIe

/// Which bytes of a function's config space belong to what, and how each answers: section by
/// section the tables of ``VFIOConfigRules`` laid over one device.
package struct VFIOConfigMap: Sendable {
  /// Something that a run of bytes belongs to.
  package enum Owner: Hashable, Sendable {
    /// Nothing visible: the device answers, and takes writes.
    case raw
    /// The header.
    case header
    /// A capability of the legacy list, by ID.
    case legacy(UInt16)
    /// A capability of the extended list, by ID.
    case extended(UInt16)
    /// The dword at 0x100 in place of a hidden capability.
    case placeholder
  }

  /// A run of bytes with one owner.
  package struct Area: Hashable, Sendable {
    /// Whose they are.
    package let owner: Owner
    /// The first byte.
    package let start: Int
  }

  /// The areas; the first is everything that nobody visible has.
  private(set) package var areas: [Area] = [Area(owner: .raw, start: 0)]
  /// The index into ``areas`` for each byte.
  private(set) var areaOf: [UInt16]
  /// The bits of each byte that come from the kernel's copy.
  private(set) package var virtual: [UInt8]
  /// The bits of each byte that take a write.
  private(set) package var writable: [UInt8]
  /// The copy as it is when the function is opened, before the header's own changes.
  private(set) var image: [UInt8]

  /// Lays the tables over a device.
  package init(_ config: ConfigSpace, isVirtualFunction: Bool) {
    let count = config.size
    areaOf = Array(repeating: 0, count: count)
    virtual = Array(repeating: 0, count: count)
    writable = Array(repeating: 0xFF, count: count)
    image = config.bytes
    claim(.header, at: 0, 64)
    for rule in VFIOConfigRules.header { lay(rule, at: 0) }
    if isVirtualFunction {
      for rule in VFIOConfigRules.virtualFunctionHeader { lay(rule, at: 0) }
    }
    let hasExtendedList = layLegacyList(config)
    if hasExtendedList { layExtendedList(config) }
  }

  /// The area that a byte is in.
  package func area(at offset: Int) -> Area { areas[Int(areaOf[offset])] }

  /// The widest aligned access at `offset` of at most `limit` bytes that stays in one area.
  func piece(at offset: Int, limit: Int) -> AccessWidth {
    let area = areaOf[offset]
    var count = 1
    while count < limit, (offset + count) & 3 != 0, areaOf[offset + count] == area { count += 1 }
    return count >= 4 ? .dword : count >= 2 && offset & 1 == 0 ? .word : .byte
  }

  /// The kernel follows the list as it stands, without trust: a bounded number of entries, and what
  /// lies outside config space is cut.
  ///
  /// - Returns: Whether there is an extended list: a PCI Express or PCI-X capability says so.
  private mutating func layLegacyList(_ config: ConfigSpace) -> Bool {
    guard config.read16(6) >> 4 & 1 == 1 else { return false }
    var hasExtendedList = false
    var previous = 0x34
    var offset = Int(config.read8(0x34)) & 0xFC
    var shown = 0
    var left = 48
    while offset >= 0x40, left > 0 {
      left -= 1
      let id = UInt16(config.read8(offset))
      let next = config.read8(offset + 1)
      let rule = VFIOConfigRules.legacy(id)
      let length = rule?.byteCount(at: offset, in: config) ?? 0
      if let rule, length > 0 {
        claim(.legacy(id), at: offset, min(length, 256 - offset))
        lay(ConfigRule(1, 1, virtual: 0xFF), at: offset)
        lay(rule.writes, at: offset, length: length, header: 2)
        if id == 0x05 {
          for row in VFIOConfigRules.msi(control: config.read16(offset + 2)) {
            lay(row, at: offset)
          }
        }
        if id == 0x10 || id == 0x07 && config.read16(offset + 2) >> 12 & 3 != 0 {
          hasExtendedList = config.size > 256 && config.read32(0x100) != 0
        }
        previous = offset + 1
        shown += 1
      } else {
        image[previous] = next
      }
      offset = Int(next) & 0xFC
    }
    if shown == 0 { image[6] &= ~0x10 }
    return hasExtendedList
  }

  private mutating func layExtendedList(_ config: ConfigSpace) {
    var previous: Int?
    var offset = 0x100
    var shown = 0
    var left = ConfigSpace.extendedLimit * 2
    while offset >= 0x100, left > 0 {
      left -= 1
      let header = ExtendedHeader(rawValue: config.read32(offset))
      let rule = VFIOConfigRules.extended(header.id)
      let length = rule?.byteCount(at: offset, in: config) ?? 0
      if let rule, length > 0 {
        claim(.extended(header.id), at: offset, min(length, config.size - offset))
        lay(ConfigRule(0, 4, virtual: .max), at: offset)
        lay(rule.writes, at: offset, length: length, header: 4)
        previous = offset
        shown += 1
      } else if let previous {
        putNext(header.next & 0xFFC, at: previous)
      } else {
        claim(.placeholder, at: offset, 4)
        lay(ConfigRule(0, 4, virtual: .max), at: offset)
        putNext(header.next & 0xFFC, at: offset)
        image[offset] = 0
        image[offset + 1] = 0
        image[offset + 2] &= 0xF0
        previous = offset
      }
      offset = header.next & 0xFFC
    }
    if shown == 0 { for at in 0x100..<0x104 { image[at] = 0 } }
  }

  private mutating func putNext(_ next: Int, at offset: Int) {
    image[offset + 2] = image[offset + 2] & 0x0F | UInt8(truncatingIfNeeded: next << 4)
    image[offset + 3] = UInt8(truncatingIfNeeded: next >> 4)
  }

  private mutating func claim(_ owner: Owner, at offset: Int, _ count: Int) {
    areas.append(Area(owner: owner, start: offset))
    let index = UInt16(truncatingIfNeeded: areas.count - 1)
    for at in offset..<min(offset + max(count, 1), areaOf.count) {
      areaOf[at] = index
      virtual[at] = 0
      writable[at] = 0
    }
  }

  private mutating func lay(
    _ writes: CapabilityRule.Writes, at offset: Int, length: Int, header: Int
  ) {
    switch writes {
    case .dropped: return
    case .all:
      for at in min(header, length)..<length where offset + at < writable.count {
        guard areaOf[offset + at] == UInt16(truncatingIfNeeded: areas.count - 1) else { continue }
        writable[offset + at] = 0xFF
      }
    case .registers(let rules): for rule in rules { lay(rule, at: offset) }
    }
  }

  /// Applies a rule to the bytes that are the newest area's.
  private mutating func lay(_ rule: ConfigRule, at start: Int) {
    for index in 0..<rule.byteCount {
      let offset = start + rule.offset + index
      guard offset < areaOf.count, areaOf[offset] == UInt16(truncatingIfNeeded: areas.count - 1)
      else { continue }
      virtual[offset] = UInt8(truncatingIfNeeded: rule.virtual >> UInt32(8 * index))
      writable[offset] = UInt8(truncatingIfNeeded: rule.writable >> UInt32(8 * index))
    }
  }
}
