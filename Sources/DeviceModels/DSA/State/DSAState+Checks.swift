/// What is checked before the device or a work queue is enabled.
extension DSAState {
  /// Why the device cannot be enabled.
  func enablingDeviceFails() -> DSACommandError? {
    guard status == .disabled else { return .deviceEnabled }
    guard controls.contains(.busMaster) else { return .busMaster }
    let entries = queues.reduce(0) { $0 + $1.configuration.size }
    guard entries <= options.entries else { return .queueSizes }
    var seen: (queues: UInt64, engines: UInt64) = (0, 0)
    for group in 0..<DSARegister.groupCount {
      let (members, engines) = members(of: group)
      if members & seen.queues != 0 { return .queueInGroups }
      if engines & seen.engines != 0 { return .engineInGroups }
      if (members == 0) != (engines == 0) { return .incompleteGroup }
      seen = (seen.queues | members, seen.engines | engines)
    }
    let others = (0..<DSARegister.groupCount).contains { group in
      (2..<8).contains { groups[16 * group + $0] != 0 }
    }
    guard !others, seen.queues >> UInt64(queues.count) == 0,
      seen.engines >> UInt64(engines.count) == 0
    else { return .missingMember }
    return nil
  }

  /// The queues and the engines of a group, one bit each.
  func members(of group: Int) -> (queues: UInt64, engines: UInt64) {
    let at = 16 * group
    return (
      UInt64(groups[at]) | UInt64(groups[at + 1]) << 32,
      UInt64(groups[at + 8]) | UInt64(groups[at + 9]) << 32
    )
  }

  /// Why a queue cannot be enabled.
  func enablingFails(_ index: Int) -> DSACommandError? {
    guard status == .enabled else { return .deviceNotEnabled }
    guard !queues[index].isEnabled else { return .queueEnabled }
    let configuration = queues[index].configuration
    guard configuration.size > 0, configuration.size <= options.entries else { return .queueSize }
    guard configuration.priority > 0 else { return .queuePriority }
    if configuration.allowsBlocking, !options.blocksOnFault { return .blockOnFault }
    guard configuration.isDedicated || configuration.hasPASID else { return .queuePASID }
    if configuration.hasPASID {
      guard controls.contains(.pasid) else { return .queuePASID }
      if configuration.isDedicated, configuration.isPrivileged, !controls.contains(.privileged) {
        return .queuePASID
      }
    }
    guard configuration.maxBatchShift <= options.maxBatchShift else { return .batchSize }
    guard configuration.maxTransferShift <= options.maxTransferShift else { return .transferSize }
    let isGrouped = (0..<DSARegister.groupCount).contains {
      members(of: $0).queues >> UInt64(index) & 1 == 1
    }
    return isGrouped ? nil : .incompleteGroup
  }
}
