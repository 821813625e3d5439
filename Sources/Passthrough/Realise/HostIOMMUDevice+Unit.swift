import Hardware
import IOMMUClient
import VirtualIOMMU

extension HostIOMMUDevice.Unit {
  /// The host's unit as the guest's IOMMU is told of it.
  init(_ unit: HardwareInformation.Unit) {
    switch unit {
    case .vtd(let unit):
      self = .vtd(
        flags: unit.flags, capability: unit.capability.rawValue,
        extendedCapability: unit.extended.rawValue)
    case .smmuv3(let unit):
      // IDR2 and IDR4 say nothing that the kernel stands for.
      self = .smmuv3(
        idr: [
          unit.idr0.rawValue, unit.idr1.rawValue, 0, unit.idr3.rawValue, 0, unit.idr5.rawValue,
        ], iidr: unit.iidr, aidr: unit.aidr)
    case .other(let type, _): self = .other(type: type)
    case .untold: self = .other(type: 0)
    }
  }
}

extension HardwareInformation.Unit {
  /// The width in bits of the addresses that a nesting parent translates.
  var guestAddressWidth: Int {
    switch self {
    case .vtd(let unit):
      // MGAW, bits 21:16, within what the widest of SAGAW's tables (bits 12:8) can hold.
      let widest = Int(unit.capability[16...21]) + 1
      let tables = unit.capability[8...12]
      let held = tables >> 3 & 1 == 1 ? 57 : tables >> 2 & 1 == 1 ? 48 : 39
      return min(widest, held)
    case .smmuv3, .other, .untold: return 48
    }
  }
}
