public import Hardware

/// A stretch of DMA during which translations hold; see ``TranslationUnit/withDMA(_:)``.
public struct DMATransaction: ~Copyable {
  let unit: TranslationUnit
  let slot: Int

  @usableFromInline
  init(_ unit: TranslationUnit) {
    self.unit = unit
    slot = unit.slots.enter()
  }

  deinit { unit.slots.leave(slot) }

  /// Translates one address; the result must not be used after the transaction.
  ///
  /// Nothing is allocated.
  ///
  /// - Parameters:
  ///   - iova: The address, with its offset in the page.
  ///   - access: What is wanted.
  ///   - context: Whose request it is.
  /// - Returns: The host address of the same byte, or the fault. It reaches to the end of the 4 KiB
  ///   page.
  public func translate(
    _ iova: IOVA, _ access: DMAAccess, for context: borrowing TranslationContext
  ) -> TranslationResult {
    unit.translate(context, iova, access, slot: slot)
  }
}
