package import PCIe

/// Config spaces in a file: `lspci -xxx` or `-xxxx` text, or the bytes of one.
package enum DumpFile {
  /// The most bytes of a file that are looked at.
  package static let limit = 64 << 20

  /// Said of a file that holds no config space.
  package static let emptyReason =
    "no config space is in there: the text of lspci -xxxx, or a sysfs config file, is what it takes"

  /// Finds the functions in a file's bytes.
  ///
  /// - Parameters:
  ///   - bytes: What the file holds.
  ///   - path: Its name, for errors.
  /// - Returns: The functions in it; one of binary bytes has the address 00:00.0.
  /// - Throws: ``DeviceChoiceError/file(_:reason:)`` when it holds none.
  package static func devices(
    in bytes: [UInt8], of path: String
  ) throws(DeviceChoiceError) -> [DumpedDevice] {
    if bytes.contains(where: { $0 == 0 }), let config = try? ConfigSpace(bytes) {
      return [
        DumpedDevice(
          address: PCIAddress(bus: 0, device: 0, function: 0), config: config, line: 1, title: "")
      ]
    }
    var reader = DumpTextReader()
    var devices: [DumpedDevice] = []
    var problem: String?
    let note: (DumpEvent) -> Void = { event in
      switch event {
      case .device(let device): devices.append(device)
      case .error(let error): problem = problem ?? "\(error)"
      case .skipped: break
      }
    }
    reader.consume(bytes.span, note)
    reader.finish(note)
    guard !devices.isEmpty else {
      throw .file(path, reason: problem ?? emptyReason)
    }
    return devices
  }
}
