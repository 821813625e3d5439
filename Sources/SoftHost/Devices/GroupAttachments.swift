import HostABI

/// What a group's devices are attached to within a context, by PASID; PASID 0 is the RID.
///
/// A million PASIDs are an ordinary case: an entry is one word of a sparse table.
final class GroupAttachments {
  let group: IOMMUGroup
  /// The table's number in the lower half, and a bit a device of the group in the upper half.
  private var entries = PASIDMap<UInt64>()
  /// Entries of numbers that no PASID has; they can be noted for devices without PASIDs.
  private var highEntries: [UInt32: UInt64] = [:]
  /// Devices by their bit.
  private var devices: [DeviceObject?] = []

  init(_ group: IOMMUGroup) { self.group = group }

  /// The most devices of one group that can be bound at once.
  static let deviceLimit = 32

  /// Gives a device its bit; `ENOSPC` beyond ``deviceLimit``.
  func add(_ device: DeviceObject) throws(LinuxErrno) {
    if let free = devices.firstIndex(where: { $0 == nil }) {
      devices[free] = device
      device.bit = free
    } else {
      guard devices.count < Self.deviceLimit else { throw .ENOSPC }
      device.bit = devices.count
      devices.append(device)
    }
  }

  /// Takes a device's bit.
  func remove(_ device: DeviceObject) { devices[device.bit] = nil }

  /// Whether no device is bound.
  var isEmpty: Bool { devices.allSatisfy { $0 == nil } }

  private func entry(_ pasid: UInt32) -> UInt64? {
    pasid < NumberSet.limit ? entries[pasid] : highEntries[pasid]
  }

  private func setEntry(_ pasid: UInt32, _ entry: UInt64?) {
    guard pasid < NumberSet.limit else {
      highEntries[pasid] = entry
      return
    }
    if let entry {
      entries.updateValue(entry, for: pasid)
    } else {
      entries.removeValue(for: pasid)
    }
  }

  /// The number of the table that a PASID is attached to.
  func tableID(_ pasid: UInt32) -> UInt32? {
    entry(pasid).map { UInt32(truncatingIfNeeded: $0) }
  }

  /// Whether a device itself is attached.
  func holds(_ device: DeviceObject, _ pasid: UInt32) -> Bool {
    entry(pasid).map { $0 >> UInt64(32 + device.bit) & 1 == 1 } ?? false
  }

  /// How many devices are attached.
  func deviceCount(_ pasid: UInt32) -> Int {
    entry(pasid).map { ($0 >> 32).nonzeroBitCount } ?? 0
  }

  /// The devices that are attached.
  func attached(_ pasid: UInt32) -> [DeviceObject] {
    let bits = (entry(pasid) ?? 0) >> 32
    return devices.indices.compactMap { bits >> UInt64($0) & 1 == 1 ? devices[$0] : nil }
  }

  /// Whether anything but the RID is attached.
  var hasPASIDs: Bool {
    entries.count > (entries[0] == nil ? 0 : 1) || !highEntries.isEmpty
  }

  /// All that is attached but the RID, ascending.
  var pasids: [UInt32] { entries.map(\.pasid).filter { $0 != 0 } + highEntries.keys.sorted() }

  /// Notes that a device is attached to a table.
  func insert(_ device: DeviceObject, _ pasid: UInt32, _ tableID: UInt32) {
    let devices = ((entry(pasid) ?? 0) >> 32) | (1 << UInt64(device.bit))
    setEntry(pasid, (devices << 32) | UInt64(tableID))
  }

  /// Notes that all attached devices moved to another table.
  func move(_ pasid: UInt32, to tableID: UInt32) {
    guard let entry = entry(pasid) else { return }
    setEntry(pasid, (entry & ~0xFFFF_FFFF) | UInt64(tableID))
  }

  /// Notes that a device is detached, and tells whether it was the last.
  func remove(_ device: DeviceObject, _ pasid: UInt32) -> Bool {
    guard let entry = entry(pasid) else { return false }
    let left = entry & ~(1 << UInt64(32 + device.bit))
    setEntry(pasid, left >> 32 == 0 ? nil : left)
    return left >> 32 == 0
  }
}
