import IOMMU

/// One IOMMU of the host: its driver, and the unit that translates.
final class IOMMUUnit {
  let index: Int
  let driver: any UnitDriver
  let translation: TranslationUnit
  /// The driver of the mock-device requests, which wants to hear of every change.
  let mock: MockDriver?

  init(index: Int, driver: any UnitDriver, translation: TranslationUnit) {
    self.index = index
    self.driver = driver
    self.translation = translation
    mock = driver as? MockDriver
  }
}

/// Devices that the host's IOMMUs cannot keep apart.
final class IOMMUGroup {
  let number: Int
  var devices: [PhysicalDevice] = [] {
    didSet { pasidLimit = devices.map(\.maxPASIDs).filter { $0 > 0 }.min() }
  }
  /// One more than the highest PASID that all devices with PASIDs have; `nil` when none has any.
  private(set) var pasidLimit: UInt32?
  /// The context that has bound devices of the group.
  var owner: IOMMUContext?
  /// How many devices of the group are bound.
  var boundCount = 0
  /// Whether a reset has parked the group on the blocking domain.
  var isResetting = false
  /// Open files of the group's node: one at most.
  var nodeOpens = 0
  /// How many devices of the group are bound through nodes of their own.
  var deviceNodeBinds = 0
  /// The context that the group's file was given, by which its devices are opened.
  var container: IOMMUContext?

  init(number: Int) { self.number = number }
}
