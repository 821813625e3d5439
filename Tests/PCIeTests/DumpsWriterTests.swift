import Testing

@testable import PCIe

@Suite("Text dumps: writing")
struct DumpsWriterTests {
  static let address = PCIAddress(domain: 2, bus: 0x6A, device: 0x1F, function: 5)

  @Test("writes what lspci prints", arguments: ConfigSpace.sizes)
  func form(size: Int) throws {
    let bytes = Dumps.bytes(size)
    let config = try ConfigSpace(bytes)
    let text = DumpTextWriter.text(address: Self.address, title: "A: b", config: config)
    #expect(text == Dumps.device("0002:6a:1f.5 A: b", bytes))
    #expect(text.utf8.reduce(0) { $1 == 10 ? $0 + 1 : $0 } == size / 16 + 2)
  }

  @Test(
    "the reader gives back what was written", arguments: ConfigSpace.sizes, ["", "x", "é [x] y"])
  func roundTrip(size: Int, title: String) throws {
    var text: [UInt8] = []
    var written: [DumpedDevice] = []
    for seed in 0..<5 {
      let device = try DumpedDevice(
        address: PCIAddress(
          domain: seed == 4 ? 0x10000 : UInt32(seed), bus: 1, device: 2, function: UInt8(seed)),
        config: ConfigSpace(Dumps.bytes(size, seed: seed)), line: 1 + seed * (size / 16 + 2),
        title: title)
      DumpTextWriter.append(
        address: device.address, title: title, config: device.config, to: &text)
      written.append(device)
    }
    #expect(Dumps.events(text) == written.map { .device($0) })
  }

  @Test("the domain is shown when it is not 0, or asked for")
  func domain() throws {
    let config = try ConfigSpace(Dumps.bytes(64))
    let address = PCIAddress(bus: 0, device: 2, function: 0)
    let plain = DumpTextWriter.text(address: address, title: "x", config: config)
    #expect(plain.hasPrefix("00:02.0 x\n"))
    let full = DumpTextWriter.text(address: address, title: "x", config: config, showsDomain: true)
    #expect(full == "0000:" + plain)
  }

  @Test(
    "no title breaks the form",
    arguments: [
      "a\nb", "a\r\n00: 00", "\0", "\u{85}\u{9B}", "00: 11", String(repeating: "é", count: 1000),
      String(repeating: "x", count: 242), String(repeating: "x", count: 243), "\n\n",
    ])
  func titles(title: String) throws {
    let config = try ConfigSpace(Dumps.bytes(64))
    let address = PCIAddress(bus: 0, device: 2, function: 0)
    let text = DumpTextWriter.text(address: address, title: title, config: config)
    let device = try #require(Dumps.events(text).devices.first)
    #expect(device.config == config)
    #expect(Dumps.events(text).count == 1)
    let shown = title.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }
    let kept = String(String.UnicodeScalarView(shown))
    #expect(kept.contains(device.title))
    #expect(device.title.utf8.count >= min(kept.utf8.count, 241) || kept.contains(" "))
  }
}
