import HostSystem
package import PCIe

/// Config spaces in a file: `lspci -xxx` or `-xxxx` text, or the bytes of one.
package enum DumpFile {
  /// The most bytes of text that are looked at.
  private static let limit = 64 << 20

  /// Reads a file.
  ///
  /// - Parameter path: Its path.
  /// - Returns: The functions in it; one of binary bytes has the address 00:00.0.
  /// - Throws: ``DeviceChoiceError/file(_:reason:)`` when it cannot be read or holds none.
  package static func read(_ path: String) throws(DeviceChoiceError) -> [DumpedDevice] {
    let bytes: [UInt8]
    do { bytes = try load(path) } catch { throw .file(path, reason: "\(error.errno)") }
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
      throw .file(path, reason: problem ?? "no config space is in there")
    }
    return devices
  }

  /// All bytes of a file, up to the limit.
  private static func load(_ path: String) throws(HostError) -> [UInt8] {
    var stream = try ByteStream(path: path)
    var bytes: [UInt8] = []
    while bytes.count < limit {
      let more = try stream.next { chunk in
        for index in 0..<chunk.count { bytes.append(chunk[index]) }
      }
      guard more else { break }
    }
    return bytes
  }
}
