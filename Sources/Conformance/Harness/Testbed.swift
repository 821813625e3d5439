package import HostABI

/// A kernel, and what was found there by asking it.
package struct Testbed: Sendable {
  /// The kernel.
  package let kernel: any HostKernel
  /// What cases may rely on.
  package let has: Set<Need>
  /// VFIO devices that could be bound.
  package let devices: [VFIODeviceFacts]
  /// The group node of the first device, if groups have nodes.
  package let groupNode: String?

  /// Asks a kernel what it has.
  ///
  /// - Parameters:
  ///   - kernel: The kernel.
  ///   - paths: Nodes of VFIO devices; those that cannot be bound are left out.
  ///   - virtualFunctions: Which of the nodes are those of VFs, which VFIO does not tell.
  package init(
    _ kernel: any HostKernel, devicePaths paths: [String], virtualFunctions: Set<String> = []
  ) {
    self.kernel = kernel
    var has: Set<Need> = []
    if let descriptor = try? kernel.open("/dev/iommu") {
      has.insert(.iommufd)
      if Self.hasMock(kernel, descriptor) { has.insert(.mock) }
      try? kernel.close(descriptor)
    }
    let devices = paths.compactMap {
      VFIODeviceFacts(path: $0, kernel, isVirtualFunction: virtualFunctions.contains($0))
    }
    for device in devices { has.formUnion(device.needs) }
    if devices.count(where: { $0.needs.contains(.vfio) }) > 1 { has.insert(.twoDevices) }
    if Self.sharedPair(devices, kernel) != nil { has.insert(.sharedGroup) }
    if let first = devices.first {
      groupNode = Self.groupNode(of: first.path, kernel)
      if groupNode != nil { has.insert(.groupNode) }
    } else {
      groupNode = nil
    }
    has.formUnion(Self.limits(kernel, hasMock: has.contains(.mock)))
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

  /// Two devices of one IOMMU group.
  package static func sharedPair(
    _ devices: [VFIODeviceFacts], _ kernel: any HostKernel
  ) -> (VFIODeviceFacts, VFIODeviceFacts)? {
    for (index, first) in devices.enumerated() {
      for second in devices[(index + 1)...] where share(first, second, kernel) {
        return (first, second)
      }
    }
    return nil
  }

  /// Whether two devices are in one IOMMU group: they refuse to be bound to two contexts.
  package static func share(
    _ first: VFIODeviceFacts, _ second: VFIODeviceFacts, _ kernel: any HostKernel
  ) -> Bool {
    let probe = Bench(.unknown(kernel))
    defer { probe.finish() }
    guard let one = try? probe.context(), let two = try? probe.context(),
      let a = try? probe.open(first.path), let b = try? probe.open(second.path),
      (try? VFIODescriptor(bench: probe, descriptor: a).bind(one)) != nil
    else { return false }
    do {
      _ = try VFIODescriptor(bench: probe, descriptor: b).bind(two)
      return false
    } catch {
      return error == .EPERM
    }
  }

  /// The group node of a device: the one that cannot be opened while the device is bound.
  package static func groupNode(of path: String, _ kernel: any HostKernel) -> String? {
    let nodes = (0..<64).map { "/dev/vfio/\($0)" }
    let free = nodes.filter { node in
      guard let descriptor = try? kernel.open(node) else { return false }
      try? kernel.close(descriptor)
      return true
    }
    let probe = Bench(.unknown(kernel))
    defer { probe.finish() }
    guard let context = try? probe.context(), let device = try? probe.open(path),
      (try? VFIODescriptor(bench: probe, descriptor: device).bind(context)) != nil
    else { return nil }
    for node in free {
      do {
        try kernel.close(try kernel.open(node))
      } catch {
        if error == .EBUSY { return node }
      }
    }
    return nil
  }

  /// What the caller may do, and what not.
  private static func limits(_ kernel: any HostKernel, hasMock: Bool) -> Set<Need> {
    let probe = Bench(.unknown(kernel))
    defer { probe.finish() }
    var limits: Set<Need> = []
    guard let context = try? probe.context() else { return [] }
    do {
      try context.setOption(0, to: 0)
      limits.insert(.privileged)
    } catch {
      if error == .EPERM { limits.insert(.unprivileged) }
    }
    guard hasMock, let (ioas, _) = try? context.ioasWithDevice(),
      let memory = try? probe.memory(1 << 24)
    else { return limits }
    do { try context.map(ioas, memory, 1 << 24) } catch {
      if error == .ENOMEM { limits.insert(.memoryLimit) }
    }
    return limits
  }

  private init(kernel: any HostKernel, has: Set<Need>, devices: [VFIODeviceFacts]) {
    self.kernel = kernel
    self.has = has
    self.devices = devices
    groupNode = nil
  }

  /// A testbed of which nothing is known, to ask it.
  static func unknown(_ kernel: any HostKernel) -> Self {
    Self(kernel: kernel, has: [.iommufd], devices: [])
  }
}
