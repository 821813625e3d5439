import HostABI

extension BoundDevice {
  /// What the device is.
  ///
  /// - Returns: The facts.
  /// - Throws: ``IOMMUError``.
  public func information() throws(IOMMUError) -> DeviceInformation {
    var argument = DeviceInfoArgument()
    try handle.perform(.getInfo, &argument)
    let flags = VFIODeviceFlags(rawValue: argument.flags)
    var capabilities: [VFIOCapability] = []
    if flags.contains(.capabilities) {
      capabilities = try self.capabilities(
        .getInfo, DeviceInfoArgument.byteCount, needed: argument.argumentSize,
        chainAt: 16)
    }
    return DeviceInformation(
      flags: flags, regionCount: argument.regionCount, interruptKinds: argument.irqCount,
      capabilities: capabilities)
  }

  /// A region of the device.
  ///
  /// - Parameter index: Its number, such as ``VFIOPCI/configRegion``.
  /// - Returns: The facts; one that the device does not have has size 0.
  /// - Throws: ``IOMMUError`` with `EINVAL` for a number beyond the last.
  public func region(_ index: UInt32) throws(IOMMUError) -> DeviceRegion {
    var argument = RegionInfoArgument()
    argument.index = index
    try handle.perform(.getRegionInfo, &argument, about: [.region(index)])
    let flags = VFIORegionFlags(rawValue: argument.flags)
    var capabilities: [VFIOCapability] = []
    if flags.contains(.capabilities) {
      capabilities = try self.capabilities(
        .getRegionInfo, RegionInfoArgument.byteCount, needed: argument.argumentSize,
        chainAt: 12, index: index)
    }
    return DeviceRegion(
      index: index, flags: flags, byteCount: argument.byteCount, offset: argument.offset,
      capabilities: capabilities)
  }

  /// A kind of interrupts of the device.
  ///
  /// - Parameter kind: Which kind.
  /// - Returns: The facts.
  /// - Throws: ``IOMMUError`` with `EINVAL` when the device has no such kind.
  public func interrupts(
    _ kind: DeviceInterrupts.Kind
  ) throws(IOMMUError) -> DeviceInterrupts {
    var argument = IRQInfoArgument()
    argument.index = kind.rawValue
    try handle.perform(.getIRQInfo, &argument)
    return DeviceInterrupts(
      kind: kind, flags: .init(rawValue: argument.flags), count: argument.count)
  }

  /// Asks again with room for what stands behind the structure.
  private func capabilities(
    _ request: VFIODeviceRequest, _ fixedSize: Int, needed: UInt32, chainAt chain: Int,
    index: UInt32 = 0
  ) throws(IOMMUError) -> [VFIOCapability] {
    // More than any device has; what does not fit into it is left out.
    let size = min(Int(needed), ScratchPool.blockSize)
    guard size > fixedSize else { return [] }
    return try context.scratch.with(size) { (scratch) throws(IOMMUError) in
      var bytes: [UInt8] = []
      bytes.append(little: UInt32(size))
      bytes.append(little: UInt32(0))
      bytes.append(little: index)
      bytes += [UInt8](repeating: 0, count: size - bytes.count)
      try scratch.store(bytes)
      try handle.request(request, at: scratch.address)
      bytes = try scratch.load(size)
      return VFIOCapability.chain(bytes, from: bytes.little(UInt32.self, at: chain))
    }
  }
}

extension DeviceHandle {
  /// Makes one request of the device on memory at an address.
  @discardableResult
  func request(_ request: VFIODeviceRequest, at address: UInt64) throws(IOMMUError) -> Int32 {
    do throws(LinuxErrno) {
      return try file.kernel.ioctl(file.descriptor, request.number, address)
    } catch {
      throw IOMMUError(.device(request), error, [name])
    }
  }
}
