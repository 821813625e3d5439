import Hardware
import HostSystem
import IOMMU

/// A guest whose pages are 4 KiB all the way: four levels of its own over four levels of the host's.
final class NestedGuest {
  /// How many pages the guest's process has.
  let pages: Int
  let memory: AnonymousMemory
  let stage2 = PagingTable()
  /// The guest's top table, as the guest sees it.
  let root: UInt64
  private let total: Int
  private let descriptors: AnonymousMemory
  /// Guest page to page of ours, in no order.
  private let order: [UInt64]

  /// Where the process' pages start.
  static let base: UInt64 = 0x7F00_0000_0000

  init(pages: Int) throws {
    self.pages = pages
    let tables = (pages + 511) / 512 + 3
    total = pages + tables
    memory = try AnonymousMemory(byteCount: total * 4096)
    descriptors = try AnonymousMemory(byteCount: 4096)
    var random = SplitMix64(seed: 1)
    order = Array(0..<UInt64(total)).shuffled(using: &random)
    root = UInt64(pages) << 12
    for page in 0..<total {
      try stage2.map(
        IOVA(UInt64(page) << 12), byteCount: 4096, to: host(page), allowing: [.read, .write])
    }
    let (second, third) = (root + 4096, root + 8192)
    set(root, Self.base >> 39 & 511, to: second)
    set(second, Self.base >> 30 & 511, to: third)
    for table in 0..<tables - 3 {
      let last = root + UInt64(3 + table) << 12
      set(third, UInt64(table), to: last)
      for index in 0..<512 where table * 512 + index < pages {
        set(last, UInt64(index), to: UInt64(table * 512 + index) << 12)
      }
    }
  }

  /// Where a guest page is.
  func host(_ page: Int) -> HostAddress { HostAddress(memory.address + order[page] << 12) }

  /// The address of a page of the process.
  static func iova(_ page: Int) -> UInt64 { base + UInt64(page) << 12 }

  /// What VT-d hardware would be given.
  var context: TranslationContext {
    let table = VTdNestedTable(parent: stage2, root: GuestPhysicalAddress(root))
    return TranslationContext(.vtdNested(table), tag: 1, pasid: PASID(rawValue: 5))
  }

  /// The same tables as an SMMUv3 stream would be given them: the two formats have the same shape.
  ///
  /// A page of its own holds the context descriptor of substream 5.
  func stream() throws -> TranslationContext {
    let tables = SMMUStreamTableEntry(
      word0: 1 | 5 << 1 | UInt64(total) << 12 | 4 << 59, word1: 0)
    let page = HostAddress(descriptors.address)
    try stage2.map(IOVA(UInt64(total) << 12), byteCount: 4096, to: page, allowing: .read)
    // 48 bits of input and output, 4 KiB pages, ASID 1; A bits are set, as are VT-d's at bit 5.
    let word: UInt64 = 16 | 1 << 30 | 1 << 31 | 5 << 32 | 1 << 35 | 3 << 45 | 1 << 41 | 1 << 48
    HostMemory.store(word, at: HostAddress(descriptors.address + 5 << 6))
    HostMemory.store(root | 2, at: HostAddress(descriptors.address + 5 << 6 + 8))
    let table = SMMUStreamTable(parent: stage2, entry: tables)
    return TranslationContext(.smmuStream(table), tag: 2, pasid: PASID(rawValue: 5), stream: 1)
  }

  private func set(_ table: UInt64, _ index: UInt64, to page: UInt64) {
    // Present, writable, user, accessed, dirty: the walk has nothing to write.
    let place = HostAddress(host(Int(table >> 12)).rawValue + index << 3)
    HostMemory.store(page | 0x67, at: place)
  }
}

/// Tables like those of a paging table, and the walk that does nothing but load: one load a step,
/// each depending on the one before.
struct BareWalk {
  private let guest: NestedGuest
  private let memory: AnonymousMemory
  private let top: UInt64

  init(_ guest: NestedGuest) throws {
    self.guest = guest
    let pages = guest.memory.byteCount / 4096
    memory = try AnonymousMemory(byteCount: ((pages + 511) / 512 + 3) * 4096)
    top = memory.address
    let (second, third) = (top + 4096, top + 8192)
    HostMemory.store(second, at: HostAddress(top))
    HostMemory.store(third, at: HostAddress(second))
    for page in 0..<pages {
      let last = top + UInt64(3 + page / 512) << 12
      HostMemory.store(last, at: HostAddress(third + UInt64(page / 512) << 3))
      HostMemory.store(
        guest.host(page).rawValue, at: HostAddress(last + UInt64(page % 512) << 3))
    }
  }

  @inline(__always)
  private func load(_ table: UInt64, _ index: UInt64) -> UInt64 {
    // Both are tables of ours, and an index has nine bits.
    unsafe UnsafePointer<UInt64>(bitPattern: UInt(table)).unsafelyUnwrapped[
      Int(truncatingIfNeeded: index)]
  }

  @inline(__always)
  private func host(_ address: UInt64) -> UInt64 {
    let a = load(top, address >> 39 & 511)
    let b = load(a, address >> 30 & 511)
    let c = load(b, address >> 21 & 511)
    return load(c, address >> 12 & 511)
  }

  /// 24 loads.
  @inline(never)
  func walk(_ iova: UInt64) -> UInt64 {
    var table = guest.root
    table = load(host(table), iova >> 39 & 511) & ~0xFFF
    table = load(host(table), iova >> 30 & 511) & ~0xFFF
    table = load(host(table), iova >> 21 & 511) & ~0xFFF
    table = load(host(table), iova >> 12 & 511) & ~0xFFF
    return host(table)
  }
}
