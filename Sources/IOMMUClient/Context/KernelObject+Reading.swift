import HostABI

extension KernelObject {
  /// Whether a queue's descriptor has something to read.
  func isReadable(_ descriptor: Int32) throws(IOMMUError) -> Bool {
    do throws(LinuxErrno) {
      return try context.kernel.poll(descriptor).contains(.readable)
    } catch {
      throw IOMMUError(.poll, error, [name])
    }
  }

  /// The largest read of a queue: the longest group that PCIe allows fits many times.
  private static var largestRead: Int { 4 << 20 }

  /// Reads whole records; an empty array when there are none.
  ///
  /// A queue refuses a read that cannot take its first entry, with the same errno as anything else
  /// that is wrong. So the read is tried with more memory before the errno counts.
  func readRecords(
    of descriptor: Int32, multipleOf recordSize: Int
  ) throws(IOMMUError) -> [UInt8] {
    var byteCount = ScratchPool.blockSize
    while true {
      let size = byteCount / recordSize * recordSize
      let isLargest = byteCount >= Self.largestRead
      let bytes = try context.scratch.with(byteCount) {
        (scratch) throws(IOMMUError) -> [UInt8]? in
        let count: Int
        do throws(LinuxErrno) {
          count = try context.kernel.read(descriptor, scratch.address, size)
        } catch {
          if error == .EINVAL, !isLargest { return nil }
          throw IOMMUError(.read, error, [name])
        }
        return try scratch.load(min(count, size) / recordSize * recordSize)
      }
      if let bytes { return bytes }
      byteCount *= 8
    }
  }
}
