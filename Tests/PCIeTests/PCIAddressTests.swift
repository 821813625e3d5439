import PCIe
import Testing

@Suite("PCI addresses")
struct PCIAddressTests {
  @Test(
    "good ones",
    arguments: [
      ("0000:6a:01.0", 0, 0x6A, 1, 0), ("6a:01.0", 0, 0x6A, 1, 0), ("00:00.0", 0, 0, 0, 0),
      ("ffff:ff:1f.7", 0xFFFF, 0xFF, 0x1F, 7), ("FFFF:FF:1F.7", 0xFFFF, 0xFF, 0x1F, 7),
      ("10000:e1:00.0", 0x10000, 0xE1, 0, 0), ("ffffffff:aB:1c.3", 0xFFFF_FFFF, 0xAB, 0x1C, 3),
      ("0001:02:03.4", 1, 2, 3, 4),
    ] as [(String, UInt32, UInt8, UInt8, UInt8)])
  func good(text: String, domain: UInt32, bus: UInt8, device: UInt8, function: UInt8) {
    let wanted = PCIAddress(domain: domain, bus: bus, device: device, function: function)
    #expect(PCIAddress(text) == wanted)
    #expect(PCIAddress("<\(text)>".dropFirst().dropLast()) == wanted)
    #expect(PCIAddress(wanted.description) == wanted)
  }

  @Test(
    "anything else",
    arguments: [
      "", ":", ".", "::.", "0", "6a", "6a:01", "6a:01.", "01.0", ".0", ":01.0", "6a:.0", "6a::01.0",
      "0000:6a:01", "0000:6a:01.", "0000:6a:.0", "0000::01.0", ":6a:01.0", "0000:0000:6a:01.0",
      "6a:01.8", "6a:01.f", "6a:20.0", "6a:ff.0", "6a:1.0", "6a:001.0", "6a:01.00", "6a:01.0.0",
      "6a:01.0:", "6a:01:0", "6a.01.0", "6a.01:0", "16a:01.0", "a:01.0", "0000:a:01.0",
      "0000:16a:01.0", "000:6a:01.0", "0:6a:01.0", "000000000:6a:01.0", "100000000:6a:01.0",
      " 6a:01.0", "6a:01.0 ", "6a:01.0\n", "6a:01.0\0", "6a :01.0", "0x6a:01.0", "6a:0x1.0",
      "-6a:01.0",
      "+6a:01.0", "6g:01.0", "6a:0g.0", "6a:01.g", "６a:01.0", "6а:01.0", "6a：01.0", "lost", "é",
    ])
  func bad(text: String) {
    #expect(PCIAddress(text) == nil)
  }

  @Test("every bus, device and function there and back")
  func everyAddress() {
    for bus in 0...UInt8.max {
      for device in 0..<32 as Range<UInt8> {
        let function = (bus ^ device) & 7
        let address = PCIAddress(bus: bus, device: device, function: function)
        #expect(PCIAddress(address.description) == address)
        #expect(PCIAddress(address.description.dropFirst(5)) == address)
      }
    }
  }

  @Test("order: domain, bus, device, function; numbers above their fields are cut")
  func order() {
    let texts = ["00:00.1", "00:01.0", "01:00.0", "0001:00:00.0", "10000:00:00.0"]
    let addresses = texts.compactMap { PCIAddress($0) }
    #expect(addresses.count == texts.count)
    #expect(addresses.reversed().sorted() == addresses)
    let cut = PCIAddress(bus: 1, device: 0xFF, function: 0xFF)
    #expect(cut == PCIAddress(bus: 1, device: 31, function: 7) && "\(cut)" == "0000:01:1f.7")
  }
}
