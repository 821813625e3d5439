package import HostABI

/// The memory of a program that makes requests: what its addresses mean.
///
/// A program in this process has ``ProcessMemory``; a supervised program's memory lies in another
/// process. Every address may be wrong, and the program's other threads may change what lies there
/// at any time: a structure is read once.
package protocol CallerMemory: AnyObject, Sendable {
  /// The structure at an address, of any alignment; `EFAULT` when it cannot all be read.
  func load<Structure: WireStructure>(
    _ type: Structure.Type, at address: UInt64
  ) throws(LinuxErrno) -> Structure

  /// The first bytes of a structure, the others zero; `EFAULT` when the first cannot all be read.
  func loadPart<Structure: WireStructure>(
    _ type: Structure.Type, _ byteCount: Int, at address: UInt64
  ) throws(LinuxErrno) -> Structure

  /// Puts a structure at an address, of any alignment; `EFAULT` when it cannot all be written.
  func store<Structure: WireStructure>(
    _ structure: Structure, at address: UInt64
  ) throws(LinuxErrno)

  /// The bytes at an address; `EFAULT` when any of them cannot be read.
  func load(_ byteCount: Int, at address: UInt64) throws(LinuxErrno) -> [UInt8]

  /// Puts bytes at an address; `EFAULT` when any of them cannot be written.
  func store(_ bytes: [UInt8], at address: UInt64) throws(LinuxErrno)

  /// Holds pages for devices, until the result goes away.
  ///
  /// The address is a multiple of 4,096; `EFAULT` when any page is absent, or not writable when it
  /// must be.
  func pin(
    _ address: UInt64, pageCount: Int, writable: Bool
  ) throws(LinuxErrno) -> PinnedPages
}

/// Pages that stay where they are for as long as this value, or a copy, lives.
package struct PinnedPages: Sendable {
  /// Pages that lie one after the other in this process.
  package struct Extent: Sendable {
    /// The address of the first byte.
    package let address: UInt64
    /// How many pages of 4,096 bytes.
    package let pageCount: Int

    package init(address: UInt64, pageCount: Int) {
      self.address = address
      self.pageCount = pageCount
    }
  }

  /// The first pages in order.
  package let first: Extent
  /// The pages after those, where they do not all lie one after the other.
  package let others: [Extent]
  /// What keeps them alive.
  private let owner: any AnyObject & Sendable
  private let otherOwners: [any AnyObject & Sendable]

  /// All pages in order.
  package var extents: [Extent] { [first] + others }

  package init(
    _ first: Extent, keptBy owner: any AnyObject & Sendable, others: [Extent] = [],
    keptBy otherOwners: [any AnyObject & Sendable] = []
  ) {
    self.first = first
    self.owner = owner
    self.others = others
    self.otherOwners = otherOwners
  }
}

/// The page size of the host: 4,096 bytes.
package enum Page {
  package static let size: UInt64 = 4096
  package static let mask: UInt64 = 4095
}
