import HostABI

/// Names of bits and values, from bit 0 or by value, as Linux's headers have them.
enum FieldNames {
  static let map = ["FIXED_IOVA", "WRITEABLE", "READABLE"]
  static let hwpt = ["NEST_PARENT", "DIRTY_TRACKING", "FAULT_ID_VALID", "PASID"]
  static let attach = ["PASID"]
  static let bind = ["TOKEN"]
  static let hardwareCapabilities = [
    "DIRTY_TRACKING", "PCI_PASID_EXEC", "PCI_PASID_PRIV", "PCI_ATS_NOT_SUPPORTED",
  ]
  static let deviceInfo = ["RESET", "PCI", "PLATFORM", "AMBA", "CCW", "AP", "FSL_MC", "CAPS"]
  static let regionInfo = ["READ", "WRITE", "MMAP", "CAPS"]
  static let irqInfo = ["EVENTFD", "MASKABLE", "AUTOMASKED", "NORESIZE"]
  static let setIRQs = [
    "DATA_NONE", "DATA_BOOL", "DATA_EVENTFD", "ACTION_MASK", "ACTION_UNMASK", "ACTION_TRIGGER",
  ]
  static let ioEvent = ["8", "16", "32", "64"]
  static let containerMap = ["READ", "WRITE", "VADDR"]
  static let containerUnmap = ["GET_DIRTY_BITMAP", "ALL", "VADDR"]
  static let containerInfo = ["PGSIZES", "CAPS"]
  static let groupStatus = ["VIABLE", "CONTAINER_SET"]

  static let hwptData: [UInt64: String] = [
    0: "none", 1: "VTD_S1", 2: "ARM_SMMUV3", 3: "AMD_GUEST",
    UInt64(MockType.tableData): "SELFTEST",
  ]
  static let invalidateData: [UInt64: String] = [
    0: "VTD_S1", 1: "ARM_SMMUV3", UInt64(MockType.invalidation): "SELFTEST",
  ]
  static let hardwareInfo: [UInt64: String] = [
    0: "none", 1: "INTEL_VTD", 2: "ARM_SMMUV3", 3: "TEGRA241_CMDQV", 4: "AMD",
    UInt64(MockType.hardwareInfo): "SELFTEST",
  ]
  static let viommu: [UInt64: String] = [
    0: "none", 1: "ARM_SMMUV3", 2: "TEGRA241_CMDQV", UInt64(MockType.viommu): "SELFTEST",
    UInt64(MockType.eventQueue): "SELFTEST",
  ]
  static let option: [UInt64: String] = [0: "RLIMIT_MODE", 1: "HUGE_PAGES"]
  static let optionOperation: [UInt64: String] = [0: "set", 1: "get"]
  static let vfioIOASOperation: [UInt64: String] = [0: "get", 1: "set", 2: "clear"]
  static let dirty = ["NO_CLEAR"]
  static let dirtyTracking = ["ENABLE"]
  static let hardwareInfoFlags = ["INPUT_TYPE"]

  /// VFIO's region numbers of a PCI function.
  static let region: [UInt64: String] = [
    0: "BAR0", 1: "BAR1", 2: "BAR2", 3: "BAR3", 4: "BAR4", 5: "BAR5", 6: "ROM", 7: "config",
    8: "VGA",
  ]
  /// VFIO's interrupt numbers of a PCI function.
  static let irq: [UInt64: String] = [0: "INTx", 1: "MSI", 2: "MSI-X", 3: "ERR", 4: "REQ"]
  static let iommuType: [UInt64: String] = [
    1: "TYPE1", 3: "TYPE1v2", 4: "DMA_CC_IOMMU", 5: "EEH", 6: "TYPE1_NESTING", 8: "NOIOMMU",
    9: "UNMAP_ALL", 10: "UPDATE_VADDR",
  ]
  /// VFIO's device features.
  static let feature: [UInt64: String] = [
    0: "PCI_VF_TOKEN", 1: "MIGRATION", 2: "MIG_DEVICE_STATE", 3: "LOW_POWER_ENTRY",
    4: "LOW_POWER_ENTRY_WITH_WAKEUP", 5: "LOW_POWER_EXIT", 6: "DMA_LOGGING_START",
    7: "DMA_LOGGING_STOP", 8: "DMA_LOGGING_REPORT", 9: "MIG_DATA_SIZE", 10: "BUS_MASTER",
  ]
}
