import HostSystem
package import DeviceModels
package import PCIe

extension DumpFile {
  /// Reads a file.
  ///
  /// - Parameter path: Its path.
  /// - Returns: The functions in it; one of binary bytes has the address 00:00.0.
  /// - Throws: ``DeviceChoiceError/file(_:reason:)`` when it cannot be read or holds none.
  package static func read(_ path: String) throws(DeviceChoiceError) -> [DumpedDevice] {
    let bytes: [UInt8]
    do { bytes = try ByteStream.bytes(of: path, limit: limit) } catch {
      throw .file(path, reason: "\(error.errno)")
    }
    return try devices(in: bytes, of: path)
  }
}
