import Hardware

/// Where a PCI function sits: domain, bus, device and function, as `lspci` prints them.
public struct PCIAddress: Hashable, Sendable {
  /// The PCI domain (segment); Linux numbers those behind a VMD from 0x10000.
  public let domain: UInt32
  /// The bus number, 0 to 255.
  public let bus: UInt8
  /// The device number, 0 to 31.
  public let device: UInt8
  /// The function number, 0 to 7.
  public let function: UInt8

  /// Makes an address from its parts.
  ///
  /// - Parameters:
  ///   - domain: The PCI domain.
  ///   - bus: The bus number.
  ///   - device: The device number; only the low five bits are kept.
  ///   - function: The function number; only the low three bits are kept.
  public init(domain: UInt32 = 0, bus: UInt8, device: UInt8, function: UInt8) {
    self.domain = domain
    self.bus = bus
    self.device = device & 0x1F
    self.function = function & 0x7
  }

  /// Reads `0000:6a:01.0` or `6a:01.0`.
  ///
  /// - Parameter text: The address, nothing before or after it: four to eight digits for the domain,
  ///   two for bus and device, one for the function.
  public init?(_ text: some StringProtocol) {
    self.init(utf8: text.utf8)
  }

  /// Reads an address from the bytes of its text.
  package init?(utf8 text: some Sequence<UInt8>) {
    // Each separator moves the numbers one place to the left: domain, bus, device.
    var parts: (domain: UInt32, bus: UInt32, device: UInt32) = (0, 0, 0)
    var colons = 0
    var (digits, firstDigits) = (0, 0)
    var value: UInt32 = 0
    var sawDot = false
    for byte in text {
      if let nibble = byte.hexDigitValue {
        digits += 1
        guard digits <= 8 else { return nil }
        value = value << 4 | UInt32(nibble)
        continue
      }
      guard digits > 0, !sawDot else { return nil }
      parts = (parts.bus, parts.device, value)
      switch byte {
      case UInt8(ascii: ":") where colons == 0: (colons, firstDigits) = (1, digits)
      // A second colon makes the number before the first one a domain.
      case UInt8(ascii: ":") where colons == 1 && firstDigits >= 4 && digits == 2: colons = 2
      case UInt8(ascii: ".") where colons > 0 && digits == 2: sawDot = true
      default: return nil
      }
      value = 0
      digits = 0
    }
    guard sawDot, digits == 1, value < 8, parts.device < 32, colons == 2 || firstDigits == 2 else {
      return nil
    }
    self.init(
      domain: parts.domain, bus: UInt8(parts.bus), device: UInt8(parts.device),
      function: UInt8(value))
  }
}

extension PCIAddress: CustomStringConvertible {
  /// The address with its domain: `0000:6a:01.0`.
  public var description: String {
    "\(domain.hex(digits: 4)):\(bus.hex(digits: 2)):\(device.hex(digits: 2)).\(function)"
  }
}

extension PCIAddress: Comparable {
  /// Orders by domain, bus, device and function.
  public static func < (a: PCIAddress, b: PCIAddress) -> Bool {
    (a.domain, a.bus, a.device, a.function) < (b.domain, b.bus, b.device, b.function)
  }
}

extension UInt8 {
  /// The value of this byte as an ASCII hexadecimal digit, or `nil`.
  @inlinable
  package var hexDigitValue: UInt8? {
    switch self {
    case 0x30...0x39: self &- 0x30
    case 0x61...0x66: self &- 0x57
    case 0x41...0x46: self &- 0x37
    default: nil
    }
  }
}
