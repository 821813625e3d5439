/// One device of a text dump: its address, its bytes and where it stood in the text.
public struct DumpedDevice: Hashable, Sendable {
  /// The address on the device line; domain 0 when the line names none.
  public let address: PCIAddress
  /// The bytes of all rows together.
  public let config: ConfigSpace
  /// The number of the device line in the text, from 1.
  public let line: Int
  /// What follows the address on the device line, without the spaces around it.
  ///
  /// Bytes that are not UTF-8 appear as U+FFFD, and a line longer than
  /// ``DumpTextReader/lineLimit`` is cut there.
  public let title: String

  /// Makes a device from its parts.
  ///
  /// - Parameters:
  ///   - address: The address.
  ///   - config: The bytes.
  ///   - line: The number of its device line, from 1.
  ///   - title: The rest of its device line.
  public init(address: PCIAddress, config: ConfigSpace, line: Int, title: String) {
    self.address = address
    self.config = config
    self.line = line
    self.title = title
  }
}

/// What a reader met in the text; each device line leads to exactly one event.
///
/// Rows that follow no device line are an ``error(_:)`` too, one for each run of them.
public enum DumpEvent: Hashable, Sendable {
  /// A complete device.
  case device(DumpedDevice)
  /// A device line that no rows followed, as `lspci` without `-x` prints it.
  case skipped(PCIAddress, line: Int)
  /// Rows that are no config space; the reader goes on at the next device line.
  case error(DumpTextError)
}
