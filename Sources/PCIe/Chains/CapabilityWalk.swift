import Hardware

/// What the extended part of a config space holds at 0x100.
public enum ExtendedSpace: Hashable, Sendable {
  /// The bytes end before 0x100 or soon after: nothing is known about it.
  case notRead(size: Int)
  /// The first dword reads all ones, or the bytes repeat the first 256: there is none.
  case absent
  /// The first dword is zero: there is space and no capability in it.
  case empty
  /// There is a list.
  case list
}

/// Both capability lists of a function, and what is wrong with them.
public struct CapabilityWalk: Hashable, Sendable {
  /// The entries below 0x100, in list order.
  public internal(set) var legacy: [Capability] = []
  /// The entries from 0x100 on, in list order, placeholders included.
  public internal(set) var extended: [Capability] = []
  /// What is wrong, in the order met; empty for a sound function.
  public internal(set) var problems: [ChainProblem] = []
  /// What stands at 0x100.
  public internal(set) var extendedSpace: ExtendedSpace
  /// What the function's PCI Express capability says about its port.
  public internal(set) var port = PortFacts.conventional

  /// Whether the links of both lists can be trusted.
  public var isIntact: Bool { !problems.contains { $0.breaksChain } }

  /// Whether the links of one list can be trusted.
  ///
  /// - Parameter list: The list in question.
  /// - Returns: `false` when a problem of that list, or of the whole function, breaks it.
  public func isIntact(_ list: CapabilityList) -> Bool {
    !problems.contains { $0.breaksChain && ($0.list ?? list) == list }
  }

  /// The first entry with an ID.
  ///
  /// - Parameters:
  ///   - id: The capability ID.
  ///   - list: The list to look in.
  /// - Returns: The entry, or `nil`.
  public func first(_ id: UInt16, in list: CapabilityList) -> Capability? {
    (list == .legacy ? legacy : extended).first { $0.id == id }
  }
}

extension CapabilityWalk {
  /// Subsystem vendor and device ID as `vendor << 16 | device`, or 0 when there is none.
  ///
  /// A PCI bridge has them in a capability of their own (PCI-to-PCI Bridge Specification 1.2,
  /// 3.2.5.13), other functions in the header.
  ///
  /// - Parameter config: The config space that was walked.
  /// - Returns: Both IDs, or 0.
  public func subsystem(in config: ConfigSpace) -> UInt32 {
    let own = config.headerSubsystem
    guard own == 0, let bridge = first(0x0D, in: .legacy) else { return own == .max ? 0 : own }
    let stated =
      UInt32(config.read16(bridge.offset + 4)) << 16 | UInt32(config.read16(bridge.offset + 6))
    return stated == .max ? 0 : stated
  }
}

extension ConfigSpace {
  /// Walks both capability lists.
  ///
  /// Every entry is visited once; whatever the bytes are, the walk ends after at most 48 legacy and
  /// 480 extended entries, as Linux's does. Reserved low bits of a pointer are masked, as the
  /// specification asks of software (7.6.3), and reported.
  ///
  /// - Returns: The entries in list order, with their lengths where something states them.
  public func walkCapabilities() -> CapabilityWalk {
    var walk = CapabilityWalk(extendedSpace: .absent)
    guard !isAbsent else {
      walk.problems.append(.absent)
      return walk
    }
    walkLegacy(into: &walk)
    walkExtended(into: &walk)
    return walk
  }
}
