import HostABI

/// Whose limit on locked memory a context's mappings count against.
public enum MemoryAccounting: UInt64, Hashable, Sendable {
  /// The user's, over all processes; Linux's default.
  case perUser
  /// The process's.
  case perProcess
}

extension IOMMUContext {
  /// Whose limit on locked memory mappings count against (`IOMMU_OPTION_RLIMIT_MODE`).
  ///
  /// - Returns: The mode in force.
  /// - Throws: ``IOMMUError``.
  public func memoryAccounting() throws(IOMMUError) -> MemoryAccounting {
    let value = try option(.rlimitMode, of: 0, [.context(path: path)])
    guard let mode = MemoryAccounting(rawValue: value) else {
      throw IOMMUError(.iommufd(.option), unexpected: "mode \(value)", [.context(path: path)])
    }
    return mode
  }

  /// Chooses whose limit on locked memory mappings count against.
  ///
  /// - Parameter mode: The mode.
  /// - Throws: ``IOMMUError`` with `EPERM` without `CAP_SYS_RESOURCE`, and with `EBUSY` once the
  ///   context has any object.
  public func setMemoryAccounting(_ mode: MemoryAccounting) throws(IOMMUError) {
    try setOption(.rlimitMode, of: 0, to: mode.rawValue, [.context(path: path)])
  }

  /// Moves the charge for all pinned memory to the calling process (`IOMMU_IOAS_CHANGE_PROCESS`),
  /// for a monitor that executes its successor.
  ///
  /// - Throws: ``IOMMUError`` with `EINVAL` when any mapping is not one of a file.
  public func changeProcess() throws(IOMMUError) {
    var argument = ChangeProcessArgument()
    try perform(.ioasChangeProcess, &argument, about: [.context(path: path)])
  }

  /// The options of `IOMMU_OPTION`.
  enum Option: UInt32 {
    case rlimitMode
    case hugePages
  }

  /// Reads an option.
  func option(
    _ option: Option, of id: UInt32, _ objects: @autoclosure () -> [IOMMUObject]
  ) throws(IOMMUError) -> UInt64 {
    var argument = OptionArgument()
    argument.optionID = option.rawValue
    argument.operation = 1
    argument.objectID = id
    try perform(.option, &argument, about: objects())
    return argument.value
  }

  /// Sets an option.
  func setOption(
    _ option: Option, of id: UInt32, to value: UInt64,
    _ objects: @autoclosure () -> [IOMMUObject]
  ) throws(IOMMUError) {
    var argument = OptionArgument()
    argument.optionID = option.rawValue
    argument.objectID = id
    argument.value = value
    try perform(.option, &argument, about: objects())
  }
}
