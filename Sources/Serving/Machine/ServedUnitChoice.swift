package import PCIe
package import VirtualIOMMU
import DeviceModels
import Hardware

/// The IOMMU that the guest is to have, as a user asks for it: `vtd[@BDF][,key=value…]`.
///
/// What is not said follows from the devices: a unit that translates for models offers all that it can
/// do by itself; one with a device of the host behind it offers what can be nested there.
package struct ServedUnitChoice: Hashable, Sendable {
  /// Where the guest finds the unit's function; `nil` for a place that is chosen.
  package var place: PCIAddress?
  /// The width in bits of guest physical addresses; `nil` for the usual one.
  package var addressWidth: Int?
  /// Bits of a PASID; `nil` for all.
  package var pasidBits: Int?
  /// Features that are to be there, and those that are not.
  package var wanted: VTdConfiguration.Features = []
  /// Features that are not to be there.
  package var unwanted: VTdConfiguration.Features = []

  /// The usual unit.
  package init() {}

  /// What a unit offers that translates for models itself.
  package static let ownFeatures: VTdConfiguration.Features = [
    .scalableMode, .firstStage, .secondStage, .nesting, .passThrough, .gigabytePages, .fiveLevels,
    .deviceTLBs, .pageRequests, .supervisorRequests, .executeRequests, .extendedAccessedFlag,
    .flushingPointers,
  ]

  /// Features that only a unit which translates itself can have.
  private static let ownOnly: [(VTdConfiguration.Features, String)] = [
    (.nesting, "nesting"), (.secondStage, "second-stage"),
  ]

  /// What a setting switches.
  private static let switches: [(key: String, features: VTdConfiguration.Features)] = [
    ("nesting", .nesting), ("caching-mode", .cachingMode), ("page-requests", .pageRequests),
    ("ats", .deviceTLBs), ("scalable-mode", .scalableMode), ("first-stage", .firstStage),
    ("second-stage", .secondStage), ("five-levels", .fiveLevels),
    ("pass-through", .passThrough), ("1g-pages", .gigabytePages),
    ("supervisor", .supervisorRequests), ("execute", .executeRequests),
    ("rid-pasid", .ridPASID), ("dirty-bits", .secondStageDirtyBits),
  ]

  /// What cannot be without a feature, and so goes with it.
  private static let following: [(VTdConfiguration.Features, VTdConfiguration.Features)] = [
    (
      .scalableMode,
      [
        .firstStage, .secondStage, .nesting, .fiveLevels, .pageRequests, .supervisorRequests,
        .executeRequests, .extendedAccessedFlag, .ridPASID, .secondStageDirtyBits,
      ]
    ),
    (.firstStage, [.nesting, .fiveLevels, .extendedAccessedFlag]),
    (.secondStage, [.nesting, .secondStageDirtyBits]), (.deviceTLBs, .pageRequests),
  ]

  /// The settings' names.
  package static var keys: [String] { ["pasid-bits", "width"] + switches.map(\.key) }

  /// Reads what a user wrote.
  ///
  /// - Parameter text: The argument of `--iommu`.
  /// - Throws: ``ServeChoiceError`` with what is wrong.
  package init(parsing text: String) throws(ServeChoiceError) {
    let parts: ChoiceText
    do { parts = try ChoiceText(parsing: text) } catch { throw .device(error) }
    guard parts.kind == "vtd" else { throw .unknownUnit(parts.kind) }
    if let value = parts.value { throw .device(.unwantedValue(value, of: "vtd")) }
    place = parts.address
    if let place, place.domain != 0 { throw .domain(place) }
    for setting in parts.settings {
      let (key, value) = (setting.key, setting.value)
      switch key {
      case "pasid-bits":
        guard let bits = parseNumber(value) else { throw .badUnitValue(value, of: key) }
        pasidBits = bits
      case "width":
        guard let width = parseNumber(value) else { throw .badUnitValue(value, of: key) }
        addressWidth = width
      default:
        guard let row = Self.switches.first(where: { $0.key == key }) else {
          throw .unknownUnitKey(key)
        }
        guard value == "0" || value == "1" else { throw .badUnitValue(value, of: key) }
        if value == "1" { wanted.formUnion(row.features) } else { unwanted.formUnion(row.features) }
      }
    }
    _ = try configuration(forPassed: false)
  }

  /// The unit's configuration.
  ///
  /// - Parameter forPassed: Whether a device of the host is behind the unit.
  /// - Returns: What its capability registers say.
  /// - Throws: ``ServeChoiceError`` when the settings do not go together.
  package func configuration(
    forPassed: Bool
  ) throws(ServeChoiceError) -> VTdConfiguration {
    if forPassed {
      for (feature, key) in Self.ownOnly where wanted.contains(feature) {
        throw .passed(key + "=1")
      }
      if unwanted.contains(.cachingMode) { throw .passed("caching-mode=0") }
    }
    var features = forPassed ? VTdConfiguration.passthroughFeatures : Self.ownFeatures
    for (feature, others) in Self.following where unwanted.contains(feature) {
      features.subtract(others)
    }
    features.subtract(unwanted)
    features.formUnion(wanted.subtracting(unwanted))
    let bits = pasidBits ?? (features.contains(.scalableMode) ? 20 : 0)
    do {
      return try VTdConfiguration(
        addressWidth: addressWidth ?? 48, pasidBits: bits, features: features)
    } catch {
      throw .unit(error)
    }
  }
}
