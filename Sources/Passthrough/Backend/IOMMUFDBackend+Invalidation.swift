public import Hardware
import IOMMUClient
import Synchronization
public import VirtualIOMMU

extension IOMMUFDBackend {
  /// Drops what the host may have cached of a first stage, and waits until no device uses it.
  ///
  /// One request of the kernel takes some thousand ranges; none is copied but into that request. A
  /// batch that drops everything anyway becomes one range. What has no first stage of the guest's
  /// has nothing to drop: the second stage is the VMM's.
  ///
  /// - Parameters:
  ///   - ranges: What was invalidated.
  ///   - pasid: Whose first stage; `nil` for the RID's.
  /// - Throws: When the host refuses, with how many ranges it had dropped by then.
  /// - Complexity: O(ranges), a few nanoseconds each before the kernel's own time.
  public func invalidate(
    _ ranges: Span<FirstStageInvalidation>, of pasid: PASID?
  ) throws(BackendRefusal) {
    guard ranges.count > 0 else { return }
    let found = state.withLock { state -> KeptTable? in
      guard let inPlace = state.inPlace[pasid], case .firstStage = inPlace.translation else {
        return nil
      }
      return inPlace.table
    }
    guard let found else { return }
    var isEverything = false
    for index in ranges.indices where ranges[index].pageCount == .max {
      isEverything = true
      break
    }
    do throws(IOMMUError) {
      if isEverything {
        try found.table.invalidate(count: 1) { _ in .everything }
      } else {
        try found.table.invalidate(count: ranges.count) { index in
          let range = ranges[index]
          return VTdInvalidationRange(
            address: IOVA(range.address), pageCount: range.pageCount,
            leavesOnly: range.isLeafOnly)
        }
      }
    } catch {
      throw Self.refusal(
        "\(subject(pasid)): \(error.handled) of \(ranges.count) ranges were invalidated", error)
    }
  }
}
