package import PCIe

/// Vendor and device ID that a user gives a dump, as `lspci -n` writes them: `8086:154c`.
///
/// A virtual function's own config space reads all ones there (SR-IOV §3.4.1.1): what it is stands in
/// its physical function's vendor ID and SR-IOV capability.
package struct DumpIdentity: Hashable, Sendable {
  /// The vendor; not 0 or 0xFFFF, of which Linux takes both for nobody's.
  package let vendorID: UInt16
  /// The vendor's number of the device.
  package let deviceID: UInt16

  /// Reads four hexadecimal digits, a colon, and four more.
  package init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, let vendorID = Self.number(parts[0]),
      vendorID != 0, vendorID != .max, let deviceID = Self.number(parts[1])
    else { return nil }
    (self.vendorID, self.deviceID) = (vendorID, deviceID)
  }

  private static func number(_ digits: Substring) -> UInt16? {
    // A sign would be read as well.
    guard digits.utf8.count == 4, digits.allSatisfy(\.isHexDigit) else { return nil }
    return UInt16(digits, radix: 16)
  }

  /// A config space with this identity in place of its own.
  package func replacing(_ config: ConfigSpace) -> ConfigSpace {
    var builder = ConfigSpaceBuilder(config)
    builder.put16(vendorID, at: 0)
    builder.put16(deviceID, at: 2)
    return builder.config
  }
}
