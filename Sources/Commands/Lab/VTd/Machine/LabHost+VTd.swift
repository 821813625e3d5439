import Hardware
import PCIe
import SoftHost

extension LabHost {
  /// Builds a host with one device behind a VT-d unit that compares what it cached with the tables.
  ///
  /// - Parameter options: The device, and what of the host is made to fail.
  /// - Throws: ``LabOptionProblem/notPassable(_:)`` when no VMM could have the device.
  package init(_ options: LabOptions) throws(LabOptionProblem) {
    var registers = VTdRegisters.server
    switch options.breaking {
    case .noNesting: registers.extendedCapability[26] = false
    case .noDirtyTracking: registers.extendedCapability[45] = false
    case .narrowHost:
      // 39 and 48 bits, and no more.
      registers.capability[8...12] = 0b00110
      registers.capability[16...21] = 47
      registers.capability[60] = false
    default: break
    }
    let function: FunctionDescription
    do throws(DescriptionError) {
      if let device = options.device {
        function = try FunctionDescription(dumped: device.config)
      } else {
        function = try .dataStreamingAccelerator()
      }
    } catch {
      throw .notPassable(error.words)
    }
    let device = DeviceDescription(
      function, at: options.device?.address ?? SampleDevice.address,
      behind: options.breaking == .mdev ? nil : 0, group: 10,
      enablesPASID: options.breaking != .noHostPASID,
      enablesPRI: options.breaking != .noPageRequests)
    do throws(HostDescriptionError) {
      self.init(
        device,
        host: try SoftwareHost(
          HostDescription(units: [.vtd(registers)], devices: [device], isStrict: true)))
    } catch {
      throw .notPassable("\(error)")
    }
  }
}

extension DescriptionError {
  /// The reason in words.
  fileprivate var words: String {
    switch self {
    case .headerType(let type):
      "a function with a header of type \(type) is a bridge, which no VMM passes through"
    case .absent: "the function does not answer"
    case .badBAR(let index): "base address register \(index) is none that a device can have"
    case .badSize(let bar, let size): "base address register \(bar) cannot have \(size) bytes"
    case .badROM: "its ROM is none that a device can have"
    }
  }
}
