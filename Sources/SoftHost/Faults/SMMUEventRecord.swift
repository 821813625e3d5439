import Hardware
import IOMMU

/// An event as an SMMUv3 records it, 32 bytes (facts `smmuv3`, section 6).
struct SMMUEventRecord {
  private let words: [UInt64]

  /// Describes a fault of stage 1 as the guest is told; `nil` for events that guests do not get.
  init?(_ fault: TranslationFault, stream: UInt64, _ substream: PASID?, _ access: DMAAccess) {
    guard case .smmu(let event, let fetch) = fault.reason,
      [0x04, 0x06, 0x08, 0x0A, 0x10, 0x11, 0x12, 0x13].contains(event.rawValue)
    else { return nil }
    var first = UInt64(event.rawValue) | stream << 32
    if let substream { first |= 1 << 11 | UInt64(substream.rawValue) << 12 }
    // Faults of the configuration have no fields but these.
    guard event.rawValue >= SMMUEventID.translation.rawValue else {
      words = [first, 0, 0, 0]
      return
    }
    var second: UInt64 = 0
    // PnU, InD and RnW describe the request.
    if access.contains(.privileged) { second |= 1 << 33 }
    if access.contains(.execute) { second |= 1 << 34 }
    if !access.contains(.write) { second |= 1 << 35 }
    second |= UInt64(fetch.rawValue) << 40
    words = [first, second, fault.address.rawValue, 0]
  }

  /// The record as it lies in memory.
  var bytes: [UInt8] {
    words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
  }
}
