/// Stub.
public struct DumpTextError: Error, Hashable, Sendable {}
/// Stub.
public struct DumpedDevice: Sendable {
  public let address: PCIAddress; public let config: ConfigSpace; public let line: Int;
  public let title: String
}
/// Stub.
public enum DumpEvent {
  case device(DumpedDevice); case skipped(address: PCIAddress, line: Int); case error(DumpTextError)
}
/// Stub.
public struct DumpTextReader {
  public init() {}
  public mutating func consume(_ bytes: Span<UInt8>, _ event: (DumpEvent) -> Void) {}
  public mutating func finish(_ event: (DumpEvent) -> Void) {}
}
