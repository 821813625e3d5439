public import Hardware
public import IOMMU

extension Endpoint {
  /// Asks where an address leads, as a device does with a translation request of PCIe's ATS.
  ///
  /// The answer says what held when it was asked for; only a transaction of the unit may use the
  /// address. No fault is reported to anybody.
  ///
  /// - Parameters:
  ///   - iova: The address.
  ///   - access: What the device wants to do there.
  ///   - pasid: The PASID of the request, or none.
  /// - Returns: The host address of the same byte or the fault; `nil` when the device's requests
  ///   are blocked.
  public func translate(
    _ iova: IOVA, _ access: DMAAccess, pasid: PASID? = nil
  ) -> TranslationResult? {
    unit.withDMA { transaction in
      guard let context = enter(pasid) else { return nil }
      return transaction.translate(iova, access, for: context)
    }
  }
}
