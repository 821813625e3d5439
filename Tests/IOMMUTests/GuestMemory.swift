import HostSystem
import Hardware
import IOMMU

/// Guest memory for tests: pages of ours, mapped into a paging table.
final class GuestMemory: Sendable {
  let memory: AnonymousMemory
  let stage2: PagingTable

  /// Maps `pages` pages from guest physical address 0 on; backwards, so that neither looks like the
  /// other.
  init(
    pages: Int, levels: Int = 4, dialect: FaultDialect = .vtd, mapping: Bool = true,
    foreign: (any ForeignMemory)? = nil
  ) throws {
    memory = try AnonymousMemory(byteCount: pages * 4096)
    stage2 = PagingTable(levels: levels, dialect: dialect, foreign: foreign)
    guard mapping else { return }
    for page in 0..<pages { try map(page) }
  }

  var pages: Int { memory.byteCount / 4096 }

  /// Where a guest page is in our memory.
  func host(_ page: Int) -> HostAddress {
    HostAddress(memory.address + UInt64(pages - 1 - page) * 4096)
  }

  func map(_ page: Int, _ access: DMAAccess = [.read, .write]) throws {
    try stage2.map(
      IOVA(UInt64(page) * 4096), byteCount: 4096, to: host(page), allowing: access)
  }

  func unmap(_ page: Int) throws { try stage2.unmap(IOVA(UInt64(page) * 4096), byteCount: 4096) }

  func remap(_ page: Int, _ access: DMAAccess) throws {
    try unmap(page)
    if !access.isEmpty { try map(page, access) }
  }

  /// The word at a guest physical address.
  subscript(_ address: UInt64) -> UInt64 {
    get { HostMemory.load(at: word(address)) }
    set { HostMemory.store(newValue, at: word(address)) }
  }

  private func word(_ address: UInt64) -> HostAddress {
    HostAddress(host(Int(address >> 12)).rawValue | address & 0xFF8)
  }
}

extension TranslationUnit {
  /// One request in a transaction of its own.
  func translate(
    _ iova: UInt64, _ access: DMAAccess = .read, for context: TranslationContext
  ) -> TranslationResult {
    withDMA { dma in dma.translate(IOVA(iova), access, for: context) }
  }
}

extension TranslationResult {
  var translation: Translation? { if case .success(let it) = self { it } else { nil } }
  var fault: TranslationFault? { if case .fault(let it) = self { it } else { nil } }
}
