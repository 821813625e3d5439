internal import Hardware

/// A function of PCI as sysfs shows it: what a launched program reads before it opens the device.
package struct TreeDevice: Sendable {
  /// A region of the function on the host's bus: a row of sysfs's `resource`.
  package struct Region: Hashable, Sendable {
    /// First and last address; both 0 in a row that is not used.
    package var first: UInt64
    package var last: UInt64
    /// Linux's resource flags.
    package var flags: UInt64

    package init(first: UInt64, last: UInt64, flags: UInt64) {
      self.first = first
      self.last = last
      self.flags = flags
    }

    /// A row that is not used.
    package static let none = Region(first: 0, last: 0, flags: 0)

    /// The region of a memory BAR.
    package static func memory(
      at first: UInt64, byteCount: UInt64, is64Bit: Bool, isPrefetchable: Bool
    ) -> Region {
      let memory: UInt64 = 0x200
      let sizeIsAlignment: UInt64 = 0x40000
      // The low bits repeat the BAR's own type bits.
      let type: UInt64 = (is64Bit ? 0x10_0004 : 0) | (isPrefetchable ? 0x2008 : 0)
      return Region(
        first: first, last: first &+ max(1, byteCount) &- 1,
        flags: memory | sizeIsAlignment | type)
    }
  }

  /// The virtual functions of a physical one.
  package struct VirtualFunctions: Hashable, Sendable {
    package var total: Int
    /// Those that are enabled, by address, in order.
    package var enabled: [String]

    package init(total: Int, enabled: [String]) {
      self.total = total
      self.enabled = enabled
    }
  }

  /// Domain, bus, device and function, as `0000:6a:01.0`.
  package var address: String
  /// The configuration space, 256 or 4,096 bytes.
  package var config: [UInt8]
  /// Rows of `resource`: BARs 0 to 5, the ROM at 6, virtual functions' BARs at 7 to 12.
  package var regions: [Region]
  /// The IOMMU group's number.
  package var group: Int
  /// N of `/dev/vfio/devices/vfioN`.
  package var vfioIndex: Int
  /// The NUMA node; -1 for none.
  package var numaNode = -1
  /// The physical function of a virtual one.
  package var physicalFunction: String?
  /// The virtual functions of a physical one.
  package var virtualFunctions: VirtualFunctions?

  package init(
    address: String, config: [UInt8], regions: [Region], group: Int, vfioIndex: Int
  ) {
    self.address = address
    self.config = config
    self.regions = regions
    self.group = group
    self.vfioIndex = vfioIndex
  }

  /// A number of the configuration space; 0 where it is too short.
  func configNumber(_ offset: Int, _ byteCount: Int) -> UInt32 {
    guard offset + byteCount <= config.count else { return 0 }
    return (0..<byteCount).reduce(0) { $0 | UInt32(config[offset + $1]) << UInt32($1 * 8) }
  }

  /// The device's folder in sysfs.
  package var folder: String { "/sys/devices/pci\(bus)/\(address)" }
  /// `0000:6a`.
  var bus: Substring { address.prefix(7) }
}

/// The IOMMU that the devices of a tree stand behind.
package struct TreeIOMMU: Sendable {
  /// `dmar0`, or `smmu3.0x…`.
  package var name: String
  /// Files of its own folder: for VT-d `intel-iommu/cap` and the like, with their text.
  package var attributes: [String: String]
  /// Rows of a group's `reserved_regions`, without their newlines.
  package var reservedRegions: [String]

  package init(name: String, attributes: [String: String], reservedRegions: [String]) {
    self.name = name
    self.attributes = attributes
    self.reservedRegions = reservedRegions
  }

  /// A VT-d unit as Linux shows it.
  package static func vtd(
    capability: UInt64, extendedCapability: UInt64, address: UInt64 = 0xfed9_0000
  ) -> TreeIOMMU {
    func hex(_ value: UInt64) -> String { String(value, radix: 16) + "\n" }
    return TreeIOMMU(
      name: "dmar0",
      attributes: [
        "intel-iommu/address": hex(address), "intel-iommu/cap": hex(capability),
        "intel-iommu/ecap": hex(extendedCapability), "intel-iommu/version": "6:0\n",
        "intel-iommu/domains_supported": "65536\n", "intel-iommu/domains_used": "2\n",
      ],
      reservedRegions: ["0x00000000fee00000 0x00000000feefffff msi"])
  }
}
