import Hardware
import IOMMU

/// What a unit's driver makes for the kernel's own page table.
final class PagingDomain {
  /// How translations are kept.
  enum Storage {
    /// A radix table of 4 KiB pages, as units walk.
    case radix(PagingTable)
    /// The mock unit's: the mappings themselves, in pages of 2 KiB.
    case mock(MockDomain)
  }

  let storage: Storage
  /// The smallest page in bytes.
  let pageSize: UInt64
  /// Addresses that cannot be translated.
  let unusable: [ClosedRange<UInt64>]
  /// Whether mappings that devices may only read are refused.
  let refusesReadOnly: Bool
  /// Whether snooping is enforced.
  let enforcesCoherency: Bool

  init(
    _ storage: Storage, pageSize: UInt64, aperture: ClosedRange<UInt64>, refusesReadOnly: Bool,
    enforcesCoherency: Bool
  ) {
    self.storage = storage
    self.pageSize = pageSize
    var unusable: [ClosedRange<UInt64>] = []
    if aperture.lowerBound > 0 { unusable.append(0...(aperture.lowerBound - 1)) }
    if aperture.upperBound < .max { unusable.append((aperture.upperBound + 1)...(.max)) }
    self.unusable = unusable
    self.refusesReadOnly = refusesReadOnly
    self.enforcesCoherency = enforcesCoherency
  }

  /// The page sizes that a unit could use, as bits.
  var pageSizes: UInt64 {
    switch storage {
    case .radix: pageSize | 1 << 21 | 1 << 30
    case .mock(let domain): domain.pageSizes
    }
  }

  /// The radix table, if that is how translations are kept.
  var table: PagingTable? {
    if case .radix(let table) = storage { table } else { nil }
  }

  /// What a unit walks.
  var translationTable: TranslationTable {
    if case .radix(let table) = storage { .paging(table) } else { .blocked(.vtd) }
  }

  /// Shows a mapping whose pages are held.
  func map(_ area: Area) {
    guard case .radix(let table) = storage, !area.pages.isRevoked else { return }
    var access: DMAAccess = []
    if area.isReadable { access.insert(.read) }
    if area.isWritable { access.insert(.write) }
    area.forEachRun { iova, address, byteCount in
      // The address space keeps mappings apart, aligned and inside of the aperture.
      do {
        try table.map(
          IOVA(iova), byteCount: byteCount, to: HostAddress(rawValue: address), allowing: access)
      } catch {
        preconditionFailure("an area that the table refuses: \(error)")
      }
    }
  }

  /// Hides a mapping.
  func unmap(_ start: UInt64, _ last: UInt64) {
    switch storage {
    case .radix(let table): _ = try? table.unmap(IOVA(start), byteCount: last - start + 1)
    case .mock(let domain): domain.forgetDirty(start...last)
    }
  }

  /// Gives back what hidden mappings left; every unit has drained.
  func reclaim() { table?.reclaim() }
}
