/// Something that a request was about: its kind and the number that the kernel knows it by.
public enum IOMMUObject: Hashable, Sendable, CustomStringConvertible {
  /// An open `/dev/iommu`.
  case context(path: String)
  /// An I/O address space (IOAS).
  case addressSpace(UInt32)
  /// A page table of the kernel's own (HWPT).
  case pageTable(UInt32)
  /// A page table that a guest wrote, on top of one of the kernel's.
  case nestedTable(UInt32)
  /// A queue of page requests.
  case faultQueue(UInt32)
  /// A virtual IOMMU.
  case virtualIOMMU(UInt32)
  /// A device as a virtual IOMMU sees it.
  case virtualDevice(UInt32)
  /// A queue of a virtual IOMMU's events.
  case eventQueue(UInt32)
  /// A queue that a virtual IOMMU's hardware reads by itself.
  case hardwareQueue(UInt32)
  /// A device, by its node; the number is there once it is bound.
  case device(path: String, id: UInt32?)
  /// A PASID of the device that stands beside it.
  case pasid(UInt32)
  /// A region of the device that stands beside it.
  case region(UInt32)

  /// The object in words, such as `IOAS 3`.
  public var description: String {
    switch self {
    case .context(let path): path
    case .addressSpace(let id): "IOAS \(id)"
    case .pageTable(let id): "page table \(id)"
    case .nestedTable(let id): "nested page table \(id)"
    case .faultQueue(let id): "fault queue \(id)"
    case .virtualIOMMU(let id): "vIOMMU \(id)"
    case .virtualDevice(let id): "vDevice \(id)"
    case .eventQueue(let id): "event queue \(id)"
    case .hardwareQueue(let id): "hardware queue \(id)"
    case .device(let path, let id): id.map { "\(path) (device \($0))" } ?? path
    case .pasid(let number): "PASID \(number)"
    case .region(let index): "region \(index)"
    }
  }
}
