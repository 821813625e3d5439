import HostABI
import HostSystem

/// vIOMMUs of the mock unit, with a page for the guest and two hardware queues that do nothing.
extension MockDriver {
  func checkVIOMMU(type: UInt32, _ device: DeviceObject) throws(LinuxErrno) {
    guard type == MockType.viommu else { throw .EOPNOTSUPP }
  }

  func exchange(
    _ viommu: VirtualIOMMU, _ argument: VIOMMUAllocArgument, _ memory: any CallerMemory
  ) throws(LinuxErrno) {
    guard argument.dataLength > 0 else { return }
    let given = VendorData(
      type: argument.type, length: argument.dataLength, address: argument.dataAddress,
      memory: memory)
    var data = try given.sized(MockVIOMMUData.self, minimum: 8)
    let shared = try viommu.context.makeDriverMemory(pageCount: 2)
    viommu.driverMemory = shared
    shared.memory.store(data.input, at: 0)
    data.output = data.input
    data.outMapLength = UInt64(shared.memory.byteCount)
    data.outMapOffset = shared.offset
    // When this fails the vIOMMU goes, and the memory with it.
    try memory.storePart(data, Int(argument.dataLength), at: argument.dataAddress)
  }

  func checkHardwareQueue(type: UInt32) throws(LinuxErrno) {
    guard type == MockType.hwQueue else { throw .EOPNOTSUPP }
  }

  func makeHardwareQueue(
    _ viommu: VirtualIOMMU, type: UInt32, index: UInt32, base: UInt64, length: UInt64
  ) throws(LinuxErrno) -> HardwareQueue? {
    guard index < MockIOMMU.hwQueueCount else { throw .EINVAL }
    guard viommu.hardwareQueues[index] == nil else { throw .EEXIST }
    guard index > 0 else { return nil }
    guard let previous = viommu.hardwareQueues[index - 1] else { throw .EIO }
    return previous
  }
}
