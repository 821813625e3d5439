public import Hardware
import HostABI
public import IOMMUClient

/// Which of the guest's pages devices have written, for migration.
///
/// What a device writes through any of its PASIDs goes through the second stage at the end, so the
/// bitmaps of the tables that guests' first stages stand on tell all of it.
extension PassthroughMachine {
  /// Why not every page that a device writes would be told.
  public struct Untracked: Hashable, Sendable, CustomStringConvertible {
    /// The page table that does not track.
    public let table: UInt32

    /// The reason in words, with what can be done.
    public var description: String {
      "page table \(table) was allocated without DIRTY_TRACKING, so that what its devices write is "
        + "not told: unplug those devices before migration, or have the guest's IOMMU ask for it"
    }
  }

  /// The page tables that do not track what their devices write.
  ///
  /// While there are any, all of guest memory has to count as written. Devices without a host IOMMU
  /// are not among them: what their drivers do, VFIO's own migration tells.
  public var untracked: [Untracked] {
    tables.filter { !$0.table.options.contains(.dirtyTracking) }
      .map { Untracked(table: $0.table.id) }
  }

  /// Starts or stops tracking in all tables that can, those of devices that come later too; starting
  /// forgets what was written before.
  ///
  /// - Parameter isOn: Whether to track.
  /// - Throws: ``IOMMUError``; then no table tracks that did not before.
  public func trackDirtyPages(_ isOn: Bool) throws(IOMMUError) {
    // Before the tables are listed: a device that is realised meanwhile either is in the list or
    // finds this set.
    let wasTracking = isTracking
    isTracking = isOn
    let tracking = tables.filter { $0.table.options.contains(.dirtyTracking) }
    var done = 0
    do throws(IOMMUError) {
      for kept in tracking {
        try kept.table.setDirtyTracking(isOn)
        done += 1
      }
    } catch {
      isTracking = wasTracking
      if isOn, !wasTracking {
        for kept in tracking.prefix(done) { try? kept.table.setDirtyTracking(false) }
      }
      throw error
    }
  }

  /// Calls `body` with each run of pages that a device has written since the last time.
  ///
  /// A run may come more than once, from several tables.
  ///
  /// - Parameters:
  ///   - pageSize: Bytes that count as one page, a power of two that regions are multiples of.
  ///   - clearing: Whether a page that is told counts as not written until the next write.
  ///   - body: Gets the addresses, both ends included.
  /// - Throws: ``IOMMUError``; runs told by then are not told again when they were cleared.
  public func forEachDirtyRun(
    pageSize: UInt64 = 4096, clearing: Bool = true,
    _ body: (ClosedRange<GuestPhysicalAddress>) -> Void
  ) throws(IOMMUError) {
    let regions = regions
    for kept in tables where kept.table.options.contains(.dirtyTracking) {
      // Linux stops at the first gap, so each region is asked for by itself.
      for region in regions where !region.isReadOnly {
        let bitmap = try kept.table.dirtyPages(
          in: region.addresses, pageSize: pageSize, clearing: clearing)
        bitmap.forEachRun { run in
          body(
            GuestPhysicalAddress(
              run.lowerBound.rawValue)...GuestPhysicalAddress(run.upperBound.rawValue))
        }
      }
    }
  }
}
