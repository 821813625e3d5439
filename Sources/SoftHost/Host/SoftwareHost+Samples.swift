import PCIe

extension HostDescription {
  /// A server with PASIDs.
  ///
  /// A VT-d unit has all that nesting needs, and behind it are
  ///
  /// - `vfio0`: an accelerator with PASIDs, alone in its group;
  /// - `vfio1`: a network function without PASIDs;
  /// - `vfio2`, `vfio3`: two network functions that share a group;
  /// - `vfio4`, `vfio5`: an accelerator with SR-IOV, and its virtual function;
  ///
  /// then an SMMUv3 with `vfio6`, an accelerator behind it, and `vfio7`, an emulated device.
  package static func server(
    isStrict: Bool = false, answersMockRequests: Bool = false
  ) throws(DescriptionError) -> HostDescription {
    let accelerator = try FunctionDescription.dataStreamingAccelerator()
    let network = try FunctionDescription.networkFunction()
    var devices = [
      DeviceDescription(accelerator, at: SampleDevice.address, group: 10),
      DeviceDescription(try .plainNetworkFunction(), at: address(0x03, 0), group: 11),
      DeviceDescription(network, at: address(0x04, 0), group: 12),
      DeviceDescription(network, at: address(0x04, 1), group: 12),
    ]
    let physical = try FunctionDescription.sharedAccelerator()
    devices.append(DeviceDescription(physical, at: address(0x6B, 0), group: 13))
    if let virtual = try FunctionDescription.virtualFunction(of: physical) {
      devices.append(
        DeviceDescription(virtual, at: address(0x6B, 1), group: 14, parent: 4))
    }
    devices.append(DeviceDescription(accelerator, at: address(0x20, 0), behind: 1, group: 15))
    devices.append(DeviceDescription(network, at: address(0x05, 0), behind: nil, group: 16))
    return HostDescription(
      units: [.vtd(.server), .smmuv3(.server)], devices: devices,
      answersMockRequests: answersMockRequests, isStrict: isStrict)
  }

  private static func address(_ bus: UInt8, _ function: UInt8) -> PCIAddress {
    PCIAddress(bus: bus, device: 0, function: function)
  }
}

extension FunctionDescription {
  /// The network function without its SR-IOV capability: neither physical nor virtual.
  package static func plainNetworkFunction() throws(DescriptionError) -> FunctionDescription {
    let physical = try networkFunction()
    var config = ConfigSpaceBuilder(physical.config)
    // SR-IOV, at 0x160, is the last capability.
    config.putExtendedHeader(id: 0x03, version: 1, next: 0, at: 0x140)
    for offset in stride(from: 0x160, to: 0x1A0, by: 4) { config.put32(0, at: offset) }
    return try FunctionDescription(
      config: config.config, bars: physical.bars, rom: physical.rom)
  }

  /// The accelerator with an SR-IOV capability, so that it can have virtual functions.
  package static func sharedAccelerator() throws(DescriptionError) -> FunctionDescription {
    let plain = try dataStreamingAccelerator()
    var config = ConfigSpaceBuilder(plain.config)
    // The last capability of the sample is PRI at 0x240; SR-IOV follows it: 4 virtual functions from
    // routing ID + 1 on, with a device ID of their own, and one 64-bit memory BAR.
    config.putExtendedHeader(id: 0x0013, version: 1, next: 0x280, at: 0x240)
    config.putExtendedHeader(id: 0x0010, version: 1, next: 0, at: 0x280)
    config.put32(0, 0, 0x0004_0004, 0x0000_0004, 0x0001_0001, 0x0B26_0000, 1, 1, at: 0x284)
    config.put32(0x0000_000C, 0, at: 0x280 + 0x24)
    return try FunctionDescription(
      config: config.config, bars: plain.bars, role: .physicalFunction, hasINTx: plain.hasINTx)
  }
}

extension SoftwareHost {
  /// A server in memory with PASID-capable devices; see the documentation of the sample host.
  ///
  /// - Parameters:
  ///   - isStrict: Whether units note every cached translation that the tables no longer hold.
  ///   - answersMockRequests: Whether the kernel's mock-device requests are answered.
  /// - Returns: The host. Its first device is an accelerator with PASIDs behind a VT-d unit.
  public static func server(
    isStrict: Bool = false, answersMockRequests: Bool = false
  ) -> SoftwareHost {
    do {
      return try SoftwareHost(
        .server(isStrict: isStrict, answersMockRequests: answersMockRequests))
    } catch {
      preconditionFailure("the sample host cannot be built: \(error)")
    }
  }
}
