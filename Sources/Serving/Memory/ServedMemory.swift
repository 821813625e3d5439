import HostABI
import HostSystem
import Hardware
import IOMMU
import Synchronization
import SystemPackage
package import VFIOUser
package import VirtualIOMMU

/// Memory of a guest, as one client's messages tell of it.
///
/// What came with a descriptor is mapped here and can be reached by page walks and DMA; what came
/// without is reached by messages alone, and is not in the table.
package final class ServedMemory: Sendable {
  /// What is known of one mapping.
  package struct Part: Sendable {
    package let range: ClosedRange<UInt64>
    package let isReadable: Bool
    package let isWritable: Bool
    /// The file, for those who look for data in it, and where the first byte is.
    package let file: (file: ReceivedFile, offset: UInt64)?
    /// The pages, as long as they are mapped here.
    let pages: MappedPages?
  }

  /// The table that everything that translates goes through.
  package let memory: GuestMemory
  private let parts = Mutex<[UInt64: Part]>([:])

  /// Makes a guest without memory.
  package init() { memory = GuestMemory(PagingTable(levels: 4)) }

  /// Takes memory over.
  ///
  /// - Parameter mapping: The memory; it overlaps nothing that is there.
  /// - Throws: `EINVAL` for addresses that no table has, for a file that is too short, or none in memory;
  ///   `ENOSPC` for more than ``byteLimit`` bytes or ``fileLimit`` mappings; the errno of the mapping.
  package func map(_ mapping: UserMapping) throws(UserRefusal) {
    var pages: MappedPages?
    if let file = mapping.file {
      let (count, sum) = parts.withLock { parts in
        let mapped = parts.values.compactMap(\.pages)
        return (mapped.count, mapped.reduce(0) { $0 &+ $1.byteCount })
      }
      let size = mapping.range.upperBound &- mapping.range.lowerBound
      guard count < Self.fileLimit else {
        throw UserRefusal(.ENOSPC, "a client has at most \(Self.fileLimit) mappings with a file")
      }
      guard size < Self.byteLimit, sum <= Self.byteLimit &- size else {
        throw UserRefusal(.ENOSPC, "a client has at most \(Self.byteLimit >> 40) TiB mapped")
      }
      let made = try MappedPages(mapping, file)
      do throws(PagingError) {
        try memory.table.map(
          IOVA(mapping.range.lowerBound), byteCount: made.byteCount,
          to: HostAddress(made.address),
          allowing: made.access)
      } catch {
        throw UserRefusal(error.isOverlap ? .EEXIST : .EINVAL)
      }
      pages = made
    }
    let part = Part(
      range: mapping.range, isReadable: mapping.isReadable, isWritable: mapping.isWritable,
      file: mapping.file, pages: pages)
    parts.withLock { $0[mapping.range.lowerBound] = part }
  }

  /// The most bytes of one client that are mapped here: a TiB, whose table takes 2 GiB.
  package static var byteLimit: UInt64 { 1 << 40 }
  /// The most mappings of one client that have a file; guests of many have tens.
  package static var fileLimit: Int { 1024 }

  /// Takes memory away; nobody uses it any more when this returns.
  ///
  /// - Parameter range: The addresses of a mapping.
  package func unmap(_ range: ClosedRange<UInt64>) {
    guard let part = parts.withLock({ $0.removeValue(forKey: range.lowerBound) }) else { return }
    forget([part])
  }

  /// Takes everything away.
  package func removeAll() {
    let all = parts.withLock { parts in
      defer { parts = [:] }
      return Array(parts.values)
    }
    if !all.isEmpty { forget(all) }
  }

  /// What there is, lowest address first.
  package var all: [Part] {
    parts.withLock { $0.values.sorted { $0.range.lowerBound < $1.range.lowerBound } }
  }

  private func forget(_ gone: [Part]) {
    for part in gone {
      guard let pages = part.pages else { continue }
      _ = try? memory.table.unmap(IOVA(part.range.lowerBound), byteCount: pages.byteCount)
    }
    memory.invalidateAll()
    memory.table.reclaim()
    // Nothing reaches the pages any more, so they may go.
    withExtendedLifetime(gone) {}
  }
}

/// Pages of a client's file, mapped here.
final class MappedPages: Sendable {
  private let memory: AnonymousMemory
  /// Where in the mapping the first byte is.
  private let lead: UInt64
  let byteCount: UInt64
  let access: DMAAccess

  init(
    _ mapping: UserMapping, _ file: (file: ReceivedFile, offset: UInt64)
  ) throws(UserRefusal) {
    let (size, overflow) = (mapping.range.upperBound &- mapping.range.lowerBound)
      .addingReportingOverflow(1)
    guard !overflow, mapping.range.upperBound < 1 << 48,
      (size | file.offset | mapping.range.lowerBound) & 0xFFF == 0
    else { throw UserRefusal(.EINVAL) }
    guard mapping.isReadable || mapping.isWritable else { throw UserRefusal(.EINVAL) }
    let descriptor = file.file.descriptor
    try mapping.checkFile()
    // Huge pages are mapped whole, wherever the range begins.
    let pageSize = Calls.pageSize(of: descriptor)
    lead = file.offset & (pageSize - 1)
    let whole = (size + lead + (pageSize - 1)) & ~(pageSize - 1)
    do {
      memory = try AnonymousMemory(
        mapping: descriptor, at: file.offset - lead, byteCount: Int(whole),
        isWritable: mapping.isWritable)
    } catch {
      throw UserRefusal(LinuxErrno(rawValue: error.rawValue))
    }
    // The client may make its file smaller at any time.
    guard ShrinkingMemory.guardAgainst(memory, pageSize: pageSize) else {
      throw UserRefusal(.ENOSPC)
    }
    byteCount = size
    var access: DMAAccess = []
    if mapping.isReadable { access.insert(.read) }
    if mapping.isWritable { access.insert(.write) }
    self.access = access
  }

  var address: UInt64 { memory.address + lead }

  deinit { ShrinkingMemory.forget(memory) }
}

extension PagingError {
  fileprivate var isOverlap: Bool {
    if case .overlaps = self { return true }
    return false
  }
}
