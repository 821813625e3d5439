package import HostABI
import HostSystem

/// The memory of a program that makes requests: what its addresses mean.
///
/// A program in this process has ``ProcessMemory``; a supervised program's memory lies in another
/// process. Every address may be wrong, and the program's other threads may change what lies there
/// at any time: a structure is read once.
package protocol CallerMemory: AnyObject, Sendable {
  /// Copies bytes out of the memory.
  ///
  /// - Returns: Whether all of them could be read; if not, some may be copied.
  func read(_ address: UInt64, into bytes: inout MutableRawSpan) -> Bool

  /// Copies bytes into the memory.
  ///
  /// - Returns: Whether all of them could be written; if not, some may be.
  func write(_ bytes: RawSpan, to address: UInt64) -> Bool

  /// Whether the program has ended, so that nothing is found at its addresses any more.
  var isGone: Bool { get }

  /// Holds pages for devices, until the result goes away.
  ///
  /// The address is a multiple of 4,096; `EFAULT` when any page is absent, or not writable when it
  /// must be.
  func pin(
    _ address: UInt64, pageCount: Int, writable: Bool
  ) throws(LinuxErrno) -> PinnedPages

  /// Holds pages of a device's region that the program has mapped, for other devices.
  ///
  /// `EFAULT` when any page is something else.
  func pinRegion(_ address: UInt64, pageCount: Int) throws(LinuxErrno) -> PinnedPages
}

extension CallerMemory {
  package var isGone: Bool { false }

  package func pinRegion(
    _ address: UInt64, pageCount: Int
  ) throws(LinuxErrno) -> PinnedPages { throw .EFAULT }

  /// The structure at an address, of any alignment; `EFAULT` when it cannot all be read.
  @inline(__always)
  package func load<Structure: WireStructure>(
    _ type: Structure.Type, at address: UInt64
  ) throws(LinuxErrno) -> Structure {
    var structure = Structure()
    guard StructureBytes.fill(&structure, Structure.byteCount, { read(address, into: &$0) })
    else { throw .EFAULT }
    return structure
  }

  /// The structure at an address, or `nil` when it cannot all be read.
  @inline(__always)
  package func loadIfPresent<Structure: WireStructure>(
    _ type: Structure.Type, at address: UInt64
  ) -> Structure? {
    var structure = Structure()
    let isPresent = StructureBytes.fill(&structure, Structure.byteCount) {
      read(address, into: &$0)
    }
    return isPresent ? structure : nil
  }

  /// The first bytes of a structure, the others zero; `EFAULT` when the first cannot all be read.
  @inline(__always)
  package func loadPart<Structure: WireStructure>(
    _ type: Structure.Type, _ byteCount: Int, at address: UInt64
  ) throws(LinuxErrno) -> Structure {
    var structure = StructureBytes.zero(type)
    let count = min(max(byteCount, 0), Structure.byteCount)
    guard StructureBytes.fill(&structure, count, { read(address, into: &$0) })
    else { throw .EFAULT }
    return structure
  }

  /// Puts a structure at an address, of any alignment; `EFAULT` when it cannot all be written.
  @inline(__always)
  package func store<Structure: WireStructure>(
    _ structure: Structure, at address: UInt64
  ) throws(LinuxErrno) {
    guard
      StructureBytes.borrow(structure, Structure.byteCount, { write($0, to: address) })
    else { throw .EFAULT }
  }

  /// Puts the first bytes of a structure at an address.
  @inline(__always)
  package func storePart<Structure: WireStructure>(
    _ structure: Structure, _ byteCount: Int, at address: UInt64
  ) throws(LinuxErrno) {
    let count = min(max(byteCount, 0), Structure.byteCount)
    guard StructureBytes.borrow(structure, count, { write($0, to: address) })
    else { throw .EFAULT }
  }

  /// The bytes at an address; `EFAULT` when any of them cannot be read.
  package func load(_ byteCount: Int, at address: UInt64) throws(LinuxErrno) -> [UInt8] {
    guard byteCount >= 0 else { throw .EINVAL }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    guard StructureBytes.fill(&bytes, { read(address, into: &$0) }) else { throw .EFAULT }
    return bytes
  }

  /// Puts bytes at an address; `EFAULT` when any of them cannot be written.
  package func store(_ bytes: [UInt8], at address: UInt64) throws(LinuxErrno) {
    guard StructureBytes.borrow(bytes, { write($0, to: address) }) else { throw .EFAULT }
  }
}

/// Pages that stay where they are for as long as this value, or a copy, lives.
package struct PinnedPages: Sendable {
  /// Pages that lie one after the other in this process, or in a numbered space.
  package struct Extent: Sendable {
    /// The address of the first byte as a `HostAddress`'s raw value: for pages of this process simply
    /// their address.
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
  /// What keeps them alive.
  private let owner: any AnyObject & Sendable
  /// The pages after those, where they do not all lie one after the other.
  private let rest: Rest?
  /// The largest pages that they are parts of, in bytes.
  package let largestPage: UInt64

  private final class Rest: Sendable {
    let extents: [Extent]
    let owners: [any AnyObject & Sendable]

    init(_ extents: [Extent], _ owners: [any AnyObject & Sendable]) {
      self.extents = extents
      self.owners = owners
    }
  }

  /// The pages after the first.
  package var others: [Extent] { rest?.extents ?? [] }

  /// All pages in order.
  package var extents: [Extent] { [first] + others }

  package init(
    _ first: Extent, keptBy owner: any AnyObject & Sendable, others: [Extent] = [],
    keptBy otherOwners: [any AnyObject & Sendable] = [], largestPage: UInt64 = Page.size
  ) {
    self.largestPage = largestPage
    self.first = first
    self.owner = owner
    rest = others.isEmpty ? nil : Rest(others, otherOwners)
  }
}

/// The page size of the host: 4,096 bytes.
package enum Page {
  package static let size: UInt64 = 4096
  package static let mask: UInt64 = 4095
}
