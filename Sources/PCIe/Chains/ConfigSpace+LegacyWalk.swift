import Hardware

extension ConfigSpace {
  /// Follows the list below 0x100, PCI Local Bus Specification 6.7.
  func walkLegacy(into walk: inout CapabilityWalk) {
    // Status bit 4 says that there is a list at all.
    guard read16(0x06) >> 4 & 1 == 1 else { return }
    walk.legacy.reserveCapacity(8)
    var pointer = headerType == 2 ? 0x14 : 0x34
    // One bit a dword: 48 of them can be visited, which is also where Linux stops.
    var visited: UInt64 = 0
    while true {
      let raw = Int(read8(pointer))
      let offset = raw & 0xFC
      if raw == 0 { break }
      if raw & 3 != 0, raw != 0xFF {
        walk.problems.append(.unaligned(.legacy, at: pointer, value: raw))
      }
      // All ones is no pointer but a read that failed.
      guard offset >= 0x40, raw != 0xFF else {
        walk.problems.append(.outOfRange(.legacy, at: pointer, value: raw))
        break
      }
      guard offset + 4 <= size else {
        walk.problems.append(.notRead(.legacy, at: pointer, value: offset, size: size))
        break
      }
      guard visited >> (offset / 4) & 1 == 0 else {
        walk.problems.append(.loop(.legacy, at: pointer, to: offset))
        break
      }
      visited |= 1 << (offset / 4)
      let header = read16(offset)
      guard header != 0 else {
        walk.problems.append(.zeroHeader(.legacy, at: pointer, header: offset))
        break
      }
      guard header != .max, header & 0xFF != 0xFF else {
        walk.problems.append(.onesHeader(.legacy, at: pointer, header: offset))
        break
      }
      walk.legacy.append(legacyEntry(at: offset, header: header, into: &walk))
      pointer = offset + 1
    }
    walk.noteOverlaps(in: .legacy)
  }

  private func legacyEntry(
    at offset: Int, header: UInt16, into walk: inout CapabilityWalk
  ) -> Capability {
    let id = header & 0xFF
    let rule = CapabilityCatalogue.kind(id, in: .legacy)?.length ?? .unknown
    let length = rule.legacyLength(at: offset, in: self)
    if length == nil, rule == .vendorByte {
      let value = Int(read8(offset + 2))
      walk.problems.append(.badLength(.legacy, at: offset, value: value))
    }
    // The first PCI Express capability is the one that software uses.
    if id == Capability.pciExpressID, walk.port.portType == nil {
      walk.port = PortFacts(pciExpressAt: offset, in: self)
    }
    return walk.bounded(
      Capability(
        list: .legacy, id: id, offset: offset, next: Int(header >> 8) & 0xFC, size: length))
  }
}
