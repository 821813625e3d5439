#if os(Linux)
  import CLinux

  /// The parts of a file that hold data, so that looking at it fills no holes (`SEEK_DATA`).
  ///
  /// A file system that does not know answers with everything. At most 65,536 parts are told.
  package struct OccupiedRanges: Sequence, IteratorProtocol {
    private let descriptor: Int32
    private var place: UInt64
    private let end: UInt64
    private var count = 0

    /// Looks at a part of a file.
    ///
    /// - Parameters:
    ///   - descriptor: The file; its position changes.
    ///   - range: Which bytes.
    package init(_ descriptor: Int32, _ range: Range<UInt64>) {
      self.descriptor = descriptor
      place = range.lowerBound
      end = range.upperBound
    }

    /// The next part.
    ///
    /// - Returns: Bytes of the file, within the range.
    package mutating func next() -> Range<UInt64>? {
      guard place < end, count < 1 << 16 else { return nil }
      count += 1
      let (data, hole): (UInt64, UInt64) = (3, 4)
      // What a file system answers is looked at, too.
      guard let start = seek(place, data), start >= place, start < end else { return nil }
      let stop = Swift.min(Swift.max(seek(start, hole) ?? end, start + 1), end)
      place = stop
      return start..<stop
    }

    private func seek(_ offset: UInt64, _ whence: UInt64) -> UInt64? {
      guard
        let result = try? Calls.make(clinux_lseek, descriptor.register, offset, whence)
      else { return nil }
      return UInt64(bitPattern: result)
    }
  }
#endif
