public import Hardware
import HostABI

/// A range of guest-physical addresses that devices may reach, and the memory behind it.
public struct GuestMemoryRegion: Hashable, Sendable {
  /// What stands behind the addresses.
  public enum Backing: Hashable, Sendable {
    /// Memory of this process, from an address on.
    case memory(address: UInt64)
    /// Part of a file in memory, or of a device's memory that was exported as a dma-buf.
    case file(descriptor: Int32, offset: UInt64)
  }

  /// The addresses, both ends included.
  public let range: ClosedRange<GuestPhysicalAddress>
  /// What stands behind them.
  public let backing: Backing
  /// Whether devices may only read it, as with a ROM.
  public let isReadOnly: Bool

  /// Describes a region.
  ///
  /// - Parameters:
  ///   - start: The first address, a multiple of the host's page size.
  ///   - byteCount: The size in bytes, a multiple of the host's page size and not 0.
  ///   - backing: What stands behind it.
  ///   - isReadOnly: Whether devices may only read it.
  /// - Throws: ``GuestMemoryError/badRange(start:byteCount:)``.
  public init(
    at start: GuestPhysicalAddress, byteCount: UInt64, _ backing: Backing,
    isReadOnly: Bool = false
  ) throws(GuestMemoryError) {
    let (last, overflow) = start.rawValue.addingReportingOverflow(byteCount &- 1)
    guard byteCount > 0, !overflow, start.rawValue & 0xFFF == 0, byteCount & 0xFFF == 0 else {
      throw .badRange(start: start, byteCount: byteCount)
    }
    range = start...GuestPhysicalAddress(last)
    self.backing = backing
    self.isReadOnly = isReadOnly
  }

  /// The size in bytes.
  public var byteCount: UInt64 {
    range.upperBound.rawValue &- range.lowerBound.rawValue &+ 1
  }

  /// Where devices find it: at its guest-physical addresses.
  var addresses: ClosedRange<IOVA> {
    IOVA(range.lowerBound.rawValue)...IOVA(range.upperBound.rawValue)
  }

  /// What devices may do.
  var access: MapFlags { isReadOnly ? .readable : [.readable, .writeable] }
}
