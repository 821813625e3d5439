import Hardware
import IOMMU

/// Where requests of a source with one PASID, or without, go: context and PASID entry as cached.
final class VTdRoute: Sendable {
  /// What translates, with the tag in the unit's cache.
  let context: TranslationContext
  /// What translates, for those who ask where an address leads; `nil` while translation is off.
  let table: VTdGuestTable?
  /// The domain of its translations; `nil` where none is cached by a domain.
  let domain: UInt16?
  /// The PASID that its PASID entry was found by; `nil` in legacy mode.
  let pasid: PASID?
  let rules: VTdRouteRules

  init(
    _ context: TranslationContext, _ table: VTdGuestTable?, domain: UInt16?, pasid: PASID?,
    _ rules: VTdRouteRules
  ) {
    self.context = context
    self.table = table
    self.domain = domain
    self.pasid = pasid
    self.rules = rules
  }
}

/// What a route says about requests besides where they go.
struct VTdRouteRules: OptionSet, BitwiseCopyable, Sendable {
  let rawValue: UInt8

  /// Addresses are physical, because translation is off.
  static let isOff = Self(rawValue: 1)
  /// The root table is one of legacy mode.
  static let isLegacy = Self(rawValue: 2)
  /// FPD: qualified faults are not recorded.
  static let disablesFaults = Self(rawValue: 4)
  /// RID_PRIV: requests without PASID are privileged.
  static let isRIDPrivileged = Self(rawValue: 8)
  /// DTE, or TT 1: translation requests and translated requests are allowed.
  static let allowsDeviceTLB = Self(rawValue: 16)
}

/// The tags of a guest's domains in the unit's cache.
enum VTdTag {
  /// Translations through a second stage alone.
  static func second(_ domain: UInt16) -> UInt32 { UInt32(domain) }
  /// Translations through a first stage, which carry a PASID too.
  static func first(_ domain: UInt16) -> UInt32 { 1 << 16 | UInt32(domain) }
  /// Addresses that pass through, the same for all domains.
  static var passThrough: UInt32 { 1 << 17 }
}

extension VTdRoute {
  /// The route of requests while translation is off.
  convenience init(off memory: GuestMemory) {
    self.init(memory.context, nil, domain: nil, pasid: nil, .isOff)
  }

  /// The route by a context entry of legacy mode.
  convenience init(_ entry: VTdLegacyContextEntry, _ tables: VTdTables) {
    var rules: VTdRouteRules = .isLegacy
    if entry.disablesFaults { rules.insert(.disablesFaults) }
    if entry.type == .all { rules.insert(.allowsDeviceTLB) }
    let isThrough = entry.type == .passThrough
    let kind: VTdGuestTable.Kind =
      isThrough
      ? .passThrough
      : .second(
        VTdSecondStage(
          root: entry.secondStage, levels: entry.levels,
          options: tables.features.secondStageOptions.union(.legacy),
          hostAddressWidth: tables.features.hostAddressWidth,
          inputWidth: tables.features.guestAddressWidth))
    let table = VTdGuestTable(
      kind, in: tables.memory.table, hostAddressWidth: tables.features.hostAddressWidth,
      isLegacy: true)
    let tag = isThrough ? VTdTag.passThrough : VTdTag.second(entry.domain)
    self.init(
      TranslationContext(.vtdGuest(table), tag: tag), table,
      domain: entry.domain, pasid: nil, rules)
  }

  /// The route by a PASID entry.
  convenience init(
    _ state: VTdPASIDState, of pasid: PASID, _ context: VTdContextEntry, _ tables: VTdTables
  ) {
    let entry = state.entry
    var rules: VTdRouteRules = []
    if state.disablesFaults { rules.insert(.disablesFaults) }
    if context.isRIDPrivileged { rules.insert(.isRIDPrivileged) }
    if context.allowsDeviceTLB { rules.insert(.allowsDeviceTLB) }
    let features = tables.features
    let (kind, tag): (VTdGuestTable.Kind, UInt32) =
      switch entry.type {
      case .firstStage: (.first(entry.first(features)), VTdTag.first(entry.domain))
      case .nested:
        (.nested(entry.first(features), entry.second(features)), VTdTag.first(entry.domain))
      case .secondStage: (.second(entry.second(features)), VTdTag.second(entry.domain))
      default: (.passThrough, VTdTag.passThrough)
      }
    let table = VTdGuestTable(
      kind, in: tables.memory.table, hostAddressWidth: features.hostAddressWidth)
    self.init(
      TranslationContext(
        .vtdGuest(table), tag: tag, pasid: entry.hasFirstStage ? pasid : nil), table,
      domain: entry.domain, pasid: pasid, rules)
  }
}

extension VTdPASIDEntry {
  /// The first stage of a valid entry.
  fileprivate func first(_ features: VTdFeatures) -> VTdGuestTable.FirstStage {
    var options: VTdNestedTable.Options = []
    if allowsSupervisor { options.insert(.supervisorRequests) }
    if allowsExecute { options.insert(.executeRequests) }
    if protectsWrites { options.insert(.writeProtect) }
    if setsExtendedAccessed { options.insert(.extendedAccessed) }
    return VTdGuestTable.FirstStage(
      root: firstStage, levels: firstStageLevels, options: options,
      has1GiBPages: features.hasFirstStage1GiB)
  }

  /// The second stage of a valid entry.
  fileprivate func second(_ features: VTdFeatures) -> VTdSecondStage {
    var options = features.secondStageOptions.union(.snoop)
    if setsSecondStageDirty { options.insert(.dirty) }
    if secondStageForbidsExecution, features.hasExecuteRequests { options.insert(.execute) }
    return VTdSecondStage(
      root: secondStage, levels: secondStageLevels, options: options,
      hostAddressWidth: features.hostAddressWidth, inputWidth: features.guestAddressWidth)
  }
}

extension VTdFeatures {
  /// What second stages may have.
  fileprivate var secondStageOptions: VTdSecondStage.Options {
    var options: VTdSecondStage.Options = []
    if hasSecondStage2MiB { options.insert(.pages2MiB) }
    if hasSecondStage1GiB { options.insert(.pages1GiB) }
    if hasSnoopControl { options.insert(.snoop) }
    return options
  }
}
