public import Hardware
public import PCIe

/// Whether a device's extended config space can take a capability at all.
public enum SpaceState: Hashable, Sendable {
  /// The list is whole.
  case usable
  /// Only the first bytes were read.
  case notRead(size: Int)
  /// There is no extended config space.
  case absent
  /// The list is broken, in the words of the problem.
  case broken(String)
}

/// All that placement needs to know of one device.
///
/// It says where things are and never what they contain, so that the same model with the same
/// firmware gives equal evidence on every host.
public struct PlacementEvidence: Hashable, Sendable {
  /// The device model.
  public let model: DeviceModel
  /// Whether a capability can be added.
  public let space: SpaceState
  /// Whether the function has a PCI Express capability, without which nobody looks for extended ones.
  public let isExpress: Bool
  /// The extended list that the guest's list is made of, in list order.
  public let entries: [SurveyedCapability]
  /// Capabilities of the device that the kernel hides from a VMM.
  public let hidden: [SurveyedCapability]
  /// Dwords from 0x100 on that are not zero and that no known body accounts for.
  public let stray: DwordSet

  /// Makes evidence from its parts, as a survey line carries them.
  ///
  /// - Parameters:
  ///   - model: The device model.
  ///   - space: Whether a capability can be added.
  ///   - isExpress: Whether the function has a PCI Express capability.
  ///   - entries: The extended list.
  ///   - hidden: Capabilities that the kernel hides.
  ///   - stray: Non-zero dwords without an owner.
  public init(
    model: DeviceModel, space: SpaceState, isExpress: Bool, entries: [SurveyedCapability],
    hidden: [SurveyedCapability], stray: DwordSet
  ) {
    self.model = model
    self.space = space
    self.isExpress = isExpress
    self.entries = entries
    self.hidden = hidden
    self.stray = stray
  }

  /// The PASID capability that is there already.
  public var pasid: SurveyedCapability? { entries.first { $0.id == Capability.pasidID } }

  /// The device's own PASID capability, when the kernel hides it.
  public var hiddenPASID: SurveyedCapability? { hidden.first { $0.id == Capability.pasidID } }
}

extension PlacementEvidence {
  /// Gathers what a device's config space shows.
  ///
  /// - Parameters:
  ///   - layout: The layout of `config`.
  ///   - config: The config space: the device's own, as sysfs and `lspci` show it.
  /// - Complexity: Linear in the number of capabilities; two allocations.
  public init(layout: LayoutMap, of config: ConfigSpace) {
    self.init(
      model: DeviceModel(of: config), space: SpaceState(layout.walk),
      isExpress: layout.walk.port.portType != nil,
      entries: layout.walk.extended.map(SurveyedCapability.init),
      hidden: [], stray: layout.strayExtendedDwords)
  }

  /// Gathers what a device's own config space and its view through VFIO show together.
  ///
  /// The guest's list is made of the view; what the device has and the view does not is hidden, and
  /// its bytes are taken all the same. So are those of a capability that is longer on the device.
  ///
  /// - Parameters:
  ///   - layout: The layout of `config`.
  ///   - config: The device's own config space.
  ///   - view: The same device's config space as VFIO shows it.
  public init(layout: LayoutMap, of config: ConfigSpace, view: ConfigSpace) {
    let seen = LayoutMap(of: view)
    let entries = seen.walk.extended.map(SurveyedCapability.init)
    let shown = Set(seen.walk.extended.map { [Int($0.id), $0.offset, $0.size ?? 0] })
    let hidden = layout.walk.extended.filter {
      !$0.isPlaceholder && !shown.contains([Int($0.id), $0.offset, $0.size ?? 0])
    }.map(SurveyedCapability.init)
    var stray = layout.nonZero
    stray.formUnion(seen.nonZero)
    for entry in entries + hidden { stray.remove(entry.knownBytes) }
    let state = SpaceState(layout.walk)
    self.init(
      model: DeviceModel(of: config),
      space: state == .usable ? SpaceState(seen.walk) : state,
      isExpress: seen.walk.port.portType != nil,
      entries: entries, hidden: hidden, stray: stray.extendedDwords)
  }
}

extension SpaceState {
  init(_ walk: CapabilityWalk) {
    if case .notRead(let size) = walk.extendedSpace {
      self = .notRead(size: size)
      return
    }
    if let problem = walk.problems.first(where: { $0.forbidsPlacement(in: walk) }) {
      self = .broken("\(problem)")
      return
    }
    self = walk.extendedSpace == .absent ? .absent : .usable
  }
}

extension ChainProblem {
  /// Whether nothing can be placed safely in a list with this problem.
  fileprivate func forbidsPlacement(in walk: CapabilityWalk) -> Bool {
    switch self {
    // A pointer that lies in another entry's body may be one of its registers.
    case .overlap(let first, _): first.list == .extended
    // Some lengths rest on the PCI Express capability; a broken list may hide it.
    case let problem where problem.list == .legacy:
      problem.breaksChain && walk.port.portType == nil
        && walk.extended.contains {
          $0.kind?.length == .advancedErrors || $0.kind?.length == .multicast
        }
    default: breaksChain
    }
  }
}

extension ConfigByteSet {
  /// The dwords from 0x100 on of which a byte is in this set.
  var extendedDwords: DwordSet {
    var result = dwords
    result[word: 0] = 0
    return result
  }
}
