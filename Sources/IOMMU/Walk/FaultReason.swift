/// Why a unit refuses a request, in the words of its own specification.
public enum FaultReason: Hashable, Sendable, BitwiseCopyable {
  /// A VT-d fault reason.
  case vtd(VTdFaultReason)
  /// An SMMUv3 event, with the class of what was being accessed.
  case smmu(SMMUEventID, SMMUEventClass)
}

/// A VT-d fault reason code, as fault records carry it in bits 103:96.
///
/// VT-d §7.1.3, scalable mode.
@frozen
public struct VTdFaultReason: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The code.
  public let rawValue: UInt8

  /// Makes a reason from its code.
  ///
  /// - Parameter rawValue: The code.
  @inlinable
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// An execute request where the PASID entry does not allow them.
  public static var executeNotEnabled: Self { Self(rawValue: 0x5C) }
  /// A supervisor request where the PASID entry does not allow them.
  public static var supervisorNotEnabled: Self { Self(rawValue: 0x5D) }
  /// A first-stage entry could not be read.
  public static var firstStageEntryFetch: Self { Self(rawValue: 0x70) }
  /// A first-stage entry is not present.
  public static var firstStageNotPresent: Self { Self(rawValue: 0x71) }
  /// A first-stage entry has a reserved bit set.
  public static var firstStageReserved: Self { Self(rawValue: 0x72) }
  /// A first-stage address is wider than the second stage takes.
  public static var guestAddressTooWide: Self { Self(rawValue: 0x74) }
  /// The second stage does not let the top first-stage table be read.
  public static var topTableReadDenied: Self { Self(rawValue: 0x75) }
  /// The second stage does not let a lower first-stage table be read.
  public static var tableReadDenied: Self { Self(rawValue: 0x76) }
  /// The second stage does not let a first-stage table be written to set an accessed or dirty bit.
  public static var tableWriteDenied: Self { Self(rawValue: 0x77) }
  /// A second-stage entry lacks the permission.
  public static var secondStagePermission: Self { Self(rawValue: 0x79) }
  /// The input is not canonical.
  public static var notCanonical: Self { Self(rawValue: 0x80) }
  /// A user request to a supervisor page.
  public static var userOnSupervisor: Self { Self(rawValue: 0x81) }
  /// An execute request to a page that forbids it.
  public static var noExecute: Self { Self(rawValue: 0x82) }
  /// The input is wider than the second stage takes.
  public static var inputTooWide: Self { Self(rawValue: 0x83) }
  /// A write that the first stage forbids.
  public static var writeDenied: Self { Self(rawValue: 0x85) }
  /// A read that the first stage forbids.
  public static var readDenied: Self { Self(rawValue: 0x86) }
  /// An accessed or dirty bit could not be set.
  public static var updateFailed: Self { Self(rawValue: 0x91) }
}

/// An SMMUv3 event number.
///
/// SMMUv3 §7.3.
@frozen
public struct SMMUEventID: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  /// The number.
  public let rawValue: UInt8

  /// Makes an event number.
  ///
  /// - Parameter rawValue: The number.
  @inlinable
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// No event: the stream is configured to abort without a word.
  public static var none: Self { Self(rawValue: 0) }
  /// `C_BAD_STE`.
  public static var badSTE: Self { Self(rawValue: 0x04) }
  /// `F_STREAM_DISABLED`.
  public static var streamDisabled: Self { Self(rawValue: 0x06) }
  /// `C_BAD_SUBSTREAMID`.
  public static var badSubstreamID: Self { Self(rawValue: 0x08) }
  /// `F_CD_FETCH`.
  public static var contextDescriptorFetch: Self { Self(rawValue: 0x09) }
  /// `C_BAD_CD`.
  public static var badContextDescriptor: Self { Self(rawValue: 0x0A) }
  /// `F_WALK_EABT`.
  public static var walkAbort: Self { Self(rawValue: 0x0B) }
  /// `F_TRANSLATION`.
  public static var translation: Self { Self(rawValue: 0x10) }
  /// `F_ADDR_SIZE`.
  public static var addressSize: Self { Self(rawValue: 0x11) }
  /// `F_ACCESS`.
  public static var access: Self { Self(rawValue: 0x12) }
  /// `F_PERMISSION`.
  public static var permission: Self { Self(rawValue: 0x13) }
}

/// What an SMMUv3 was accessing when it found a fault: the event's CLASS field.
public enum SMMUEventClass: UInt8, Hashable, Sendable, BitwiseCopyable {
  /// A context descriptor.
  case contextDescriptor = 0
  /// A translation table.
  case table = 1
  /// The input address itself.
  case input = 2
}
