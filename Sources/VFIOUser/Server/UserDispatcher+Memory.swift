import HostABI
import Hardware

extension UserDispatcher {
  /// A range of whole pages.
  private func range(
    _ address: UInt64, _ byteCount: UInt64
  ) throws(Refusal) -> ClosedRange<UInt64> {
    guard byteCount > 0, (address | byteCount) % UserLimits.pageSize == 0 else {
      throw Refusal(.EINVAL, "the range is not of whole pages")
    }
    let (last, isWrapped) = address.addingReportingOverflow(byteCount - 1)
    guard !isWrapped else { throw Refusal(.EINVAL, "the range goes beyond the last address") }
    return address...last
  }

  /// `VFIO_USER_DMA_MAP`: argsz, flags, offset in the file, address, size.
  func mapDMA(_ payload: Span<UInt8>, _ files: [ReceivedFile]) throws(Refusal) -> Int {
    guard let argumentSize = payload.little(UInt32.self, at: 0),
      let flags = payload.little(UInt32.self, at: 4),
      let offset = payload.little(UInt64.self, at: 8),
      let address = payload.little(UInt64.self, at: 16),
      let byteCount = payload.little(UInt64.self, at: 24), argumentSize >= 32
    else { throw Refusal(.EINVAL, "the message is too short") }
    // How the file is used is ours to choose, whatever the two bits above say.
    guard flags & ~0xF == 0 else { throw Refusal(.EINVAL, "a flag is not known") }
    guard files.count <= 1 else { throw Refusal(.EINVAL, "a mapping has one descriptor") }
    guard flags & 0xC == 0 || !files.isEmpty else {
      throw Refusal(.EINVAL, "a descriptor is missing")
    }
    let range = try range(address, byteCount)
    if !files.isEmpty {
      guard offset % UserLimits.pageSize == 0,
        offset <= UInt64(Int64.max) - min(byteCount, UInt64(Int64.max))
      else { throw Refusal(.EINVAL, "the offset is not one of a file's page") }
    }
    guard !mappings.overlaps(range) else { throw Refusal(.EEXIST, "it is mapped already") }
    guard mappings.ranges.count < UserMapping.limit else {
      throw Refusal(.ENOSPC, "there are too many mappings")
    }
    do throws(UserRefusal) {
      try device.map(
        UserMapping(
          range: range, isReadable: flags & 1 != 0, isWritable: flags & 2 != 0,
          file: files.first.map { ($0, offset) }))
    } catch {
      throw Refusal(device: error)
    }
    mappings.insert(range)
    return 0
  }

  /// `VFIO_USER_DMA_UNMAP`: argsz, flags, address, size, and for a bitmap its page size and size.
  ///
  /// A range takes all mappings that are wholly in it: a client with an IOMMU of its own takes away
  /// what it made in pieces, in ranges where nothing may be.
  func unmapDMA(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    let wantsBitmap: UInt32 = 1
    let isForAll: UInt32 = 2
    guard let argumentSize = payload.little(UInt32.self, at: 0),
      let flags = payload.little(UInt32.self, at: 4),
      let address = payload.little(UInt64.self, at: 8),
      let byteCount = payload.little(UInt64.self, at: 16), argumentSize >= 24
    else { throw Refusal(.EINVAL, "the message is too short") }
    makeRoom(24)
    put(argumentSize, at: 0)
    put(flags, at: 4)
    put(address, at: 8)
    put(byteCount, at: 16)
    switch flags {
    case isForAll:
      guard address == 0, byteCount == 0 else {
        throw Refusal(.EINVAL, "a range is told where all is meant")
      }
      unmap(0..<mappings.ranges.count)
      return 24
    case 0, wantsBitmap:
      let range = try range(address, byteCount)
      guard let indices = mappings.whole(in: range), flags == 0 || !indices.isEmpty else {
        throw Refusal(.ENOENT, "no mapping has this range")
      }
      var bitmapByteCount = 0
      if flags == wantsBitmap {
        bitmapByteCount = try putBitmap(payload, at: 24, range, room: Int(argumentSize))
      }
      unmap(indices)
      return 24 + bitmapByteCount
    default: throw Refusal(.EINVAL, "a flag is not known")
    }
  }

  private func unmap(_ indices: Range<Int>) {
    // The last first, since that is the cheapest to take out of a table in order.
    for index in indices.reversed() { device.unmap(mappings.ranges[index]) }
    mappings.remove(indices)
  }
}
