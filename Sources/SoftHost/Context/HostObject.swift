/// What every object of an iommufd context has: a number, and a count of who uses it.
class HostObject {
  /// The object's number in its context; never 0.
  final let id: UInt32
  /// Other objects, attachments and open files that rest on this one.
  final var uses = 0

  init(id: UInt32) { self.id = id }

  /// Whether a program has memory of the object mapped, which keeps it as a use does.
  var isMapped: Bool { false }
}

/// A place in a context's table of objects.
enum ObjectSlot {
  /// Nothing has this number.
  case free
  /// The number is never given again while the context lives.
  case tombstone
  /// An I/O address space.
  case ioas(AddressSpace)
  /// A page table of the kernel's own.
  case paging(PagingHWPT)
  /// A guest's page table.
  case nested(NestedHWPT)
  /// A bound device behind an IOMMU.
  case device(DeviceObject)
  /// A bound emulated device, or another user of an address space.
  case access(AccessObject)
  /// A queue of page requests.
  case faults(FaultQueue)
  /// A guest's IOMMU.
  case viommu(VirtualIOMMU)
  /// A device as a guest's IOMMU knows it.
  case vdevice(VirtualDevice)
  /// Events of a guest's IOMMU.
  case events(EventQueue)
  /// A queue that hardware serves in guest memory.
  case hardwareQueue(HardwareQueue)
  /// An object of the mock-device requests.
  case mock(MockObject)

  /// The object, whatever it is.
  var object: HostObject? {
    switch self {
    case .free, .tombstone: nil
    case .ioas(let object): object
    case .paging(let object): object
    case .nested(let object): object
    case .device(let object): object
    case .access(let object): object
    case .faults(let object): object
    case .viommu(let object): object
    case .vdevice(let object): object
    case .events(let object): object
    case .hardwareQueue(let object): object
    case .mock(let object): object
    }
  }
}
