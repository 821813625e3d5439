import HostABI

/// Requests on a group's file (Linux 7.2, `drivers/vfio/group.c`); a container is always an iommufd
/// context here, as on a kernel with the iommufd container option.
extension HostState {
  func ioctl(
    on group: IOMMUGroup, _ request: UInt32, _ address: UInt64, by caller: Caller
  ) throws(LinuxErrno) -> Int32 {
    switch VFIOGroupRequest(rawValue: request) {
    case .getStatus: try status(of: group, address, caller.memory)
    case .setContainer: try setContainer(of: group, address, by: caller)
    case .unsetContainer:
      guard let container = group.container else { throw .EINVAL }
      group.container = nil
      release(container)
    case .getDeviceFD: return try openDevice(of: group, address, by: caller)
    case nil: throw .ENOTTY
    }
    return 0
  }

  /// The last descriptor of a group's file went.
  ///
  /// Devices that it gave stay as they are.
  func close(_ group: IOMMUGroup) {
    group.nodeOpens -= 1
    guard let container = group.container else { return }
    group.container = nil
    release(container)
  }

  private func status(
    of group: IOMMUGroup, _ address: UInt64, _ memory: any CallerMemory
  ) throws(LinuxErrno) {
    var argument = try memory.load(GroupStatusArgument.self, at: address)
    guard argument.argumentSize >= UInt32(GroupStatusArgument.byteCount) else { throw .EINVAL }
    // 1 is VIABLE, 2 CONTAINER_SET.
    argument.flags = group.container != nil ? 3 : group.owner == nil ? 1 : 0
    try memory.store(argument, at: address)
  }

  private func setContainer(
    of group: IOMMUGroup, _ address: UInt64, by caller: Caller
  ) throws(LinuxErrno) {
    let argument = try caller.memory.load(GroupContainerArgument.self, at: address)
    let file = try caller.file(argument.descriptor)
    guard group.container == nil else { throw .EINVAL }
    guard case .context(let context) = file.kind else { throw .EBADFD }
    if context.compatible == nil { context.compatible = try context.makeAddressSpace() }
    context.holders += 1
    group.container = context
  }

  /// Gives a descriptor of a device: bound to the group's container, attached to its address space.
  private func openDevice(
    of group: IOMMUGroup, _ address: UInt64, by caller: Caller
  ) throws(LinuxErrno) -> Int32 {
    let text = try deviceName(address, caller.memory)
    let node = try device(of: group, named: text)
    guard let context = group.container else { throw .EINVAL }
    // A device may be opened again; all of its files are one.
    if let file = node.groupFile, file.holders > 0 {
      return try caller.addAgain(file)
    }
    guard node.bound == nil else { throw .EINVAL }
    let device = DeviceFile(node, isThroughGroup: true)
    try device.open(in: context, self)
    let file = OpenFile(.device(device))
    do {
      let descriptor = try caller.add(file)
      node.groupFile = file
      return descriptor
    } catch {
      release(file)
      throw error
    }
  }

  /// The device of a group that a text names, with the token that guards it checked.
  private func device(
    of group: IOMMUGroup, named text: [UInt8]
  ) throws(LinuxErrno) -> VFIONode {
    for node in functions where node.device?.group === group {
      switch GroupDeviceName.match(text, "\(node.address)") {
      case .another: continue
      case .wrong: throw .EINVAL
      case .named(let token):
        try node.checkToken(token, self)
        return node
      }
    }
    throw .ENODEV
  }

  /// Reads a name up to its zero byte; `EINVAL` when it does not end.
  private func deviceName(
    _ address: UInt64, _ memory: any CallerMemory
  ) throws(LinuxErrno) -> [UInt8] {
    var text: [UInt8] = []
    var place = address
    while text.count < GroupDeviceName.limit {
      // What lies on the next page need not be there if the text ends before it.
      let left = Page.size - place % Page.size
      let part = try memory.load(
        min(Int(left), GroupDeviceName.limit - text.count), at: place)
      if let end = part.firstIndex(of: 0) { return text + part[..<end] }
      text += part
      place = place &+ left
    }
    throw .EINVAL
  }
}
