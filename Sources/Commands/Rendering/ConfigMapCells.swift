import Hardware
import PCIe
import Placement

/// A run of bytes of one kind and owner.
struct MapRegion: Hashable {
  let bytes: ClosedRange<Int>
  let kind: MapKind
  /// The capability that the bytes belong to, or in whose shadow they lie.
  let capability: Capability?
}

/// The map of a config space as it is drawn, in text and as a picture.
///
/// It shows the device's own bytes with the capability to synthesise laid over them.
struct ConfigMap {
  /// What one byte or dword shows.
  struct Cell: Hashable {
    var kind: MapKind
    var capability: Capability?
  }

  /// Bytes in a row of the map.
  static let rowBytes = 256

  /// The number of bytes that are shown.
  let size: Int
  /// What each byte shows.
  let bytes: [Cell]
  /// The bytes of the PASID capability, new or old, where they lie within the map.
  let pasid: ClosedRange<Int>?
  /// Whether the PASID capability is yet to be written.
  let isSynthetic: Bool

  init(_ device: InspectedDevice) {
    let layout = device.layout
    let config = device.device.config
    size = layout.size
    let isAbsent = layout.walk.problems.contains(.absent)
    let hasNoExtended = layout.walk.extendedSpace == .absent
    var bytes: [Cell] = layout.owners.enumerated().map { offset, owner in
      // A part that does not answer is no registers, however many bits are set.
      let silent = isAbsent || (hasNoExtended && offset >= ConfigSpace.extendedStart)
      if silent, config.read8(offset) == .max { return Cell(kind: .silent) }
      return Cell(owner, isZero: !layout.nonZero.contains(offset))
    }
    isSynthetic = device.insertion != nil
    pasid = device.decision.offset.flatMap { offset in
      offset >= 0 && offset < layout.size
        ? offset...min(offset + PASIDCapability.length, layout.size) - 1 : nil
    }
    if let link = device.insertion?.link, device.addsPlaceholder, link.offset + 4 <= size {
      for offset in link.offset..<link.offset + 4 { bytes[offset] = Cell(kind: .newHead) }
    }
    if let pasid {
      for offset in pasid {
        bytes[offset] = Cell(kind: .pasid, capability: bytes[offset].capability)
      }
    }
    self.bytes = bytes
  }

  /// The runs of bytes that show the same, in order of offset.
  var regions: [MapRegion] {
    var result: [MapRegion] = []
    var start = 0
    for end in bytes.indices where end + 1 == size || bytes[end + 1] != bytes[start] {
      let cell = bytes[start]
      result.append(MapRegion(bytes: start...end, kind: cell.kind, capability: cell.capability))
      start = end + 1
    }
    return result
  }

  /// What each dword shows: the byte of it that matters most.
  var dwords: [Cell] {
    stride(from: 0, to: size, by: 4).map { offset in
      bytes[offset..<min(offset + 4, size)].max { $0.kind.weight < $1.kind.weight }
        ?? bytes[offset]
    }
  }

  /// The kinds that occur, in the legend's order, with the number of their bytes.
  var counts: [(kind: MapKind, bytes: Int)] {
    var sums: [MapKind: Int] = [:]
    for cell in bytes { sums[cell.kind, default: 0] += 1 }
    return MapKind.allCases.compactMap { kind in sums[kind].map { (kind, $0) } }
  }
}

extension ConfigMap.Cell {
  fileprivate init(_ owner: ByteOwner, isZero: Bool) {
    switch owner {
    case .header: self.init(kind: .header)
    case .capabilityHeader(let owner): self.init(kind: .capabilityHeader, capability: owner)
    case .capabilityBody(let owner): self.init(kind: .capabilityBody, capability: owner)
    case .shadow(let owner):
      self.init(kind: isZero ? .shadow : .shadowInUse, capability: owner)
    case .unclaimed(let zero): self.init(kind: zero ? .unclaimedZero : .unclaimedInUse)
    }
  }
}
