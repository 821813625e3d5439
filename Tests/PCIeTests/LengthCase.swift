import Hardware
import PCIe
import TestSupport
import Testing

/// A capability with the registers that its length depends on, and the length that the
/// specification gives it.
struct LengthCase: Sendable, CustomTestStringConvertible {
  let id: UInt16
  var version: UInt8 = 1
  var registers: [Int: UInt32] = [:]
  var port = Port()
  let length: Int?

  /// What the function's PCI Express capability says.
  struct Port: Sendable {
    var type: UInt16 = 0
    var version: UInt16 = 2
    var lanes: UInt32 = 4
    var prefixes = false
    var slot = false
    static let none = Port(version: 0, lanes: 0)
  }

  init(
    _ id: UInt16, _ length: Int?, version: UInt8 = 1, port: Port = Port(),
    _ registers: [Int: UInt32] = [:]
  ) {
    self.id = id
    self.length = length
    self.version = version
    self.port = port
    self.registers = registers
  }

  var testDescription: String {
    let told = registers.sorted { $0.key < $1.key }.map { "[\($0.key.hex)]=\($0.value.hex)" }
    return "\(id.hex) v\(version) type \(port.type) x\(port.lanes) "
      + told.joined(separator: " ") + " is \(length.map { "\($0)" } ?? "unknown")"
  }

  /// The length that the walk finds, with the capability in the extended list at 0x200.
  func extendedLength() -> Int? {
    var device = Self.function(port)
    device.putChain((0x18, 0x100), (id, 0x200))
    device.putExtendedHeader(id: id, version: version, next: 0, at: 0x200)
    for (offset, value) in registers { device.put32(value, at: 0x200 + offset) }
    let entry = device.config.walkCapabilities().extended.last
    #expect(entry?.id == id && entry?.offset == 0x200 && entry?.version == version)
    return entry?.size
  }

  /// The length that the walk finds, with the capability in the legacy list at 0xA0.
  ///
  /// The register at 0 is the header's dword, in which ID and pointer are filled in.
  func legacyLength(headerType: UInt8 = 0) -> Int? {
    var device = Fixtures.endpoint()
    device.put8(headerType, at: 0x0E)
    device.put8(0xA0, at: 0x34)
    for (offset, value) in registers { device.put32(value, at: 0xA0 + offset) }
    device.put8(UInt8(id), at: 0xA0)
    // A null capability that ends the list would be nothing but zeros.
    device.put8(id == 0 ? 0xC0 : 0, at: 0xA1)
    device.put8(0x13, at: 0xC0)
    let entry = device.config.walkCapabilities().legacy.first
    #expect(entry?.id == id && entry?.offset == 0xA0)
    return entry?.size
  }

  /// An endpoint whose PCI Express capability says what `port` does.
  private static func function(_ port: Port) -> ConfigSpaceBuilder {
    var device = Fixtures.endpoint()
    guard port.version > 0 else {
      device.put8(0, at: 0x34)
      return device
    }
    device.put16(port.version | port.type << 4 | (port.slot ? 1 << 8 : 0), at: 0x42)
    device.put32(port.lanes << 4 | 1, at: 0x4C)
    device.put32(port.prefixes ? 1 << 21 : 0, at: 0x64)
    return device
  }
}
