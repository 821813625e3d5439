import PCIe

/// Where a function has the capabilities that the host works with, hidden from programs or not.
struct CapabilityPlaces: Hashable, Sendable {
  let power: Int?
  let msi: Int?
  let pciExpress: Int?
  let msix: Int?
  let ats: Int?
  let pri: Int?
  let pasid: Int?

  init(_ config: ConfigSpace) {
    let walk = config.walkCapabilities()
    power = walk.first(0x01, in: .legacy)?.offset
    msi = walk.first(0x05, in: .legacy)?.offset
    pciExpress = walk.first(Capability.pciExpressID, in: .legacy)?.offset
    msix = walk.first(0x11, in: .legacy)?.offset
    ats = walk.first(0x0F, in: .extended)?.offset
    pri = walk.first(0x13, in: .extended)?.offset
    pasid = walk.first(Capability.pasidID, in: .extended)?.offset
  }
}
