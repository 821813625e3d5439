public import HostABI

/// Identifiers below 2^31, given out as Linux's ID allocator (`ida_alloc_range` and others) does.
///
/// VFIO keeps the PASIDs that a device is attached with in one. Every operation is a few steps.
///
/// Linux stores identifiers in chunks of 1024, and its search for the first one at or above a number
/// looks only into the first chunk in use from that number's chunk on: when this is the number's own
/// and has nothing at or above it, Linux says that there is none, though later chunks may have some.
/// ``findFirst(in:)`` answers exactly instead. VFIO asks for one number, or from 0, where both agree.
public struct IDAllocator: Sendable {
  private var ids = NumberSet()

  /// Makes an allocator with nothing given out, which takes no memory.
  public init() {}

  /// The identifiers given out.
  public var count: Int { ids.count }

  /// Whether nothing is given out.
  public var isEmpty: Bool { ids.isEmpty }

  /// Gives out the lowest free identifier of a range, which is cut at 2^31 - 1.
  ///
  /// - Throws: `ENOSPC` when there is none, or the range starts at 2^31 or above.
  @discardableResult
  public mutating func allocate(in range: ClosedRange<UInt32>) throws(LinuxErrno) -> UInt32 {
    guard range.lowerBound < NumberSet.limit else { throw .ENOSPC }
    let id = ids.firstAbsent(from: range.lowerBound)
    guard id <= Swift.min(range.upperBound, NumberSet.limit - 1) else { throw .ENOSPC }
    ids.insert(id)
    return id
  }

  /// Gives out one identifier, unless it is given out already or is 2^31 or above.
  ///
  /// - Returns: Whether it was given out by this call.
  @discardableResult
  public mutating func take(_ id: UInt32) -> Bool { id < NumberSet.limit && ids.insert(id) }

  /// Takes an identifier back.
  ///
  /// - Returns: Whether it was given out. Linux warns in its log when not, and ignores 2^31 and above.
  @discardableResult
  public mutating func free(_ id: UInt32) -> Bool { ids.remove(id) }

  /// The lowest identifier of a range that is given out.
  ///
  /// - Throws: `EINVAL` when the range starts at 2^31 or above; `ENOENT` when there is none.
  public func findFirst(in range: ClosedRange<UInt32>) throws(LinuxErrno) -> UInt32 {
    guard range.lowerBound < NumberSet.limit else { throw .EINVAL }
    guard let id = ids.first(from: range.lowerBound), id <= range.upperBound else {
      throw .ENOENT
    }
    return id
  }

  /// Whether an identifier is given out, as `ida_exists` answers.
  ///
  /// Linux compares what its search returns with the identifier, so the one that looks like the
  /// search's error for 2^31 and above, -EINVAL or 0xFFFFFFEA, exists always.
  public func exists(_ id: UInt32) -> Bool {
    id < NumberSet.limit
      ? ids.contains(id) : id == UInt32(bitPattern: -LinuxErrno.EINVAL.rawValue)
  }

  /// Takes all identifiers back.
  public mutating func removeAll() { ids.removeAll() }

  /// The bytes of the arrays that hold the identifiers.
  public var byteCount: Int { ids.byteCount }
}

extension IDAllocator: Sequence {
  /// What is given out, lowest first.
  public func makeIterator() -> NumberSet.Iterator { ids.makeIterator() }
}
