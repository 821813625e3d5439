import Hardware

extension SMMUStreamTable {
  /// Which half of the address space an address is in, and the address as that half sees it.
  struct Place {
    let region: SMMUContextDescriptor.Region
    /// The input; where the top byte does not count, with copies of bit 55 in it.
    let address: UInt64
  }

  /// Where an address is; `nil` when it is in no half, or in one whose walks are off.
  @inline(__always)
  static func place(_ iova: IOVA, in descriptor: SMMUContextDescriptor) -> Place? {
    let input = Int64(bitPattern: iova.rawValue)
    let isUpper = input >> 55 & 1 != 0
    let region = isUpper ? descriptor.upper : descriptor.lower
    guard !region.isDisabled else { return nil }
    let address = region.ignoresTopByte ? (input << 8) >> 8 : input
    // All bits above the region's size are zero, or all are one.
    guard address >> Int64(64 &- region.sizeOffset) == (isUpper ? -1 : 0) else { return nil }
    return Place(region: region, address: UInt64(bitPattern: address))
  }

  /// Translates with a context descriptor.
  func walk(
    _ place: Place, _ descriptor: SMMUContextDescriptor, _ iova: IOVA, _ access: DMAAccess,
    updating: Bool
  ) -> WalkResult {
    let region = place.region
    let pageShift = region.pageShift
    let bits = pageShift &- 3
    let inputBits = 64 &- region.sizeOffset
    // As many whole tables below the top one as leave it at least one bit.
    let below = (inputBits &- pageShift &- 1) / bits
    let shift = pageShift &+ below &* bits
    let topBits = inputBits &- shift
    // With pages of less than 64 KiB, 48 bits are all that entries can hold.
    let widest = pageShift == 16 ? 52 : 48
    let updates = features.hardwareUpdates
    let parameters = VMSAv8Format.Parameters(
      pageShift: pageShift,
      outputBits: UInt64(min(descriptor.outputBits, features.outputBits, widest)),
      isFlat: region.isFlat,
      setsAccessFlag: descriptor.hasAccessUpdates && updates != .none,
      setsDirty: descriptor.hasAccessUpdates && descriptor.hasDirtyUpdates
        && updates == .accessAndDirty,
      disablesAccessFault: descriptor.disablesAccessFault)
    let start = WalkStart(
      table: region.table & ~((8 << topBits) &- 1), shift: shift, topBits: topBits, bits: bits,
      pageShift: pageShift)
    let request = WalkRequest(
      iova: IOVA(place.address), access: access, isUpdating: updating)
    let result = NestedWalk<VMSAv8Format, HostStage<VMSAv8Format>>.run(
      request, from: start, parameters, through: HostStage(parent))
    guard case .fault(let fault) = result else { return result }
    let handling = fault.stage == .second ? [.isRecorded, .aborts] : descriptor.handling
    return .fault(
      TranslationFault(
        fault.reason, in: fault.stage, at: iova, intermediate: fault.intermediate,
        isCurable: fault.isCurable, handling: handling))
  }

  /// The fault of an address that no table translates.
  func outside(_ iova: IOVA, _ descriptor: SMMUContextDescriptor) -> TranslationFault {
    TranslationFault(
      .smmu(.translation, .input), in: .first, at: iova, handling: descriptor.handling)
  }

  /// What the tables say now, without any cache and without any effect.
  func look(_ iova: IOVA, _ access: DMAAccess, substream: PASID?) -> WalkResult {
    switch route(substream) {
    case .fault(let event): return .fault(configuration(event, iova))
    case .bypass: return parent.walk(iova, access, updating: false)
    case .descriptor(let number):
      switch fetchDescriptor(number, for: iova) {
      case .fault(let fault): return .fault(fault)
      case .value(let descriptor):
        guard let place = Self.place(iova, in: descriptor) else {
          return .fault(outside(iova, descriptor))
        }
        return walk(place, descriptor, iova, access, updating: false)
      }
    }
  }
}
