import HostABI

/// One open of `/dev/iommu`: a number space of objects.
final class IOMMUContext {
  /// The host, whose units and devices the objects stand for.
  let host: HostState
  /// Objects by number; number 0 is never one.
  private(set) var slots: [ObjectSlot] = [.free]
  private var numbers = ObjectNumbers()
  /// Attachments of the groups whose devices are bound to this context.
  var groups: [Int: GroupAttachments] = [:]
  /// The address space that container requests use; not a use of it.
  var compatible: AddressSpace?
  /// Whether pinned memory is charged to the process and not to the user.
  var chargesProcess = false
  /// Memory of units' drivers that can be mapped, ascending by offset.
  var driverMemory: [DriverMemory] = []
  /// Whether it was opened as `/dev/vfio/vfio`.
  var isTypeOneContainer = false
  /// The real file behind the context's descriptors, for programs of other processes.
  var file: (any MappableFile)?
  /// Open files and bound devices that hold the context.
  var holders = 1
  /// How many objects there are.
  private(set) var objectCount = 0

  init(host: HostState) { self.host = host }

  /// Makes an object with the lowest free number.
  func create<Object>(
    _ make: (UInt32) throws(LinuxErrno) -> (Object, ObjectSlot)
  ) throws(LinuxErrno) -> Object {
    let id = try numbers.take()
    let made: (Object, ObjectSlot)
    do {
      made = try make(id)
    } catch {
      _ = numbers.free(id)
      throw error
    }
    while slots.count <= Int(id) { slots.append(.free) }
    slots[Int(id)] = made.1
    objectCount += 1
    return made.0
  }

  /// Takes an object out of the table.
  ///
  /// With `retire` the number is never given again.
  func remove(_ id: UInt32, retire: Bool = false) {
    slots[Int(id)] = retire ? .tombstone : .free
    objectCount -= 1
    _ = retire ? numbers.bury(id) : numbers.free(id)
  }

  /// What has a number.
  func slot(_ id: UInt32) -> ObjectSlot { id < slots.count ? slots[Int(id)] : .free }

  /// The address space with a number; `ENOENT` for any other object.
  func ioas(_ id: UInt32) throws(LinuxErrno) -> AddressSpace {
    guard case .ioas(let object) = slot(id) else { throw .ENOENT }
    return object
  }

  /// The device with a number; `ENOENT` for any other object.
  func device(_ id: UInt32) throws(LinuxErrno) -> DeviceObject {
    guard case .device(let object) = slot(id) else { throw .ENOENT }
    return object
  }

  /// The kernel's own page table with a number; `ENOENT` for any other object.
  func paging(_ id: UInt32) throws(LinuxErrno) -> PagingHWPT {
    guard case .paging(let object) = slot(id) else { throw .ENOENT }
    return object
  }

  /// The fault queue with a number; `ENOENT` for any other object.
  func faults(_ id: UInt32) throws(LinuxErrno) -> FaultQueue {
    guard case .faults(let object) = slot(id) else { throw .ENOENT }
    return object
  }

  /// The vIOMMU with a number; `ENOENT` for any other object.
  func viommu(_ id: UInt32) throws(LinuxErrno) -> VirtualIOMMU {
    guard case .viommu(let object) = slot(id) else { throw .ENOENT }
    return object
  }
}

extension IOMMUContext {
  /// `IOMMU_DESTROY`: ends an object that nothing uses.
  func destroy(_ id: UInt32) throws(LinuxErrno) {
    let slot = slot(id)
    guard let object = slot.object else { throw .ENOENT }
    // A bound device is used by its driver, an open queue by its file; both are counted.
    guard object.uses == 0, !object.isMapped else { throw .EBUSY }
    tearDown(slot)
    remove(id)
  }

  /// Undoes what an object holds; it stays in the table.
  private func tearDown(_ slot: ObjectSlot) {
    switch slot {
    case .free, .tombstone: break
    case .ioas(let ioas): ioas.tearDown(in: self)
    case .paging(let hwpt): hwpt.tearDown()
    case .nested(let hwpt): hwpt.tearDown()
    case .device, .access: break
    case .faults(let queue): queue.tearDown()
    case .viommu(let viommu): viommu.tearDown()
    case .vdevice(let device): device.tearDown()
    case .events(let queue): queue.tearDown()
    case .hardwareQueue(let queue): queue.tearDown(in: self)
    case .mock(let object): object.tearDown(in: self)
    }
  }

  /// The last reference to the context went: all objects go, those that nothing rests on first.
  func close() {
    var isDone = false
    while !isDone {
      isDone = true
      // Leaves are younger as a rule, so the walk goes down and few rounds are needed.
      for id in slots.indices.reversed() {
        guard let object = slots[id].object, object.uses == 0 else { continue }
        tearDown(slots[id])
        remove(object.id)
        isDone = false
      }
    }
  }
}
