package import HostABI
import PCIe

/// The features of `VFIO_DEVICE_FEATURE` that vfio-pci answers (`linux/vfio.h`).
enum DeviceFeature {
  static let vfToken: UInt32 = 0
  static let lowPowerEntry: UInt32 = 3
  static let lowPowerEntryWithWakeup: UInt32 = 4
  static let lowPowerExit: UInt32 = 5
  static let precopyInformation: UInt32 = 12

  static let get: UInt32 = 1 << 16
  static let set: UInt32 = 1 << 17
  static let probe: UInt32 = 1 << 18
}

extension VFIOFunction {
  /// How many bytes of data a `VFIO_DEVICE_FEATURE` brings, once its fixed part is found right.
  ///
  /// - Returns: 0 also for a probe, which needs nothing more than this call.
  /// - Throws: `EINVAL` for a wrong size, unknown or contradicting flags, an operation that the
  ///   feature does not have and for none; `ENOTTY` for a feature that the function does not have.
  package func featureDataByteCount(_ header: FeatureHeader) throws(LinuxErrno) -> Int {
    typealias Feature = DeviceFeature
    let operations = header.flags & (Feature.get | Feature.set)
    let isProbe = header.flags & Feature.probe != 0
    guard isOpen, header.argumentSize >= 8,
      header.flags & ~(0xFFFF | Feature.get | Feature.set | Feature.probe) == 0,
      isProbe || operations != Feature.get | Feature.set
    else { throw .EINVAL }
    let needed: UInt32
    switch header.flags & 0xFFFF {
    case Feature.vfToken:
      guard description.role == .physicalFunction else { throw .ENOTTY }
      needed = 16
    case Feature.lowPowerEntryWithWakeup: needed = 8
    case Feature.lowPowerEntry, Feature.lowPowerExit: needed = 0
    // Migration's precopy is known but never there, whatever is asked.
    case Feature.precopyInformation: throw .EINVAL
    default: throw .ENOTTY
    }
    // All of them can be set and none got.
    guard operations & Feature.get == 0 else { throw .EINVAL }
    if isProbe { return 0 }
    guard operations != 0, header.argumentSize - 8 >= needed else { throw .EINVAL }
    return Int(needed)
  }

  /// `VFIO_DEVICE_FEATURE`; no feature of a function gives data back.
  ///
  /// - Parameters:
  ///   - header: The fixed part.
  ///   - data: What follows it, ``featureDataByteCount(_:)`` bytes.
  ///   - resolve: Finds the sink of a descriptor in the data.
  /// - Throws: As ``featureDataByteCount(_:)``, `EINVAL` for low power twice or a negative
  ///   descriptor, what `resolve` throws.
  package mutating func setFeature(
    _ header: FeatureHeader, data: [UInt8], resolve: EventResolver
  ) throws(LinuxErrno) {
    try wake()
    let needed = try featureDataByteCount(header)
    guard header.flags & DeviceFeature.probe == 0 else { return }
    guard data.count >= needed else { throw .EINVAL }
    switch header.flags & 0xFFFF {
    case DeviceFeature.vfToken: token = Array(data.prefix(16))
    case DeviceFeature.lowPowerEntry: try enterLowPower(wakeup: nil)
    case DeviceFeature.lowPowerEntryWithWakeup:
      let raw =
        UInt32(data[0]) | UInt32(data[1]) << 8 | UInt32(data[2]) << 16 | UInt32(data[3]) << 24
      let descriptor = Int32(bitPattern: raw)
      guard descriptor >= 0 else { throw .EINVAL }
      try enterLowPower(wakeup: try resolve(descriptor))
    default: lowPower = nil
    }
  }

  private mutating func enterLowPower(wakeup: (any EventSink)?) throws(LinuxErrno) {
    guard lowPower == nil else { throw .EINVAL }
    lowPower = LowPower(wakeup: wakeup)
    note(.barsUnmapped)
  }

  /// Whether the program asked for low power, so that mapped regions must not be touched.
  package var isInLowPower: Bool { lowPower != nil }
}
