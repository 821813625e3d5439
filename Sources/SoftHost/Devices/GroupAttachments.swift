import HostABI

/// What a group's devices are attached to within a context, by PASID; PASID 0 is the RID.
///
/// A million PASIDs are an ordinary case: an entry is one word of a sparse table.
final class GroupAttachments {
  let group: IOMMUGroup
  /// The table's number in the lower half, and a bit a device of the group in the upper half.
  private var entries = InPlace(PASIDMap<UInt64>())
  /// Whether the RID is attached to a table that does not go with PASIDs.
  private(set) var ridRefusesPASIDs = false
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

  /// What a PASID is attached to, and which devices are.
  struct Entry {
    /// The table's number in the lower half, and a bit a device of the group in the upper half.
    fileprivate(set) var bits: UInt64

    /// The number of the table.
    var tableID: UInt32 { UInt32(truncatingIfNeeded: bits) }

    /// Whether a device itself is attached.
    func holds(_ device: DeviceObject) -> Bool { bits >> UInt64(32 + device.bit) & 1 == 1 }
  }

  /// What a PASID is attached to.
  func entry(_ pasid: UInt32) -> Entry? { entries.value[pasid].map { Entry(bits: $0) } }

  /// The number of the table that a PASID is attached to.
  func tableID(_ pasid: UInt32) -> UInt32? {
    entries.value[pasid].map { UInt32(truncatingIfNeeded: $0) }
  }

  /// The devices that are attached.
  func attached(_ pasid: UInt32) -> [DeviceObject] {
    let bits = (entries.value[pasid] ?? 0) >> 32
    return devices.indices.compactMap { bits >> UInt64($0) & 1 == 1 ? devices[$0] : nil }
  }

  /// Whether anything but the RID is attached.
  var hasPASIDs: Bool { entries.value.count > (entries.value[0] == nil ? 0 : 1) }

  /// All that is attached but the RID, ascending.
  var pasids: [UInt32] { entries.value.map(\.pasid).filter { $0 != 0 } }

  /// Notes that a device is attached to a table, beside those that an entry has.
  func insert(
    _ device: DeviceObject, _ pasid: UInt32, _ table: PageTableObject, beside entry: Entry?
  ) {
    let devices = ((entry?.bits ?? 0) >> 32) | (1 << UInt64(device.bit))
    _ = entries.value.updateValue((devices << 32) | UInt64(table.id), for: pasid)
    if pasid == 0 { ridRefusesPASIDs = !table.isPASIDCompatible }
  }

  /// Notes that all attached devices moved to another table.
  func move(_ pasid: UInt32, to table: PageTableObject) {
    guard let entry = entries.value[pasid] else { return }
    _ = entries.value.updateValue((entry & ~0xFFFF_FFFF) | UInt64(table.id), for: pasid)
    if pasid == 0 { ridRefusesPASIDs = !table.isPASIDCompatible }
  }

  /// Notes that a device is detached from what an entry has, and tells whether it was the last.
  func remove(_ device: DeviceObject, _ pasid: UInt32, from entry: Entry) -> Bool {
    let left = entry.bits & ~(1 << UInt64(32 + device.bit))
    if left >> 32 == 0 {
      if pasid == 0 { ridRefusesPASIDs = false }
      _ = entries.value.removeValue(for: pasid)
    } else {
      _ = entries.value.updateValue(left, for: pasid)
    }
    return left >> 32 == 0
  }
}

/// A value of a class's property that is used where it stands.
///
/// Calling a method on a copyable property of a class copies it first, which counts a reference for
/// each of its arrays; this one cannot be copied.
struct InPlace<Value>: ~Copyable {
  var value: Value

  init(_ value: Value) { self.value = value }
}
