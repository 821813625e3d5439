import Hardware

/// A descriptor of the invalidation queue, as the guest's driver writes it.
///
/// VT-d §6.5.2.
struct GuestDescriptor {
  let low: UInt64
  let high: UInt64

  init(_ low: UInt64, _ high: UInt64 = 0) {
    self.low = low
    self.high = high
  }

  /// All context entries.
  static let allContexts = Self(1 | 1 << 4)
  /// All PASID entries.
  static let allPASIDs = Self(7 | 3 << 4)
  /// All translations.
  static let allTranslations = Self(2 | 1 << 4)

  /// The context entry of one requester.
  static func context(_ source: UInt16) -> Self { Self(1 | 3 << 4 | UInt64(source) << 32) }

  /// The entry of one PASID.
  static func pasidCache(_ pasid: UInt32) -> Self {
    Self(7 | 1 << 4 | GuestDriver.domain << 16 | UInt64(pasid) << 32)
  }

  /// All translations of one PASID.
  static func pasidTranslations(_ pasid: UInt32) -> Self {
    Self(6 | 2 << 4 | GuestDriver.domain << 16 | UInt64(pasid) << 32)
  }

  /// The translation of one page of one PASID; only the leaf has changed.
  static func page(_ address: IOVA, _ pasid: UInt32) -> Self {
    Self(
      6 | 3 << 4 | GuestDriver.domain << 16 | UInt64(pasid) << 32,
      address.rawValue & ~0xFFF | 1 << 6)
  }

  /// What the device itself has cached of a PASID: one page, or everything.
  static func deviceTLB(_ source: UInt16, _ pasid: UInt32, page: IOVA? = nil) -> Self {
    Self(
      8 | UInt64(source) << 16 | UInt64(pasid) << 32,
      page.map { $0.rawValue & ~0xFFF } ?? 0x7FFF_FFFF_FFFF_F800)
  }

  /// A sign that all before it is done.
  static func wait(_ status: UInt32, at address: GuestPhysicalAddress, drains: Bool = false) -> Self
  {
    Self(5 | 1 << 5 | (drains ? 1 << 7 : 0) | UInt64(status) << 32, address.rawValue)
  }

  /// The answer to a group of page requests: 0 success, 1 invalid.
  static func response(_ source: UInt16, _ pasid: UInt32, group: UInt16, code: UInt64) -> Self {
    Self(
      9 | 1 << 4 | code << 12 | UInt64(source) << 16 | UInt64(pasid) << 32, UInt64(group) << 3)
  }
}
