/// How the length of a capability is found: the specification encodes it nowhere in the list.
public enum LengthRule: Hashable, Sendable {
  /// No source states a length.
  case unknown
  /// Always this many bytes.
  case fixed(Int)

  // Legacy list.
  /// MSI: grows with 64-bit addresses and per-vector masking.
  case msi
  /// PCI-X: longer from version 1 on.
  case pciX
  /// HyperTransport: by the type of its block.
  case hyperTransport
  /// Vendor-specific, legacy list: a byte at 2.
  case vendorByte
  /// PCI Express: by its version and port type.
  case pciExpress
  /// Serial ATA: longer with inline registers.
  case sata
  /// Enhanced Allocation: a count of entries of differing length.
  case enhancedAllocation

  // Extended list.
  /// Advanced Error Reporting: grows with root error registers and the prefix or flit log.
  case advancedErrors
  /// Virtual channels and their arbitration tables, also multi-function ones.
  case virtualChannel
  /// Root complex links: a count of 16-byte entries.
  case rootLinks
  /// Root complex event collector: longer from version 2 on.
  case eventCollector
  /// VSEC and DVSEC: bits 31:20 of the second dword; never less than `minimum` bytes.
  case vendorField(minimum: Int)
  /// Access control: an egress vector when there is egress control.
  case accessControl
  /// Multicast: ports have an overlay BAR.
  case multicast
  /// Resizable BARs: a count of 8-byte entries.
  case resizableBAR
  /// Dynamic power allocation: one byte a substate.
  case dynamicPower
  /// TPH: a steering table when it lives here.
  case steeringTags
  /// `base` bytes and `perLane` for each lane of the widest link, rounded up to `granule` bytes.
  case lanes(base: Int, perLane: Int, granule: Int = 1)
  /// Downstream port containment: root-port registers and their log.
  case portContainment
  /// L1 PM substates: longer from version 2 on.
  case l1Substates
  /// IDE: link streams and selective streams with their address blocks.
  case encryption
  /// MMIO register block locator: bits 11:0 of the second dword.
  case blockLocator

  /// The bytes that such a capability has even when its length cannot be told.
  ///
  /// The register that should state the length is the capability's own, whatever it says.
  public var minimum: Int {
    switch self {
    case .vendorByte: 3
    case .vendorField(let minimum): minimum
    case .blockLocator: 8
    case .resizableBAR: 12
    default: 0
    }
  }
}
