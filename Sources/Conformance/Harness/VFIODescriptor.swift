package import HostABI

/// An open VFIO device on a bench, with one method a request.
package struct VFIODescriptor {
  package let bench: Bench
  package let descriptor: Int32

  /// Carries out a request.
  @discardableResult
  package func send<Argument: WireStructure>(
    _ request: VFIODeviceRequest, _ type: Argument.Type = Argument.self,
    _ fill: (inout Argument) -> Void
  ) throws(LinuxErrno) -> Argument {
    var argument = Argument(fill)
    bench.lastRequest = "\(request.name) \(words(argument))"
    _ = try bench.kernel.perform(request.number, on: descriptor, &argument)
    return argument
  }

  /// Carries out a request whose structure has a tail: returns the bytes afterwards.
  @discardableResult
  package func send(_ request: UInt32, bytes: [UInt8]) throws(LinuxErrno) -> [UInt8] {
    bench.lastRequest = "\(hex(request)) \(bytes.count) bytes"
    let address = try bench.stored(bytes)
    _ = try bench.kernel.ioctl(descriptor, request, address)
    return try bench.kernel.load(address, bytes.count)
  }

  /// `VFIO_DEVICE_BIND_IOMMUFD`; returns the DEVICE id.
  @discardableResult
  package func bind(_ context: Context) throws(LinuxErrno) -> UInt32 {
    try send(.bindIOMMUFD, BindArgument.self) { $0.iommufd = context.descriptor }.outDeviceID
  }

  /// `VFIO_DEVICE_ATTACH_IOMMUFD_PT`; returns the HWPT.
  @discardableResult
  package func attach(_ table: UInt32, pasid: UInt32? = nil) throws(LinuxErrno) -> UInt32 {
    try send(.attach, AttachArgument.self) {
      $0.flags = pasid == nil ? 0 : 1
      $0.tableID = table
      $0.pasid = pasid ?? 0
    }.tableID
  }

  /// `VFIO_DEVICE_DETACH_IOMMUFD_PT`.
  package func detach(pasid: UInt32? = nil) throws(LinuxErrno) {
    try send(.detach, DetachArgument.self) {
      $0.flags = pasid == nil ? 0 : 1
      $0.pasid = pasid ?? 0
    }
  }

  /// `VFIO_DEVICE_GET_INFO`.
  package func info() throws(LinuxErrno) -> DeviceInfoArgument {
    try send(.getInfo, DeviceInfoArgument.self) { _ in }
  }

  /// `VFIO_DEVICE_GET_REGION_INFO`.
  package func region(_ index: UInt32) throws(LinuxErrno) -> RegionInfoArgument {
    try send(.getRegionInfo, RegionInfoArgument.self) { $0.index = index }
  }

  /// `VFIO_DEVICE_GET_IRQ_INFO`.
  package func interrupt(_ index: UInt32) throws(LinuxErrno) -> IRQInfoArgument {
    try send(.getIRQInfo, IRQInfoArgument.self) { $0.index = index }
  }

  /// `VFIO_DEVICE_SET_IRQS`.
  package func setInterrupts(
    _ index: UInt32, flags: UInt32, start: UInt32 = 0, count: UInt32 = 1, data: [UInt8] = [],
    argumentSize: UInt32? = nil
  ) throws(LinuxErrno) {
    let size = argumentSize ?? UInt32(20 + data.count)
    let head = [size, flags, index, start, count].flatMap(\.littleEndianBytes)
    try send(VFIODeviceRequest.setIRQs.number, bytes: head + data)
  }

  /// `VFIO_DEVICE_FEATURE`; returns the data afterwards.
  @discardableResult
  package func feature(
    _ flags: UInt32, data: [UInt8] = [], argumentSize: UInt32? = nil
  ) throws(LinuxErrno) -> [UInt8] {
    let size = argumentSize ?? UInt32(8 + data.count)
    let head = size.littleEndianBytes + flags.littleEndianBytes
    return Array(try send(VFIODeviceRequest.feature.number, bytes: head + data).dropFirst(8))
  }

  /// Reads bytes at an offset of the file.
  package func read(at offset: UInt64, _ count: Int) throws(LinuxErrno) -> [UInt8] {
    let address = try bench.memory(count)
    bench.lastRequest = "pread \(count) bytes at \(hex(offset))"
    let got = try bench.kernel.pread(descriptor, address, count, at: offset)
    return try bench.kernel.load(address, got)
  }

  /// Writes bytes at an offset of the file; returns how many were taken.
  @discardableResult
  package func write(at offset: UInt64, _ bytes: [UInt8]) throws(LinuxErrno) -> Int {
    let address = try bench.stored(bytes)
    bench.lastRequest = "pwrite \(bytes.count) bytes at \(hex(offset))"
    return try bench.kernel.pwrite(descriptor, address, bytes.count, at: offset)
  }

  /// Closes the descriptor.
  package func close() throws(LinuxErrno) { try bench.close(descriptor) }
}

extension Bench {
  /// Opens the first device that satisfies a need, unbound.
  package func device(_ need: Need = .vfio) throws(LinuxErrno) -> VFIODescriptor {
    guard let facts = testbed.device(need) else { throw .ENODEV }
    return VFIODescriptor(bench: self, descriptor: try open(facts.path))
  }

  /// Opens the same, and binds it to a context.
  package func bound(
    _ need: Need = .vfio, to context: Context
  ) throws(LinuxErrno) -> (device: VFIODescriptor, id: UInt32) {
    let device = try device(need)
    return (device, try device.bind(context))
  }
}
