extension VTdConfiguration {
  /// What CAP reads.
  public var capability: VTdCapability {
    var value = VTdCapability(rawValue: 0)
    value.domains = 6
    value.hasCachingMode = features.contains(.cachingMode)
    // Narrower tables than the widest are taken as well.
    value.secondStageWidths = addressWidth == 57 ? 0b1110 : addressWidth == 48 ? 0b0110 : 0b0010
    value.guestAddressWidth = UInt64(addressWidth - 1)
    value.faultRegisterOffset = UInt64(VTdRegister.faultRecords >> 4)
    value.secondStageLargePages = features.contains(.gigabytePages) ? 3 : 1
    value.hasPageSelectiveInvalidation = true
    value.faultRegisters = UInt64(faultRegisters - 1)
    value.maximumAddressMask = Self.maximumAddressMask
    value.drains = 3
    value.hasGigabytePages = features.isSuperset(of: [.firstStage, .gigabytePages])
    value.hasFiveLevels = features.contains(.fiveLevels)
    value.flushingPointers = features.contains(.flushingPointers) ? 3 : 0
    return value
  }

  /// What ECAP reads.
  public var extendedCapability: VTdExtendedCapability {
    var value = VTdExtendedCapability(rawValue: 0)
    // The walks read memory as the guest's processors do.
    value[.coherent] = true
    value[.queuedInvalidation] = true
    value[.coherentScalableWalks] = features.contains(.scalableMode)
    value[.pasid] = pasidBits > 0
    value[.pageRequestDrain] = features.contains(.pageRequests)
    for (feature, bit) in Self.bits { value[bit] = features.contains(feature) }
    value.invalidationOffset = UInt64(VTdRegister.invalidateAddress >> 4)
    value.maximumHandleMask = features.contains(.interruptRemapping) ? 15 : 0
    if pasidBits > 0 { value.pasidBits = UInt64(pasidBits - 1) }
    return value
  }

  /// CAP.MAMV: up to 1 GiB in one invalidation.
  static let maximumAddressMask: UInt64 = 18

  private static let bits: [(Features, VTdExtendedCapability.Bit)] = [
    (.deviceTLBs, .deviceTLB), (.interruptRemapping, .interruptRemapping),
    (.extendedInterrupts, .extendedInterrupts), (.passThrough, .passThrough),
    (.snoopControl, .snoopControl), (.nesting, .nesting), (.pageRequests, .pageRequests),
    (.executeRequests, .executeRequests), (.supervisorRequests, .supervisorRequests),
    (.extendedAccessedFlag, .extendedAccessedFlag), (.scalableMode, .scalableMode),
    (.secondStageDirtyBits, .secondStageDirtyBits), (.secondStage, .secondStage),
    (.firstStage, .firstStage), (.ridPASID, .ridPASID), (.noWriteFlag, .noWriteFlag),
  ]
}
