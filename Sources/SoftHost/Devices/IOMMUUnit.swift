import IOMMU

/// One IOMMU of the host: its driver, and the unit that translates.
final class IOMMUUnit {
  let index: Int
  let driver: any UnitDriver
  let translation: TranslationUnit

  init(index: Int, driver: any UnitDriver, translation: TranslationUnit) {
    self.index = index
    self.driver = driver
    self.translation = translation
  }
}

/// Devices that the host's IOMMUs cannot keep apart.
final class IOMMUGroup {
  let number: Int
  var devices: [PhysicalDevice] = []
  /// The context that has bound devices of the group.
  var owner: IOMMUContext?
  /// How many devices of the group are bound.
  var boundCount = 0
  /// Whether a reset has parked the group on the blocking domain.
  var isResetting = false
  /// How many descriptors of the group's node are open.
  var nodeOpens = 0

  init(number: Int) { self.number = number }
}
