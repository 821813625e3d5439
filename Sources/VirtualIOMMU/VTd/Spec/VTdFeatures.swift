/// What a unit can translate, as its capability registers tell the guest.
///
/// CAP and ECAP are the only source, so that what the guest is told and what its tables may ask for
/// cannot differ.
///
/// VT-d §11.4.2, §11.4.3.
public struct VTdFeatures: Hashable, Sendable {
  /// CAP.
  public let capability: UInt64
  /// ECAP.
  public let extendedCapability: UInt64
  /// The width in bits of the guest's physical addresses; address bits above it are reserved.
  public let hostAddressWidth: Int

  /// Describes what a unit can translate.
  ///
  /// - Parameters:
  ///   - capability: CAP.
  ///   - extendedCapability: ECAP.
  ///   - hostAddressWidth: The width in bits of the guest's physical addresses, 32 to 52; anything
  ///     else is a bug of the caller and traps.
  public init(capability: UInt64, extendedCapability: UInt64, hostAddressWidth: Int = 48) {
    precondition((32...52).contains(hostAddressWidth), "no such host address width")
    self.capability = capability
    self.extendedCapability = extendedCapability
    self.hostAddressWidth = hostAddressWidth
  }

  private func capability(_ bit: Int) -> Bool { capability >> UInt64(bit) & 1 == 1 }
  private func extended(_ bit: Int) -> Bool { extendedCapability >> UInt64(bit) & 1 == 1 }

  /// How many domains there are (CAP.ND).
  public var domainCount: Int { 1 << min(16, 4 + 2 * Int(capability & 7)) }
  /// Whether what is not present may be cached (CAP.CM).
  public var cachesNotPresent: Bool { capability(7) }
  /// The width in bits of the widest input (CAP.MGAW).
  public var guestAddressWidth: Int { Int(capability >> 16 & 0x3F) + 1 }
  /// The largest address mask of an invalidation (CAP.MAMV).
  public var maximumAddressMask: UInt8 { UInt8(capability >> 48 & 0x3F) }
  /// Whether second stages have pages of 2 MiB (CAP.SLLPS).
  public var hasSecondStage2MiB: Bool { capability(34) }
  /// Whether second stages have pages of 1 GiB (CAP.SLLPS).
  public var hasSecondStage1GiB: Bool { capability(35) }
  /// Whether first stages have pages of 1 GiB (CAP.FS1GP).
  public var hasFirstStage1GiB: Bool { capability(56) }
  /// Whether first stages may have five levels (CAP.FS5LP).
  public var hasFirstStageFiveLevels: Bool { capability(60) }

  /// Whether devices may cache translations (ECAP.DT).
  public var hasDeviceTLB: Bool { extended(2) }
  /// Whether interrupts are remapped (ECAP.IR).
  public var remapsInterrupts: Bool { extended(3) }
  /// Whether interrupts may have 32-bit destinations (ECAP.EIM).
  public var hasExtendedInterrupts: Bool { extended(4) }
  /// Whether requests may pass through (ECAP.PT).
  public var hasPassThrough: Bool { extended(6) }
  /// Whether snooping is controlled by second-stage entries (ECAP.SC).
  public var hasSnoopControl: Bool { extended(7) }
  /// Whether a first stage may be nested on a second (ECAP.NEST).
  public var hasNesting: Bool { extended(26) }
  /// Whether devices may request pages (ECAP.PRS).
  public var hasPageRequests: Bool { extended(29) }
  /// Whether requests may ask for execution (ECAP.ERS).
  public var hasExecuteRequests: Bool { extended(30) }
  /// Whether requests may be privileged (ECAP.SRS).
  public var hasSupervisorRequests: Bool { extended(31) }
  /// Whether translation requests may forgo writing (ECAP.NWFS).
  public var hasNoWriteFlag: Bool { extended(33) }
  /// Whether first-stage entries have an extended accessed flag (ECAP.EAFS).
  public var hasExtendedAccessed: Bool { extended(34) }
  /// How many bits of PASID there are (ECAP.PSS); 0 without PASIDs.
  public var pasidWidth: Int {
    hasPASID ? min(20, Int(extendedCapability >> 35 & 0x1F) + 1) : 0
  }
  /// Whether requests may have a PASID (ECAP.PASID).
  public var hasPASID: Bool { extended(40) }
  /// Whether there is scalable mode (ECAP.SMTS).
  public var hasScalableMode: Bool { extended(43) }
  /// Whether second stages have accessed and dirty bits (ECAP.SLADS).
  public var hasSecondStageDirty: Bool { extended(45) }
  /// Whether there are second stages in scalable mode (ECAP.SLTS).
  public var hasSecondStage: Bool { extended(46) }
  /// Whether there are first stages (ECAP.FLTS).
  public var hasFirstStage: Bool { extended(47) }
  /// Whether context entries name a PASID for requests without (ECAP.RPS).
  public var hasRIDPASID: Bool { extended(49) }

  /// Whether second stages may have so many levels (CAP.SAGAW); 3, 4 or 5, nothing else.
  ///
  /// - Parameter levels: How many levels.
  /// - Returns: `true` when they may.
  public func hasSecondStage(levels: Int) -> Bool {
    (3...5).contains(levels) && capability(8 + levels - 2)
  }

  /// The address bits that stand in no pointer: from ``hostAddressWidth`` up.
  ///
  /// - Parameter top: The highest bit of the pointer's field.
  /// - Returns: The mask.
  func reservedAddress(upTo top: Int = 63) -> UInt64 {
    (.max << UInt64(hostAddressWidth)) & (.max >> UInt64(63 - top))
  }
}
