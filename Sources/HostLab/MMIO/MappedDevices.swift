package import HostSystem

/// Devices whose registers programs may have mapped, asked for each access that the mapping traps.
///
/// Called on the tracer's thread, one access at a time; the program's thread waits meanwhile.
package protocol MappedDevices: AnyObject, Sendable {
  /// The number of the device whose descriptor is of this file.
  func device(of file: FileIdentity) -> Int?

  /// Reads a register.
  ///
  /// - Parameters:
  ///   - device: A number that ``device(of:)`` answered.
  ///   - fileOffset: Where in the device's file.
  ///   - byteCount: 1, 2, 4 or 8.
  /// - Returns: The value; `nil` for a bus error, which the program gets as its signal.
  func load(device: Int, fileOffset: UInt64, byteCount: Int) -> UInt64?

  /// Writes a register.
  ///
  /// - Parameters:
  ///   - value: The value.
  ///   - device: A number that ``device(of:)`` answered.
  ///   - fileOffset: Where in the device's file.
  ///   - byteCount: 1, 2, 4 or 8.
  /// - Returns: Whether there was no bus error.
  func store(_ value: UInt64, device: Int, fileOffset: UInt64, byteCount: Int) -> Bool

  /// Writes 64 bytes at once, as MOVDIR64B and ENQCMD do.
  ///
  /// - Parameters:
  ///   - block: 64 bytes; of ENQCMD as the program wrote them, PASID field included.
  ///   - device: A number that ``device(of:)`` answered.
  ///   - fileOffset: Where in the device's file.
  ///   - waits: Whether the program asks if the device took it: ENQCMD and ENQCMDS.
  /// - Returns: Whether the device took it; else the program is told to retry.
  func store(block: [UInt8], device: Int, fileOffset: UInt64, waits: Bool) -> Bool
}
