import Hardware
import HostABI
import IOMMUClient
import Synchronization

/// An address space that devices are attached to, and the page tables that were made in it.
///
/// Devices that are translated by the host alone share one. A device with nested tables under VT-d
/// has its own: what is attached beside it would stand on a second stage that the device's own
/// guest tables are built on.
final class DeviceSpace: Sendable {
  let space: IOAddressSpace
  /// Whether regions that devices may only read are left out.
  let omitsReadOnly: Bool
  /// Whether it is one device's own.
  let isExclusive: Bool
  let pool = PageTablePool()

  init(
    in context: IOMMUContext, omitsReadOnly: Bool, isExclusive: Bool
  ) throws(IOMMUError) {
    space = try IOAddressSpace(in: context)
    self.omitsReadOnly = omitsReadOnly
    self.isExclusive = isExclusive
  }

  /// Whether a region is mapped here.
  func takes(_ region: GuestMemoryRegion) -> Bool { !(omitsReadOnly && region.isReadOnly) }
}

/// The page tables of one address space.
///
/// A table that was made for another device is used again only when it was allocated with every
/// flag that this one needs. A device without PASIDs that came first made a table without the PASID
/// flag, on which nothing with PASIDs may land.
final class PageTablePool: Sendable {
  private struct Entry {
    weak var table: KeptTable?
  }

  private let entries = Mutex<[Entry]>([])

  /// Attaches a device's RID to a table with the flags that it needs, made if need be.
  ///
  /// - Parameters:
  ///   - device: The device, with nothing attached.
  ///   - space: The address space of this pool.
  ///   - needs: The flags that the table must have.
  /// - Returns: The table, and whether it was there before.
  /// - Throws: ``IOMMUError``; nothing is attached then.
  func attach(
    _ device: borrowing BoundDevice, in space: borrowing IOAddressSpace, needing needs: HWPTFlags
  ) throws(IOMMUError) -> (table: KeptTable, isReused: Bool) {
    let known = entries.withLock { entries in
      entries.removeAll { $0.table == nil }
      return entries.compactMap(\.table)
    }
    for kept in known where needs.isSubset(of: kept.table.options) {
      if try attach(device, to: kept) { return (kept, true) }
    }
    let made = KeptTable(try space.makePageTable(for: device, options: needs))
    try device.attach(to: made.table)
    entries.withLock { $0.append(Entry(table: made)) }
    return (made, false)
  }

  /// Tries a table; Linux answers `EINVAL` when it does not suit the device's IOMMU, and another
  /// table may.
  private func attach(
    _ device: borrowing BoundDevice, to kept: KeptTable
  ) throws(IOMMUError) -> Bool {
    do throws(IOMMUError) {
      try device.attach(to: kept.table)
      return true
    } catch {
      guard error.errno == .EINVAL else { throw error }
      return false
    }
  }

  /// The tables that are in use.
  var tables: [KeptTable] { entries.withLock { $0.compactMap(\.table) } }
}
