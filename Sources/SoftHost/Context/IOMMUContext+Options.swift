import HostABI

extension IOMMUContext {
  /// `IOMMU_OPTION`; only the value is written back.
  func option(_ call: Call) throws(LinuxErrno) {
    var argument = try load(OptionArgument.self, call)
    guard argument.reserved == 0 else { throw .EOPNOTSUPP }
    switch argument.optionID {
    case 0: try limitMode(&argument, by: call.caller)
    case 1:
      let ioas = try ioas(argument.objectID)
      switch argument.operation {
      case 0: try ioas.setHugePages(argument.value)
      case 1: argument.value = ioas.usesHugePages ? 1 : 0
      default: throw .EOPNOTSUPP
      }
    default: throw .EOPNOTSUPP
    }
    var bytes: [UInt8] = []
    for index in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: argument.value >> (8 * index))) }
    try call.memory.store(bytes, at: call.address &+ 16)
  }

  /// `IOMMU_OPTION_RLIMIT_MODE`: who is charged for pinned memory.
  private func limitMode(
    _ argument: inout OptionArgument, by caller: Caller
  ) throws(LinuxErrno) {
    guard argument.objectID == 0 else { throw .EOPNOTSUPP }
    switch argument.operation {
    case 1: argument.value = chargesProcess ? 1 : 0
    case 0:
      guard caller.credentials.canManageResources else { throw .EPERM }
      guard objectCount == 0 else { throw .EBUSY }
      guard argument.value <= 1 else { throw .EINVAL }
      chargesProcess = argument.value == 1
    default: throw .EOPNOTSUPP
    }
  }

  /// `IOMMU_VFIO_IOAS`: names the address space that container requests use.
  func vfioIOAS(_ call: Call) throws(LinuxErrno) {
    var argument = try load(VFIOIOASArgument.self, call)
    guard argument.reserved == 0 else { throw .EOPNOTSUPP }
    switch argument.operation {
    case 0:
      guard let compatible else { throw .ENODEV }
      argument.ioasID = compatible.id
      try store(argument, call)
    case 1: compatible = try ioas(argument.ioasID)
    case 2: compatible = nil
    default: throw .EOPNOTSUPP
    }
  }
}
