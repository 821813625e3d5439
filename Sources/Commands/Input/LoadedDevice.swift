public import PCIe

/// One device out of a source.
public struct LoadedDevice: Hashable, Sendable, CustomStringConvertible {
  /// Its address, when the source says it.
  public let address: PCIAddress?
  /// The file or device that it came from.
  public let source: String
  /// The line of a text file that it starts on, from 1.
  public let line: Int?
  /// What the source calls it, such as the rest of its `lspci` line.
  public let title: String
  /// Its config space.
  public let config: ConfigSpace

  /// Describes a device.
  ///
  /// - Parameters:
  ///   - address: Its address, if known.
  ///   - source: Where it came from.
  ///   - line: The line it starts on, if it came from text.
  ///   - title: What the source calls it.
  ///   - config: Its config space.
  public init(
    address: PCIAddress?, source: String, line: Int? = nil, title: String = "",
    config: ConfigSpace
  ) {
    self.address = address
    self.source = source
    self.line = line
    self.title = title
    self.config = config
  }

  /// The same name, so that nobody gets its bytes listed.
  public var description: String { name }

  /// What to call it among others: address and source.
  public var name: String {
    guard let address else { return source }
    return source == "\(address)" ? source : "\(address) (\(source))"
  }
}
