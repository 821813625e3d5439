/// An object of an iommufd context, as far as the log saw it come to be.
struct KnownObject: Hashable, Sendable {
  /// What it is.
  enum Kind: String, Hashable, Sendable {
    case ioas, hwpt
    case nested = "nested hwpt"
    case device
    case faults = "fault queue"
    case viommu, vdevice
    case events = "event queue"
    case hardwareQueue = "hw queue"
    case mockDevice = "mock device"

    /// The word in names: a nested table is a hwpt too.
    var word: String { self == .nested ? "hwpt" : rawValue }
  }

  var kind: Kind
  /// The object that it was made on.
  var parent: UInt32?
  /// The number of the device that it stands for.
  var device: Int?
  /// Whether an attach made it, so that the last detach ends it.
  var isAutomatic = false
}

/// Where a device's requests are attached: without a PASID, or with one.
struct AttachmentPoint: Hashable, Sendable {
  /// The device's number in its context.
  var device: UInt32
  var pasid: UInt32?
}

/// What the log knows of one iommufd context.
struct KnownContext: Sendable {
  var objects: [UInt32: KnownObject] = [:]
  /// Tables by attachment.
  var attachments: [AttachmentPoint: UInt32] = [:]
  /// Lengths by IOVA of each address space; number 0 stands for the container's own.
  var mappings: [UInt32: [UInt64: UInt64]] = [:]
  /// The address space that container requests use; 0 when its number is not known.
  var containerSpace: UInt32 = 0

  /// Numbers that no object of a kernel has: for devices whose number is not told.
  static let untoldNumber: UInt32 = 1 << 31

  /// What people call an object: `ioas 2`, `hwpt 5`, `vfio0`.
  func name(_ id: UInt32) -> String {
    guard let object = objects[id] else { return id == 0 ? "object 0" : "unknown object \(id)" }
    if object.kind == .device, let device = object.device { return "vfio\(device)" }
    return "\(object.kind.word) \(id)"
  }

  /// The name with what the object rests on.
  func longName(_ id: UInt32) -> String {
    guard let object = objects[id] else { return name(id) }
    switch object.kind {
    case .device:
      // The number of a device that a group's file gave is not told to anybody.
      guard id < Self.untoldNumber else { return name(id) }
      return "dev \(id)" + (object.device.map { " (vfio\($0))" } ?? "")
    case .nested: return name(id) + (object.parent.map { " (nested on \(name($0)))" } ?? "")
    case .ioas, .faults: return name(id)
    case .hwpt, .viommu, .vdevice, .events, .hardwareQueue, .mockDevice:
      return name(id) + (object.parent.map { " (on \(name($0)))" } ?? "")
    }
  }

  /// What rests on an object, so that it cannot be destroyed.
  func users(of id: UInt32) -> [String] {
    let objects = objects.filter { $0.value.parent == id }.keys.sorted().map { name($0) }
    let attached = attachments.filter { $0.value == id }.keys.map { point in
      name(point.device) + (point.pasid.map { " PASID \($0)" } ?? "")
    }
    return objects + attached.sorted()
  }

  /// How many bytes are mapped in an address space.
  func mappedBytes(_ ioas: UInt32) -> UInt64 {
    mappings[ioas, default: [:]].values.reduce(0) { $0 &+ $1 }
  }

  // MARK: Changes

  mutating func map(_ ioas: UInt32, _ iova: UInt64, _ byteCount: UInt64) {
    mappings[ioas, default: [:]][iova] = byteCount
  }

  /// Takes away the mappings that lie within a range; the whole space for the greatest length.
  mutating func unmap(_ ioas: UInt32, _ iova: UInt64, _ byteCount: UInt64) {
    // Most ranges are one mapping, as it was made.
    if mappings[ioas]?[iova] == byteCount {
      mappings[ioas]?[iova] = nil
      return
    }
    let (last, wraps) = iova.addingReportingOverflow(byteCount &- 1)
    let end = wraps || byteCount == 0 ? .max : last
    mappings[ioas] = mappings[ioas, default: [:]].filter { $0.key < iova || $0.key > end }
  }

  mutating func attach(_ point: AttachmentPoint, to table: UInt32) {
    let old = attachments.updateValue(table, forKey: point)
    if let old, old != table { forgetIfAutomatic(old) }
  }

  mutating func detach(_ point: AttachmentPoint) {
    if let old = attachments.removeValue(forKey: point) { forgetIfAutomatic(old) }
  }

  /// A device is gone, and what was made for it.
  mutating func removeDevice(_ id: UInt32) {
    for point in attachments.keys where point.device == id { detach(point) }
    let index = objects[id]?.device
    for (other, object) in objects where object.kind == .vdevice {
      if object.device == index, index != nil { objects[other] = nil }
    }
    objects[id] = nil
  }

  mutating func destroy(_ id: UInt32) {
    guard let object = objects.removeValue(forKey: id) else { return }
    mappings[id] = nil
    if object.kind == .mockDevice, let device = object.parent { removeDevice(device) }
  }

  private mutating func forgetIfAutomatic(_ table: UInt32) {
    guard objects[table]?.isAutomatic == true, !attachments.values.contains(table) else { return }
    objects[table] = nil
  }
}
