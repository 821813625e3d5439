public import Hardware

/// A stretch of DMA during which translations hold; see ``TranslationUnit/withDMA(_:)``.
public struct DMATransaction: ~Copyable {
  private let unit: Lent<TranslationUnit>
  let slot: Int

  fileprivate init(_ unit: Lent<TranslationUnit>, slot: Int) {
    self.unit = unit
    self.slot = slot
  }

  deinit {
    let slot = slot
    unit { $0.slots.leave(slot) }
  }

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
    unit { $0.translate(context, iova, access, slot: slot) }
  }

  /// Who answers for pages of other spaces.
  var foreign: (any ForeignMemory)? { unit { $0.foreign } }
}

extension TranslationUnit {
  /// Begins a transaction, which ends with the value; the caller keeps the unit for so long.
  @usableFromInline
  package func begin() -> DMATransaction { DMATransaction(Lent(self), slot: slots.enter()) }
}
