/// What a byte of the map is, in the words and order of the legend.
enum MapKind: Hashable, CaseIterable {
  /// The PASID capability: the one to synthesise, or the device's own.
  case pasid
  /// A placeholder that has to be written at 0x100 so that the list can start.
  case newHead
  case header
  case capabilityHeader
  case capabilityBody
  /// Zero, behind a capability of unknown length.
  case shadow
  /// Not zero, behind a capability of unknown length.
  case shadowInUse
  /// Not zero, and nobody's by the lists.
  case unclaimedInUse
  /// Nothing answers there.
  case silent
  case unclaimedZero

  /// What the kind is called in a legend.
  func meaning(synthetic: Bool) -> String {
    switch self {
    case .pasid: synthetic ? "PASID to synthesise" : "PASID of the device"
    case .newHead: "placeholder to add"
    case .header: "standard header"
    case .capabilityHeader: "capability header"
    case .capabilityBody: "capability body"
    case .shadow: "zero, behind an unknown length"
    case .shadowInUse: "not zero, behind an unknown length"
    case .unclaimedInUse: "not zero, unclaimed"
    case .silent: "no answer, reads all ones"
    case .unclaimedZero: "zero, unclaimed"
    }
  }

  /// Which kind a dword shows whose bytes are of several: the one that matters more, the greatest.
  var weight: Int {
    switch self {
    case .unclaimedZero: 0
    case .silent: 1
    case .shadow: 2
    case .capabilityBody: 3
    case .header: 4
    case .shadowInUse: 5
    case .unclaimedInUse: 6
    case .capabilityHeader: 7
    case .newHead: 8
    case .pasid: 9
    }
  }
}
