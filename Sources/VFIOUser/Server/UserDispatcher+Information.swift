import HostABI
import Hardware

extension UserDispatcher {
  /// The fields of a question about the device: `argsz` is what the reply may have.
  private func room(_ payload: Span<UInt8>, _ byteCount: Int) throws(Refusal) -> UInt32 {
    guard payload.count >= byteCount, let room = payload.little(UInt32.self, at: 0) else {
      throw Refusal(.EINVAL, "the message is too short")
    }
    guard room >= byteCount else { throw Refusal(.EINVAL, "argsz is too small for a reply") }
    return room
  }

  /// `VFIO_USER_DEVICE_GET_INFO`: argsz, flags, regions, kinds of interrupts.
  func deviceInfo(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    _ = try room(payload, 16)
    put(UInt32(16), at: 0)
    put((VFIODeviceFlags.reset.union(.pci)).rawValue, at: 4)
    put(UInt32(information.regions.count), at: 8)
    put(UInt32(information.interrupts.count), at: 12)
    return 16
  }

  /// `VFIO_USER_DEVICE_GET_REGION_INFO`: argsz, flags, index, where capabilities are, size, offset.
  func regionInfo(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    let room = try room(payload, 32)
    guard let index = payload.little(UInt32.self, at: 8),
      Int(index) < information.regions.count
    else { throw Refusal(.EINVAL, "there is no such region") }
    let region = information.regions[Int(index)]
    let hasFile = region.file != nil && region.byteCount > 0
    let parts = hasFile ? region.mappableParts : []
    let byteCount = parts.isEmpty ? 32 : 48 + 16 * parts.count
    // Without room for the capability only its size is told, and the descriptor waits for the next try.
    let isWhole = Int(room) >= byteCount
    var flags = region.flags.subtracting([.mmap, .capabilities])
    if hasFile { flags.insert(.mmap) }
    if !parts.isEmpty { flags.insert(.capabilities) }
    makeRoom(byteCount)
    put(UInt32(byteCount), at: 0)
    put(flags.rawValue, at: 4)
    put(index, at: 8)
    put(UInt32(parts.isEmpty ? 0 : 32), at: 12)
    put(region.byteCount, at: 16)
    put(region.file?.offset ?? 0, at: 24)
    guard isWhole else { return 32 }
    if let file = region.file, hasFile { replyFiles = [file.file] }
    if !parts.isEmpty { putSparseParts(parts) }
    return byteCount
  }

  /// `VFIO_REGION_INFO_CAP_SPARSE_MMAP`, the only capability.
  private func putSparseParts(_ parts: [Range<UInt64>]) {
    let sparseParts: UInt16 = 1
    put(sparseParts, at: 32)
    put(UInt16(1), at: 34)
    put(UInt32(0), at: 36)
    put(UInt32(parts.count), at: 40)
    put(UInt32(0), at: 44)
    for (index, part) in parts.enumerated() {
      put(part.lowerBound, at: 48 + 16 * index)
      put(part.upperBound - part.lowerBound, at: 56 + 16 * index)
    }
  }

  /// `VFIO_USER_DEVICE_GET_REGION_IO_FDS`: argsz, flags, index, count.
  ///
  /// There are none.
  func regionIOFiles(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    _ = try room(payload, 16)
    guard payload.little(UInt32.self, at: 4) == 0, payload.little(UInt32.self, at: 12) == 0,
      let index = payload.little(UInt32.self, at: 8), Int(index) < information.regions.count
    else { throw Refusal(.EINVAL, "there is no such region, or a field is not zero") }
    put(UInt32(16), at: 0)
    put(UInt32(0), at: 4)
    put(index, at: 8)
    put(UInt32(0), at: 12)
    return 16
  }

  /// `VFIO_USER_DEVICE_GET_IRQ_INFO`: argsz, flags, index, count.
  func interruptInfo(_ payload: Span<UInt8>) throws(Refusal) -> Int {
    _ = try room(payload, 16)
    guard let index = payload.little(UInt32.self, at: 8),
      Int(index) < information.interrupts.count
    else { throw Refusal(.EINVAL, "there is no such kind of interrupt") }
    put(UInt32(16), at: 0)
    put(information.interrupts[Int(index)].flags, at: 4)
    put(index, at: 8)
    put(information.interrupts[Int(index)].count, at: 12)
    return 16
  }
}
