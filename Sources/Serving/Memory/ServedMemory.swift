import HostABI
import HostSystem
import Hardware
import IOMMU
import Synchronization
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
  private let state = Mutex(State())

  private struct State {
    var parts: [UInt64: Part] = [:]
    /// The bytes of all parts that are mapped here.
    var byteCount: UInt64 = 0
    var views = FileViews()

    mutating func remove(_ start: UInt64) -> Part? {
      guard let part = parts.removeValue(forKey: start) else { return nil }
      byteCount -= part.pages?.byteCount ?? 0
      return part
    }
  }

  /// Makes a guest without memory.
  package init() { memory = GuestMemory(PagingTable(levels: 4, hasLargeLeaves: true)) }

  /// Takes memory over.
  ///
  /// - Parameter mapping: The memory; it overlaps nothing that is there.
  /// - Throws: `EINVAL` for addresses that no table has, for a file that is too short, or none in memory;
  ///   `ENOSPC` for more than ``byteLimit`` bytes or ``fileLimit`` files; the errno of the mapping.
  package func map(_ mapping: UserMapping) throws(UserRefusal) {
    var pages: MappedPages?
    if let file = mapping.file {
      let made = try state.withLock { state throws(UserRefusal) in
        let size = mapping.range.upperBound &- mapping.range.lowerBound
        guard size < Self.byteLimit, state.byteCount <= Self.byteLimit &- size else {
          throw UserRefusal(.ENOSPC, "a client has at most \(Self.byteLimit >> 40) TiB mapped")
        }
        return try MappedPages(mapping, file, in: &state.views)
      }
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
      file: pages.map { ($0.view.file, $0.offset) }, pages: pages)
    state.withLock { state in
      state.parts[mapping.range.lowerBound] = part
      state.byteCount += pages?.byteCount ?? 0
    }
  }

  /// The most bytes of one client that are mapped here: a TiB.
  ///
  /// Its table has large leaves: some KiB for a few mappings, at most four tables of 4 KiB for each of
  /// many.
  package static var byteLimit: UInt64 { 1 << 40 }
  /// The most files of one client that are mapped here, or parts of files that are too large to be mapped
  /// as a whole; guests have a few.
  package static var fileLimit: Int { 1024 }

  /// Takes memory away; nobody uses it any more when this returns.
  ///
  /// - Parameter range: The addresses of a mapping.
  package func unmap(_ range: ClosedRange<UInt64>) {
    guard let part = state.withLock({ $0.remove(range.lowerBound) }) else { return }
    forget([part])
  }

  /// Takes everything away.
  package func removeAll() {
    let all = state.withLock { state in
      defer {
        state.parts = [:]
        state.byteCount = 0
      }
      return Array(state.parts.values)
    }
    if !all.isEmpty { forget(all) }
  }

  /// What there is, lowest address first.
  package var all: [Part] {
    state.withLock { $0.parts.values.sorted { $0.range.lowerBound < $1.range.lowerBound } }
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
struct MappedPages: Sendable {
  /// What they are part of.
  let view: FileView
  /// Where in the file the first byte is.
  let offset: UInt64
  let byteCount: UInt64
  let access: DMAAccess

  init(
    _ mapping: UserMapping, _ file: (file: ReceivedFile, offset: UInt64), in views: inout FileViews
  ) throws(UserRefusal) {
    let (size, overflow) = (mapping.range.upperBound &- mapping.range.lowerBound)
      .addingReportingOverflow(1)
    guard !overflow, mapping.range.upperBound < 1 << 48,
      (size | file.offset | mapping.range.lowerBound) & 0xFFF == 0
    else { throw UserRefusal(.EINVAL) }
    guard mapping.isReadable || mapping.isWritable else { throw UserRefusal(.EINVAL) }
    let (end, isWrapped) = file.offset.addingReportingOverflow(size)
    guard !isWrapped else { throw UserRefusal(.EINVAL) }
    try mapping.checkFile()
    view = try views.view(of: file.file, file.offset..<end, isWritable: mapping.isWritable)
    offset = file.offset
    byteCount = size
    var access: DMAAccess = []
    if mapping.isReadable { access.insert(.read) }
    if mapping.isWritable { access.insert(.write) }
    self.access = access
  }

  var address: UInt64 { view.address(of: offset) }
}

extension PagingError {
  fileprivate var isOverlap: Bool {
    if case .overlaps = self { return true }
    return false
  }
}
