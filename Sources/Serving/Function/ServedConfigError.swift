import Hardware

/// Why a config space cannot be served as a function.
public enum ServedConfigError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Nothing answered when it was read, or it is a virtual function's, which has no identity.
  case noIdentity
  /// It is a bridge's: the header's type.
  case notAnEndpoint(headerType: UInt8)
  /// Too few bytes were read for capabilities.
  case incomplete(byteCount: Int)
  /// The capability list below 0x100 cannot be followed: the first problem in words.
  case brokenList(String)
  /// A base address register that cannot be: its number, its size.
  case region(index: Int, byteCount: UInt64)
  /// The MSI-X structures do not lie in a region that there is.
  case messageTable(region: Int)

  /// The error in words.
  public var description: String {
    switch self {
    case .noIdentity:
      "its vendor reads all ones: nothing answered, or it is a virtual function, whose identity "
        + "is not in its config space (id=8086:154c says it, bar0=16K … what its regions are)"
    case .notAnEndpoint(let type): "its header is of type \(type); only endpoints can be served"
    case .incomplete(let count):
      "only \(count) bytes of it are known; reading all needs privileges (lspci -xxxx as root)"
    case .brokenList(let problem): "its capabilities cannot be followed: \(problem)"
    case .region(let index, let count):
      "base address register \(index) cannot have \(count) bytes: a power of two from 16 on, at "
        + "most 2 GiB in 32 bits, and two registers for 64 bits"
    case .messageTable(let region):
      "its MSI-X table lies in base address register \(region), which is missing or too small"
        + ((0..<6).contains(region)
          ? "; where a region begins there, say a larger size, as in dump=FILE,bar\(region)=2M"
          : "")
    }
  }
}
