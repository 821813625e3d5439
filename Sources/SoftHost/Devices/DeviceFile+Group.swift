import HostABI
import PCIe

/// A device that its group's file gave: bound at once, attached to the container's address space.
extension DeviceFile {
  /// Binds the device to the group's container and attaches it.
  ///
  /// - Throws: `ENODEV` when the container has no address space, `EPERM` when another context has a
  ///   device of the group, and what attaching throws; nothing is left then.
  func open(in context: IOMMUContext, _ host: HostState) throws(LinuxErrno) {
    try bind(to: context, host) { _ throws(LinuxErrno) in
      guard let space = context.compatible, let object else { throw .ENODEV }
      _ = try object.attach(space.id, pasid: 0, replacing: false)
      isAttached = true
    }
  }

  /// The functions that a reset of the bus resets, by group; `nil` when one has none.
  func groupHotResetScope(_ host: HostState) -> VFIOFunction.HotResetScope? {
    var dependents: [HotResetDependent] = []
    for sibling in host.functions where sibling.sharesBus(with: node) {
      guard let group = sibling.device?.group else { return nil }
      dependents.append(
        HotResetDependent {
          $0.segment = UInt16(truncatingIfNeeded: sibling.address.domain)
          $0.bus = sibling.address.bus
          $0.function = sibling.address.device << 3 | sibling.address.function
          $0.deviceID = UInt32(truncatingIfNeeded: group.number)
        })
    }
    return VFIOFunction.HotResetScope(dependents, namesGroups: true)
  }

  /// Checks `VFIO_DEVICE_PCI_HOT_RESET` with descriptors of groups: together they must have every
  /// function that would be reset.
  func checkHotResetGroups(
    _ header: HotResetHeader, _ address: UInt64, by caller: Caller, _ host: HostState
  ) throws(LinuxErrno) {
    guard header.argumentSize >= 12, header.flags == 0, header.count > 0 else { throw .EINVAL }
    guard node.isBehindBus else { throw .ENODEV }
    let concerned = host.functions.filter { $0.sharesBus(with: node) }
    guard Int(header.count) <= concerned.count else { throw .EINVAL }
    var groups: [IOMMUGroup] = []
    for index in 0..<UInt64(header.count) {
      let entry = try caller.memory.load(
        GroupContainerArgument.self,
        at: address &+ UInt64(HotResetHeader.byteCount) &+ 4 * index)
      guard case .group(let group) = try caller.file(entry.descriptor).kind else { throw .EINVAL }
      groups.append(group)
    }
    let isOwned = concerned.allSatisfy { sibling in
      groups.contains { $0 === sibling.device?.group }
    }
    guard isOwned else { throw .EINVAL }
  }
}
