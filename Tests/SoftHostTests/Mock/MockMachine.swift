import HostABI
import HostSystem
import Testing

@testable import SoftHost

/// A host that answers mock-device requests, a program on it, and a context of the program's.
struct MockMachine {
  let host: SoftwareHost
  let program: SoftProcess
  let context: Int32

  init() throws {
    host = try SoftwareHost(
      HostDescription(units: [], devices: [], answersMockRequests: true))
    program = host.makeProcess()
    context = try program.open("/dev/iommu")
  }

  // MARK: Requests

  /// Makes a mock request, filling in its operation.
  @discardableResult
  func mock<Argument: WireStructure>(
    _ type: Argument.Type, _ fill: (inout Argument) -> Void
  ) throws(LinuxErrno) -> Argument {
    var argument = Argument(fill)
    _ = try program.perform(MockRequest.number, on: context, &argument)
    return argument
  }

  /// Makes a request.
  @discardableResult
  func send<Argument: WireStructure>(
    _ request: IOMMUFDRequest, _ type: Argument.Type, _ fill: (inout Argument) -> Void
  ) throws(LinuxErrno) -> Argument {
    var argument = Argument(fill)
    _ = try program.perform(request.number, on: context, &argument)
    return argument
  }

  func ioas() throws(LinuxErrno) -> UInt32 {
    try send(.ioasAlloc, IOASAllocArgument.self) { _ in }.outID
  }

  func destroy(_ id: UInt32) throws(LinuxErrno) {
    try send(.destroy, DestroyArgument.self) { $0.id = id }
  }

  /// Maps memory, at a chosen address or where it fits.
  @discardableResult
  func map(
    _ ioas: UInt32, _ address: UInt64, _ length: UInt64, at iova: UInt64? = nil,
    _ flags: MapFlags = [.readable, .writeable]
  ) throws(LinuxErrno) -> UInt64 {
    try send(.ioasMap, IOASMapArgument.self) {
      $0.flags = flags.union(iova == nil ? [] : .fixedIOVA).rawValue
      $0.ioasID = ioas
      $0.userAddress = address
      $0.length = length
      $0.iova = iova ?? 0
    }.iova
  }

  func unmap(_ ioas: UInt32, _ iova: UInt64, _ length: UInt64) throws(LinuxErrno) {
    try send(.ioasUnmap, IOASUnmapArgument.self) {
      $0.ioasID = ioas
      $0.iova = iova
      $0.length = length
    }
  }

  /// What mappings of an address space must be multiples of.
  func alignment(_ ioas: UInt32) throws(LinuxErrno) -> UInt64 {
    let array = try program.allocate(4096, [.read, .write])
    return try send(.ioasIOVARanges, IOVARangesArgument.self) {
      $0.ioasID = ioas
      $0.count = 64
      $0.ranges = array
    }.outAlignment
  }

  func pages(
    _ count: Int = 1, _ protection: MemoryProtection = [.read, .write]
  ) throws(LinuxErrno) -> UInt64 { try program.allocate(count << 12, protection) }

  /// An address of bytes in the program's memory.
  func place(_ bytes: [UInt8]) throws(LinuxErrno) -> UInt64 {
    let address = try pages((bytes.count + 4095) >> 12)
    try program.store(bytes, address)
    return address
  }

  func place<Structure: WireStructure>(_ structure: Structure) throws(LinuxErrno) -> UInt64 {
    try place(StructureBytes.bytes(of: structure))
  }

  // MARK: Devices and tables

  /// A mock device.
  struct Device {
    let holder: UInt32
    let id: UInt32
    let table: UInt32
  }

  func device(
    on table: UInt32, _ flags: MockDeviceFlags = .pasid
  ) throws(LinuxErrno) -> Device {
    let answer = try mock(MockDeviceArgument.self) {
      $0.id = table
      $0.deviceFlags = flags.rawValue
    }
    return Device(
      holder: answer.outHolderID, id: answer.outDeviceID, table: answer.outTableID)
  }

  func table(
    _ device: Device, on parent: UInt32, _ flags: HWPTFlags = [], data: [UInt8] = [],
    type: UInt32 = MockType.tableData, faults: UInt32 = 0
  ) throws(LinuxErrno) -> UInt32 {
    let address = data.isEmpty ? 0 : try place(data)
    return try send(.hwptAlloc, HWPTAllocArgument.self) {
      $0.flags = flags.rawValue
      $0.deviceID = device.id
      $0.parentID = parent
      $0.dataType = data.isEmpty ? 0 : type
      $0.dataLength = UInt32(data.count)
      $0.dataAddress = address
      $0.faultID = faults
    }.outID
  }

  /// A guest's table whose words hold a value.
  func nested(
    _ device: Device, on parent: UInt32, _ flags: HWPTFlags = [], word: UInt32 = 7,
    faults: UInt32 = 0
  ) throws(LinuxErrno) -> UInt32 {
    let data = StructureBytes.bytes(of: MockTableData { $0.iotlb = word })
    return try table(device, on: parent, flags, data: data, faults: faults)
  }

  func move(_ device: Device, to table: UInt32) throws(LinuxErrno) -> UInt32 {
    try mock(MockReplaceArgument.self) {
      $0.id = device.holder
      $0.tableID = table
    }.tableID
  }

  /// Attaches, replaces, detaches or checks a PASID.
  @discardableResult
  func pasid(
    _ operation: MockOperation, _ device: Device, _ pasid: UInt32, _ table: UInt32 = 0
  ) throws(LinuxErrno) -> UInt32 {
    try mock(MockPASIDArgument.self) {
      $0.operation = operation.rawValue
      $0.id = device.holder
      $0.pasid = pasid
      $0.tableID = table
    }.tableID
  }

  func checkMap(
    _ table: UInt32, _ iova: UInt64, _ length: UInt64, _ address: UInt64
  ) throws(LinuxErrno) {
    try mock(MockCheckMapArgument.self) {
      $0.id = table
      $0.iova = iova
      $0.length = length
      $0.address = address
    }
  }

  func checkWord(_ table: UInt32, _ entry: UInt32, _ value: UInt32) throws(LinuxErrno) {
    try mock(MockCheckIOTLBArgument.self) {
      $0.id = table
      $0.entry = entry
      $0.value = value
    }
  }

  func checkCache(_ device: Device, _ entry: UInt32, _ value: UInt32) throws(LinuxErrno) {
    try mock(MockCheckCacheArgument.self) {
      $0.id = device.id
      $0.entry = entry
      $0.value = value
    }
  }

  func checkReferences(
    _ address: UInt64, _ length: UInt64, _ count: UInt32
  ) throws(LinuxErrno) {
    try mock(MockCheckReferencesArgument.self) {
      $0.address = address
      $0.length = length
      $0.references = count
    }
  }

  /// Invalidates; the errno, if any, and how many entries were done.
  func invalidate<Entry: WireStructure>(
    _ id: UInt32, type: UInt32 = MockType.invalidation, entryLength: Int? = nil, _ entries: [Entry]
  ) throws(LinuxErrno) -> (errno: LinuxErrno?, done: UInt32) {
    let bytes = entries.flatMap { StructureBytes.bytes(of: $0) }
    let address = bytes.isEmpty ? 0 : try place(bytes)
    var argument = InvalidateArgument {
      $0.hwptID = id
      $0.dataType = type
      $0.dataAddress = address
      $0.entryLength = UInt32(entryLength ?? Entry.byteCount)
      $0.entryCount = UInt32(entries.count)
    }
    do {
      _ = try program.perform(IOMMUFDRequest.hwptInvalidate.number, on: context, &argument)
      return (nil, argument.entryCount)
    } catch {
      return (error, argument.entryCount)
    }
  }

  // MARK: Guests' IOMMUs

  func viommu(
    _ device: Device, on parent: UInt32, type: UInt32 = MockType.viommu, data: UInt64 = 0,
    length: UInt32 = 0
  ) throws(LinuxErrno) -> UInt32 {
    try send(.viommuAlloc, VIOMMUAllocArgument.self) {
      $0.type = type
      $0.deviceID = device.id
      $0.hwptID = parent
      $0.dataAddress = data
      $0.dataLength = length
    }.outID
  }

  func vdevice(
    _ device: Device, in viommu: UInt32, as number: UInt64
  ) throws(LinuxErrno) -> UInt32 {
    try send(.vdeviceAlloc, VDeviceAllocArgument.self) {
      $0.viommuID = viommu
      $0.deviceID = device.id
      $0.virtualID = number
    }.outID
  }

  func hardwareQueue(
    _ viommu: UInt32, _ index: UInt32, _ iova: UInt64, _ length: UInt64,
    type: UInt32 = MockType.hwQueue
  ) throws(LinuxErrno) -> UInt32 {
    try send(.hwQueueAlloc, HWQueueAllocArgument.self) {
      $0.viommuID = viommu
      $0.type = type
      $0.index = index
      $0.parentIOVA = iova
      $0.length = length
    }.outID
  }
}

extension MockMachine {
  /// An address space with a device on an automatic table.
  func machineWithDevice(
    _ flags: MockDeviceFlags = .pasid
  ) throws(LinuxErrno) -> (ioas: UInt32, device: Device) {
    let ioas = try ioas()
    return (ioas, try device(on: ioas, flags))
  }
}
