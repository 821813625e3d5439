import Hardware
import PCIe

/// An extended capability as evidence: where it is and how far it is known to reach.
///
/// Eight bytes, because a survey of a fleet holds many.
public struct SurveyedCapability: Hashable, Sendable {
  /// Offset of the header, in bytes.
  public let offset: UInt16
  /// The capability ID.
  public let id: UInt16
  /// Length in bytes with the header; 0 when unknown.
  private let length: UInt16
  /// The version, 4 bits.
  public let version: UInt8

  /// Makes an entry from its parts.
  ///
  /// - Parameters:
  ///   - offset: Offset of the header, 0x100 to 0xffc.
  ///   - id: The capability ID.
  ///   - version: The version.
  ///   - size: Length in bytes with the header, or `nil` when unknown.
  public init(offset: UInt16, id: UInt16, version: UInt8, size: UInt16?) {
    self.offset = offset
    self.id = id
    self.version = version
    length = size ?? 0
  }

  /// The entry as the walk found it.
  init(_ capability: Capability) {
    self.init(
      offset: UInt16(capability.offset), id: capability.id, version: capability.version,
      size: capability.size.map { UInt16($0) })
  }

  /// Length in bytes with the header, `nil` when unknown.
  public var size: UInt16? { length == 0 ? nil : length }

  /// The bytes that are known to be the capability's.
  ///
  /// Of one of unknown length, its header and the register that should state its length. The blocks
  /// of an IDE capability state its length one after the other, so that of one that runs past the
  /// end everything may be a block's, up to the end.
  public var knownBytes: ClosedRange<Int> {
    let least: Int
    switch length > 0 ? nil : CapabilityCatalogue.kind(id, in: .extended)?.length {
    case .encryption?: least = ConfigSpace.extendedSize
    case let rule?: least = rule.minimum
    case nil: least = Int(length)
    }
    let end = Int(offset) + max(least, 4) - 1
    return Int(offset)...min(end, ConfigSpace.extendedSize - 1)
  }

  /// The capability's short name, or its ID.
  public var shortName: String {
    CapabilityCatalogue.kind(id, in: .extended).map { "\($0.short)" } ?? id.hex
  }
}

extension SurveyedCapability: CustomStringConvertible {
  /// The capability with its bytes: `AER at 0x100-0x147`.
  public var description: String {
    let bytes = knownBytes
    return "\(shortName) at \(bytes.lowerBound.hex)"
      + (length == 0 ? " (length unknown)" : "-\(bytes.upperBound.hex)")
  }
}
