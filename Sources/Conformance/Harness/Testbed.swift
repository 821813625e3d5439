package import HostABI

/// A kernel, and what was found there by asking it.
package struct Testbed: Sendable {
  /// The kernel.
  package let kernel: any HostKernel
  /// What cases may rely on.
  package let has: Set<Need>
  /// VFIO devices that could be bound.
  package let devices: [VFIODeviceFacts]

  /// Asks a kernel what it has.
  ///
  /// - Parameters:
  ///   - kernel: The kernel.
  ///   - paths: Nodes of VFIO devices; those that cannot be bound are left out.
  package init(_ kernel: any HostKernel, devicePaths paths: [String]) {
    self.kernel = kernel
    var has: Set<Need> = []
    if let descriptor = try? kernel.open("/dev/iommu") {
      has.insert(.iommufd)
      if Self.hasMock(kernel, descriptor) { has.insert(.mock) }
      try? kernel.close(descriptor)
    }
    let devices = paths.compactMap { VFIODeviceFacts(path: $0, kernel) }
    for device in devices { has.formUnion(device.needs) }
    if devices.count > 1 { has.insert(.twoDevices) }
    if Self.sharedPair(devices, kernel) != nil { has.insert(.sharedGroup) }
    self.has = has
    self.devices = devices
  }

  /// The first device that satisfies a need.
  package func device(_ need: Need) -> VFIODeviceFacts? {
    devices.first { $0.needs.contains(need) }
  }

  /// Whether a mock device can be made.
  private static func hasMock(_ kernel: any HostKernel, _ descriptor: Int32) -> Bool {
    var ioas = IOASAllocArgument()
    guard
      (try? kernel.perform(IOMMUFDRequest.ioasAlloc.number, on: descriptor, &ioas)) != nil
    else { return false }
    var device = MockDeviceArgument { $0.id = ioas.outID }
    return (try? kernel.perform(MockRequest.number, on: descriptor, &device)) != nil
  }

  /// Two devices that refuse to be bound to two contexts.
  package static func sharedPair(
    _ devices: [VFIODeviceFacts], _ kernel: any HostKernel
  ) -> (VFIODeviceFacts, VFIODeviceFacts)? {
    for (index, first) in devices.enumerated() {
      for second in devices[(index + 1)...] {
        let probe = Bench(Testbed(kernel: kernel, has: [.iommufd], devices: devices))
        defer { probe.finish() }
        guard let one = try? probe.context(), let two = try? probe.context(),
          let a = try? probe.open(first.path), let b = try? probe.open(second.path),
          (try? VFIODescriptor(bench: probe, descriptor: a).bind(one)) != nil
        else { continue }
        do {
          _ = try VFIODescriptor(bench: probe, descriptor: b).bind(two)
        } catch {
          if error == .EPERM { return (first, second) }
        }
      }
    }
    return nil
  }

  private init(kernel: any HostKernel, has: Set<Need>, devices: [VFIODeviceFacts]) {
    self.kernel = kernel
    self.has = has
    self.devices = devices
  }

  /// A testbed of which nothing is known, to ask it.
  static func unknown(_ kernel: any HostKernel) -> Self {
    Self(kernel: kernel, has: [.iommufd], devices: [])
  }
}
