public import Hardware

/// Why a request has no translation: a value for fault records and page requests, not an error.
@frozen
public struct TranslationFault: Hashable, Sendable, BitwiseCopyable {
  /// Which part of the translation refused.
  public enum Stage: UInt8, Hashable, Sendable, BitwiseCopyable {
    /// What stands before page tables: stream table entries and context descriptors.
    case configuration
    /// Stage 1: the guest's tables.
    case first
    /// Stage 2: the host's tables. An SMMUv3 event has S2 set.
    case second
  }

  /// What the stream's context descriptor says about its faults.
  ///
  /// Empty for VT-d.
  @frozen
  public struct Handling: OptionSet, Hashable, Sendable, BitwiseCopyable {
    /// The flags.
    public let rawValue: UInt8
    /// Makes a set from its flags.
    ///
    /// - Parameter rawValue: The flags.
    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// CD.R: an event is recorded.
    ///
    /// Set for configuration faults, which are always recorded.
    @inlinable
    public static var isRecorded: Self { Self(rawValue: 1) }
    /// CD.S: the request stalls until software resumes or terminates it.
    @inlinable
    public static var stalls: Self { Self(rawValue: 2) }
    /// CD.A: a terminated request is aborted; otherwise reads give zero and writes are dropped.
    @inlinable
    public static var aborts: Self { Self(rawValue: 4) }
  }

  /// The address that the device gave.
  public let address: IOVA
  /// The address that stage 2 refused; zero when it did not.
  public let intermediate: GuestPhysicalAddress
  /// The reason, as the unit's specification numbers it.
  public let reason: FaultReason
  /// Which part refused.
  public let stage: Stage
  /// Whether a page request can cure it: an entry is not present or lacks a permission, and whoever
  /// answers page requests for this table owns that entry.
  ///
  /// A refusal of stage 2 below a nested stage 1 is none.
  public let isCurable: Bool
  /// What the stream says about its faults.
  public let handling: Handling

  /// Describes a fault.
  ///
  /// - Parameters:
  ///   - reason: The reason, as the unit's specification numbers it.
  ///   - stage: Which part refused.
  ///   - address: The address that the device gave.
  ///   - intermediate: The address that stage 2 refused.
  ///   - isCurable: Whether a page request can cure it.
  ///   - handling: What the stream says about its faults.
  public init(
    _ reason: FaultReason, in stage: Stage, at address: IOVA,
    intermediate: GuestPhysicalAddress = GuestPhysicalAddress(0), isCurable: Bool = false,
    handling: Handling = []
  ) {
    self.address = address
    self.intermediate = intermediate
    self.reason = reason
    self.stage = stage
    self.isCurable = isCurable
    self.handling = handling
  }
}
