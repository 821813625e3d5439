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
    try object.invalidate(
      ranges.count, InvalidateDataType.vtdStage1, entrySize: VTdInvalidation.byteCount
    ) { index, bytes in
      let range = ranges[index]
      bytes.append(little: range.address.rawValue)
      bytes.append(little: range.pageCount)
      bytes.append(little: UInt32(range.leavesOnly ? 1 : 0))
      bytes.append(little: UInt32(0))
    }
  }
}

extension KernelObject {
  /// Sends entries to a nested table or a virtual IOMMU, as many at a time as fit into scratch
  /// memory.
  func invalidate(
    _ count: Int, _ type: UInt32, entrySize: Int, _ append: (Int, inout [UInt8]) -> Void
  ) throws(IOMMUError) -> Int {
    guard count > 0 else { return 0 }
    let step = ScratchPool.blockSize / entrySize
    return try context.scratch.with(ScratchPool.blockSize) { (scratch) throws(IOMMUError) in
      var done = 0
      var bytes: [UInt8] = []
      bytes.reserveCapacity(min(count, step) * entrySize)
      while done < count {
        let end = min(count, done + step)
        bytes.removeAll(keepingCapacity: true)
        for index in done..<end { append(index, &bytes) }
        try scratch.store(bytes)
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
}
