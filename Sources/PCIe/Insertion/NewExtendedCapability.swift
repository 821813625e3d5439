import Hardware

/// An extended capability that is to be added to a config space.
public struct NewExtendedCapability: Hashable, Sendable {
  /// The capability ID.
  public let id: UInt16
  /// The capability version, 0 to 15.
  public let version: UInt8
  /// The dwords behind the header.
  public let body: [UInt32]

  /// Makes a capability from its parts.
  ///
  /// - Parameters:
  ///   - id: The capability ID; 0 is a placeholder and cannot be added.
  ///   - version: The version, 0 to 15.
  ///   - body: The dwords behind the header.
  public init(id: UInt16, version: UInt8, body: [UInt32]) {
    precondition(id != 0 && version < 16, "not a capability that a list can hold")
    self.id = id
    self.version = version
    self.body = body
  }

  /// Length in bytes, header included.
  public var length: Int { 4 + 4 * body.count }
}

/// A dword that an insertion writes.
public struct ConfigPatch: Hashable, Sendable {
  /// The offset of the dword, in bytes.
  public let offset: Int
  /// Its value.
  public let value: UInt32
}

/// Why a capability cannot go where it was to go.
public enum InsertionRefusal: Error, Hashable, Sendable {
  /// Extended capabilities start at multiples of four.
  case misaligned(offset: Int)
  /// The capability would not lie within 0x100 to 0xfff.
  case outOfRange(offset: Int, length: Int)
  /// The bytes from 0x100 on are not known; `size` bytes were read.
  case notRead(size: Int)
  /// The function has no extended configuration space.
  case noExtendedSpace
  /// The links of the extended list cannot be trusted.
  case chainBroken(ChainProblem)
  /// The list already has as many entries as software follows.
  case listFull(limit: Int)
  /// A capability that is there already owns some of the bytes.
  case overlaps(offset: Int, length: Int, Capability)
  /// The pointer that would lead to it is also a register from which an entry has its length.
  case linkOverlaps(link: Int, Capability)
  /// The bytes are not zero, so they are somebody's registers.
  case occupied(offset: Int, firstNonZero: Int)
}

extension InsertionRefusal: CustomStringConvertible {
  /// The reason in words.
  public var description: String {
    switch self {
    case .misaligned(let offset):
      "\(offset.hex) is not a multiple of 4"
    case .outOfRange(let offset, let length):
      "\(length) bytes at \(offset.hex) do not lie within 0x100-0xfff"
    case .notRead(let size):
      "only the first \(size) bytes of config space were read: extended capabilities start at "
        + "0x100 (read them as root, or with lspci -xxxx)"
    case .noExtendedSpace:
      "the function has no extended config space"
    case .chainBroken(let problem):
      "the capability list is broken: \(problem)"
    case .listFull(let limit):
      "the extended list already has \(limit) entries, and software follows no more"
    case .overlaps(let offset, let length, let capability):
      "\(offset.hex)-\((offset + length - 1).hex) would overlap \(capability.shortName) at "
        + "\(capability.knownBytes.lowerBound.hex)-\(capability.knownBytes.upperBound.hex)"
    case .linkOverlaps(let link, let capability):
      "the header at \(link.hex), which would lead to it, overlaps \(capability.shortName) at "
        + "\(capability.knownBytes.lowerBound.hex)-\(capability.knownBytes.upperBound.hex), whose "
        + "length would change"
    case .occupied(let offset, let first):
      "the bytes at \(offset.hex) are in use: \(first.hex) is not zero and no capability accounts "
        + "for it"
    }
  }
}
