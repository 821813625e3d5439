public import Hardware
import HostABI

/// A part of a guest's first-stage table that the IOMMU shall forget (VT-d).
public struct VTdInvalidationRange: Hashable, Sendable {
  /// The first address; its low 12 bits are zero.
  public var address: IOVA
  /// Pages of 4 KiB.
  public var pageCount: UInt64
  /// Whether only leaf entries changed.
  public var leavesOnly: Bool

  /// Everything that the table translates.
  public static let everything = Self(address: IOVA(0), pageCount: .max)

  /// Describes a range.
  ///
  /// - Parameters:
  ///   - address: The first address, 4 KiB-aligned.
  ///   - pageCount: Pages of 4 KiB.
  ///   - leavesOnly: Whether only leaf entries changed.
  public init(address: IOVA, pageCount: UInt64, leavesOnly: Bool = false) {
    self.address = address
    self.pageCount = pageCount
    self.leavesOnly = leavesOnly
  }
}

/// A command of a guest's SMMUv3 command queue.
public struct SMMUv3Command: Hashable, Sendable {
  /// The first doubleword; the opcode is in its low byte.
  public var word0: UInt64
  /// The second doubleword.
  public var word1: UInt64

  /// Takes the two doublewords of a command.
  ///
  /// - Parameters:
  ///   - word0: The first.
  ///   - word1: The second.
  public init(word0: UInt64, word1: UInt64) {
    self.word0 = word0
    self.word1 = word1
  }
}

extension HardwarePageTable {
  /// Makes the IOMMU and the devices' own caches forget parts of a nested table
  /// (`IOMMU_HWPT_INVALIDATE`, VT-d).
  ///
  /// - Parameter ranges: What to forget, in order.
  /// - Returns: How many entries were handled: all of them.
  /// - Throws: ``IOMMUError``; its `handled` says how many entries before the failing one took
  ///   effect. Those after it did not.
  @discardableResult
  public func invalidate(_ ranges: [VTdInvalidationRange]) throws(IOMMUError) -> Int {
    try invalidate(count: ranges.count) { ranges[$0] }
  }

  /// Makes the IOMMU and the devices' own caches forget parts of a nested table, one after the
  /// other as they are asked for, so that nobody has to gather them in an array first.
  ///
  /// - Parameters:
  ///   - count: How many parts.
  ///   - range: Gives the part of an index; called once for each, in order.
  /// - Returns: How many entries were handled: all of them.
  /// - Throws: ``IOMMUError``, as ``invalidate(_:)``.
  /// - Complexity: O(count); one allocation for some thousand entries.
  @discardableResult
  public func invalidate(
    count: Int, _ range: (Int) -> VTdInvalidationRange
  ) throws(IOMMUError) -> Int {
    try object.invalidate(
      count, InvalidateDataType.vtdStage1, entrySize: VTdInvalidation.byteCount
    ) { index in
      let range = range(index)
      return [range.address.rawValue, range.pageCount, range.leavesOnly ? 1 : 0]
    }
  }
}

extension KernelObject {
  /// Sends entries to a nested table or a virtual IOMMU, as many at a time as fit into scratch
  /// memory; each is two or three words.
  func invalidate(
    _ count: Int, _ type: UInt32, entrySize: Int, _ words: (Int) -> InlineArray<3, UInt64>
  ) throws(IOMMUError) -> Int {
    guard count > 0 else { return 0 }
    let step = ScratchPool.blockSize / entrySize
    return try context.scratch.with(ScratchPool.blockSize) { (scratch) throws(IOMMUError) in
      var done = 0
      while done < count {
        let end = min(count, done + step)
        try scratch.store(Self.bytes(done..<end, entrySize: entrySize, words))
        var argument = InvalidateArgument()
        argument.hwptID = id
        argument.dataAddress = scratch.address
        argument.dataType = type
        argument.entryLength = UInt32(entrySize)
        argument.entryCount = UInt32(end - done)
        let handled: Int
        do throws(IOMMUError) {
          try context.perform(.hwptInvalidate, &argument, about: [name])
          handled = min(Int(argument.entryCount), end - done)
        } catch {
          // The count is written back also after an error.
          let handled = done + min(Int(argument.entryCount), end - done)
          throw IOMMUError(
            error.request, error.cause, error.objects, error.circumstances, handled: handled)
        }
        done += handled
        guard done == end else {
          throw IOMMUError(
            .iommufd(.hwptInvalidate), .unexpected("success with \(done) entries of \(count)"),
            [name], handled: done)
        }
      }
      return done
    }
  }

  /// Entries as they stand in memory, each of the first words that it has.
  private static func bytes(
    _ range: Range<Int>, entrySize: Int, _ words: (Int) -> InlineArray<3, UInt64>
  ) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count * entrySize)
    var span = bytes.mutableSpan
    var at = 0
    for index in range {
      let entry = words(index)
      for word in 0..<entrySize / 8 { span.storeLittle(entry[word], at: at + 8 * word) }
      at += entrySize
    }
    return bytes
  }
}
