import HostABI

/// Which requests a fault option means: a name, and whether every one or the n-th.
package struct RequestChoice: Hashable, Sendable {
  /// The name in Linux's header, or a system call's.
  package var name: String
  /// The n-th of the name, from 1; `nil` for every one.
  package var ordinal: Int?

  /// Reads `REQUEST[:n]`; case and the prefixes `IOMMU_` and `VFIO_` do not matter.
  init(_ text: Substring, option: String) throws(FaultPlanError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let given = String(parts.first ?? "")
    name = try Self.name(given, option: option)
    guard parts.count == 2 else { return }
    guard let number = Int(parts[1]), number > 0 else {
      throw .count(String(parts[1]), option: option)
    }
    ordinal = number
  }

  private static func name(
    _ given: String, option: String
  ) throws(FaultPlanError) -> String {
    let wanted = key(given)
    if !wanted.isEmpty, let found = byKey[wanted] { return found }
    let nearest = NearestName.of(wanted, in: byKey.keys.sorted())
    throw .unknownRequest(
      given, option: option, nearest: RequestShape.shortName(byKey[nearest] ?? ""))
  }

  /// Full names by what is left without prefixes; a name that two requests would share goes to
  /// `/dev/iommu`'s and the device's.
  private static let byKey: [String: String] = {
    var names: [String: String] = [:]
    for name in RequestNames.all {
      // With and without what says whose request it is.
      for spelling in [name, RequestShape.shortName(name)] {
        let key = key(spelling)
        if names[key] == nil { names[key] = name }
      }
    }
    // What nothing else is called may leave out whose request it is.
    for name in RequestNames.all {
      for prefix in ["VFIO_GROUP_", "VFIO_IOMMU_", "IOMMU_TEST_OP_"] where name.hasPrefix(prefix) {
        let short = String(name.dropFirst(prefix.utf8.count))
        if names[short] == nil { names[short] = name }
      }
    }
    for (alias, name) in aliases where names[alias] == nil { names[alias] = name }
    return names
  }()

  /// Names that people use.
  private static let aliases = [
    "BIND": "VFIO_DEVICE_BIND_IOMMUFD", "ATTACH": "VFIO_DEVICE_ATTACH_IOMMUFD_PT",
    "DETACH": "VFIO_DEVICE_DETACH_IOMMUFD_PT", "MAP": "IOMMU_IOAS_MAP",
    "UNMAP": "IOMMU_IOAS_UNMAP", "INVALIDATE": "IOMMU_HWPT_INVALIDATE",
  ]

  /// What of a name counts.
  private static func key(_ name: String) -> String {
    var key = name.uppercased()
    for prefix in ["IOMMU_", "VFIO_"] where key.hasPrefix(prefix) {
      key.removeFirst(prefix.utf8.count)
      break
    }
    return key.replacing(" ", with: "_")
  }

  /// Whether the `count`-th call of a name is meant.
  func matches(_ name: String, _ count: Int) -> Bool {
    name == self.name && (ordinal == nil || ordinal == count)
  }

  /// The choice as it is written.
  var text: String {
    RequestShape.shortName(name) + (ordinal.map { ":\($0)" } ?? "")
  }
}
