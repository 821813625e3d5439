public import Hardware
public import IOMMU

/// A guest's physical memory, as a unit reads and writes the structures that the guest keeps there.
///
/// The guest may change it at any time, and any address may have no memory behind it. Each method
/// reads what it returns once; check that value and use it, never read twice.
///
/// A VMM describes its memory in a ``PagingTable``: guest physical addresses to pages of our process,
/// or to pages that a ``ForeignMemory`` answers for. Taking memory away follows that type's steps,
/// with ``invalidateAll()`` as the second and third. Every access stands in a transaction of its own,
/// so that no page goes away in its middle.
public final class GuestMemory: Sendable {
  /// The tag of guest physical addresses in the unit's cache; tags of domains are below 2^18.
  static let tag: UInt32 = 1 << 24

  /// Which guest physical address is which page.
  public let table: PagingTable
  /// Holds pages while they are used, and caches.
  public let unit: TranslationUnit
  let context: TranslationContext

  /// Makes the guest's memory known.
  ///
  /// - Parameters:
  ///   - table: Which guest physical address is which page.
  ///   - unit: Whose transactions hold pages while they are used; it must reach the same foreign
  ///     memory as the table.
  public init(_ table: PagingTable, unit: TranslationUnit) {
    self.table = table
    self.unit = unit
    context = TranslationContext(.paging(table), tag: Self.tag)
  }

  /// Makes the guest's memory known, with a unit of its own.
  ///
  /// - Parameter table: Which guest physical address is which page.
  public convenience init(_ table: PagingTable) {
    self.init(table, unit: TranslationUnit(foreign: table.foreign))
  }

  /// Forgets all translations and waits until none is in use, after pages were taken away.
  ///
  /// Never call it inside a transaction.
  public func invalidateAll() {
    unit.iotlb.invalidateAll()
    unit.drain()
  }

  // MARK: Words

  /// Reads a 64-bit word.
  ///
  /// - Parameter address: Where it is; a multiple of 8, anything else reads nothing.
  /// - Returns: The word, or `nil` when no memory answers.
  public func load(_ address: GuestPhysicalAddress) -> UInt64? {
    words(at: address).map { (words: InlineArray<1, UInt64>) in words[0] }
  }

  /// Reads an entry of several 64-bit words, each of them once.
  ///
  /// The words need not be of one moment: a guest that writes meanwhile may be seen half way.
  ///
  /// - Parameter address: Where it is; a multiple of its size, which is a power of two up to 4 KiB.
  ///   Anything else reads nothing.
  /// - Returns: The words, or `nil` when no memory answers.
  public func words<let count: Int>(
    at address: GuestPhysicalAddress
  ) -> InlineArray<count, UInt64>? {
    access(address, .read, size: UInt64(count) &* 8) { host in
      var words = InlineArray<count, UInt64>(repeating: 0)
      if host.isDirect {
        for index in words.indices {
          words[index] = HostMemory.load(
            at: HostAddress(rawValue: host.rawValue + UInt64(index) * 8))
        }
        return words
      }
      guard let foreign = table.foreign else { return nil }
      if count == 1 {
        guard let word = foreign.load(at: host) else { return nil }
        words[0] = word
        return words
      }
      // In one call, as each may be a system call.
      var bytes = InlineArray<64, UInt8>(repeating: 0)
      for first in stride(from: 0, to: count, by: 8) {
        let part = min(8, count - first)
        var span = bytes.mutableSpan
        var target = span._mutatingExtracting(0..<part * 8)
        let place = HostAddress(rawValue: host.rawValue + UInt64(first) * 8)
        guard foreign.read(from: place, into: &target) else { return nil }
        for index in 0..<part { words[first + index] = bytes.span.little(at: index * 8) ?? 0 }
      }
      return words
    }
  }

  /// Writes a 64-bit word at once.
  ///
  /// - Parameters:
  ///   - value: The word.
  ///   - address: Where it goes; a multiple of 8, anything else writes nothing.
  /// - Returns: Whether it was written.
  public func store(_ value: UInt64, at address: GuestPhysicalAddress) -> Bool {
    write([value] as InlineArray<1, UInt64>, at: address)
  }

  /// Writes a 32-bit word at once.
  ///
  /// - Parameters:
  ///   - value: The word.
  ///   - address: Where it goes; a multiple of 4, anything else writes nothing.
  /// - Returns: Whether it was written.
  public func store(_ value: UInt32, at address: GuestPhysicalAddress) -> Bool {
    access(address, .write, size: 4) { host in
      if host.isDirect {
        HostMemory.store32(value, at: host)
        return true
      }
      var bytes = InlineArray<4, UInt8>(repeating: 0)
      var span = bytes.mutableSpan
      span.storeLittle(value, at: 0)
      return table.foreign?.write(to: host, from: bytes.span) ?? false
    } ?? false
  }

  /// Writes an entry of several 64-bit words, the first one last.
  ///
  /// - Parameters:
  ///   - words: The words.
  ///   - address: Where they go; a multiple of their size, a power of two up to 4 KiB. Anything else
  ///     writes nothing.
  /// - Returns: Whether they were written.
  public func write<let count: Int>(
    _ words: InlineArray<count, UInt64>, at address: GuestPhysicalAddress
  ) -> Bool {
    access(address, .write, size: UInt64(count) &* 8) { host in
      for index in words.indices.reversed() {
        let place = HostAddress(rawValue: host.rawValue + UInt64(index) * 8)
        if host.isDirect {
          HostMemory.store(words[index], at: place)
        } else {
          var bytes = InlineArray<8, UInt8>(repeating: 0)
          var span = bytes.mutableSpan
          span.storeLittle(words[index], at: 0)
          guard let foreign = table.foreign, foreign.write(to: place, from: bytes.span) else {
            return false
          }
        }
      }
      return true
    } ?? false
  }

  /// Replaces a 64-bit word if it still holds what is expected.
  ///
  /// - Parameters:
  ///   - address: Where it is; a multiple of 8, anything else replaces nothing.
  ///   - expected: What it must hold.
  ///   - desired: What it then holds.
  /// - Returns: Whether it was replaced, or `nil` when no memory answers.
  public func compareExchange(
    _ address: GuestPhysicalAddress, _ expected: UInt64, _ desired: UInt64
  ) -> Bool? {
    access(address, [.read, .write], size: 8) { host in
      guard host.isDirect else {
        return table.foreign?.compareExchange(at: host, expected, desired)
      }
      return HostMemory.compareExchange(at: host, expected, desired)
    }
  }

  // MARK: Bytes

  /// Reads bytes, across pages if need be.
  ///
  /// - Parameters:
  ///   - address: Where the first byte is.
  ///   - bytes: What is filled.
  /// - Returns: Whether all of them were read; the content is then of no one moment.
  public func read(
    from address: GuestPhysicalAddress, into bytes: inout MutableSpan<UInt8>
  ) -> Bool {
    unit.withDMA { dma in
      dma.read(from: IOVA(address.rawValue), into: &bytes, for: context).obstacle == nil
    }
  }

  /// Writes bytes, across pages if need be.
  ///
  /// - Parameters:
  ///   - address: Where the first byte goes.
  ///   - bytes: The bytes.
  /// - Returns: Whether all of them were written.
  public func write(to address: GuestPhysicalAddress, from bytes: Span<UInt8>) -> Bool {
    unit.withDMA { dma in
      dma.write(to: IOVA(address.rawValue), from: bytes, for: context).obstacle == nil
    }
  }

  /// Translates an aligned range within a page and uses it before the page can go away.
  @inline(__always)
  private func access<Result>(
    _ address: GuestPhysicalAddress, _ access: DMAAccess, size: UInt64,
    _ body: (HostAddress) -> Result?
  ) -> Result? {
    guard size <= 4096, address.rawValue & (size &- 1) == 0, size & (size &- 1) == 0 else {
      return nil
    }
    return unit.withDMA { dma in
      guard
        case .success(let found) = dma.translate(IOVA(address.rawValue), access, for: context)
      else { return nil }
      return body(found.address)
    }
  }
}
