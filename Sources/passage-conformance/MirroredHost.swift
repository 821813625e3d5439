import Conformance
import HostABI
import PCIe
import SoftHost

/// A software host that looks like the machine that another kernel runs on, as far as sequences see
/// it: the VT-d unit's registers, and plain functions in the same groups.
enum MirroredHost {
  /// Asks the kernel's devices, and builds the host.
  ///
  /// - Returns: The host, and the kernel's nodes of the devices that have a match, in the host's
  ///   order; `nil` when the kernel has no VT-d unit or no device without PASIDs.
  static func make(like kernel: any HostKernel, _ paths: [String]) throws -> (
    host: SoftwareHost, paths: [String]
  )? {
    let devices = Testbed(kernel, devicePaths: paths).devices.filter {
      $0.infoType == HardwareInfoType.vtd && $0.maxPASIDLog2 == 0
    }
    guard let info = devices.first?.info, info.count == 24 else { return nil }
    let registers = VTdRegisters(
      capability: info.little(UInt64.self, at: 8),
      extendedCapability: info.little(UInt64.self, at: 16))
    var groups: [Int] = []
    for (index, device) in devices.enumerated() {
      let sibling = devices[..<index].firstIndex { Testbed.share($0, device, kernel) }
      groups.append(sibling.map { groups[$0] } ?? index + 10)
    }
    let function = try FunctionDescription.networkFunction()
    let described = zip(groups.indices, groups).map { index, group in
      DeviceDescription(
        function, at: PCIAddress(bus: UInt8(index + 1), device: 0, function: 0), group: group)
    }
    let host = try SoftwareHost(
      HostDescription(units: [.vtd(registers)], devices: described, answersMockRequests: true))
    return (host, devices.map(\.path))
  }
}
