import Testing

@testable import PCIe

@Suite("Text dumps: reading")
struct DumpsReaderTests {
  @Test("reads what lspci prints")
  func literal() throws {
    let text = """
      6a:01.0 System peripheral: Intel Corporation Data Streaming Accelerator (rev 10)
      00: 86 80 25 0b 46 05 10 00 00 00 80 08 00 00 00 00
      10: 0c 00 f4 ff 6f 20 00 00 0c 00 f0 ff 6f 20 00 00
      20: 00 00 00 00 00 00 00 00 00 00 00 00 86 80 00 00
      30: 00 00 00 00 40 00 00 00 00 00 00 00 00 00 00 00


      """
    let device = try #require(Dumps.events(text).devices.first)
    #expect(device.address == PCIAddress(bus: 0x6A, device: 1, function: 0))
    #expect(
      device.title == "System peripheral: Intel Corporation Data Streaming Accelerator (rev 10)")
    #expect(device.line == 1)
    #expect(device.config.size == 64)
    #expect(device.config.read32(0) == 0x0B25_8086)
    #expect(device.config.read32(0x18) == 0xFFF0_000C)
    #expect(device.config.read32(0x34) == 0x40)
  }

  @Test("every byte value in every place of a row")
  func everyByte() {
    for value in UInt8.min...UInt8.max {
      // The first row takes the strict path, so the second one holds the values.
      var bytes = [UInt8](repeating: 0, count: 64)
      for place in 0..<16 { bytes[16 + place] = value &+ UInt8(place) &* 17 }
      let text = Dumps.device("00:00.0", bytes)
      #expect(Dumps.events(text).devices.map(\.config.bytes) == [bytes])
      #expect(Dumps.events(text.uppercased()).devices.map(\.config.bytes) == [bytes])
    }
  }

  @Test("every character in every place of a row is read as the grammar says")
  func everyCharacter() {
    let good = Array(Dumps.device("00:00.0", Dumps.bytes(64)).utf8)
    // The second row, first of those that the fast path may take, with its end.
    let start = "00:00.0\n".utf8.count + 52
    for place in start..<start + 52 {
      for character in UInt8.min...UInt8.max {
        var text = good
        text[place] = character
        #expect(
          DumpsReference.outcomes(Dumps.events(text)) == DumpsReference.outcomes(text),
          "\(character) at \(place)")
      }
    }
  }

  @Test("any size, any number of devices", arguments: ConfigSpace.sizes)
  func sizes(size: Int) {
    // Full blocks are handed over and short ones copied, so each size also follows the others.
    let others = ConfigSpace.sizes.flatMap { [size, $0] } + [size]
    let all = others.enumerated().map { Dumps.bytes($1, seed: $0 + 1) }
    let text = all.enumerated().map { Dumps.device("00:1f.\($0 % 8) x", $1) }.joined()
    #expect(Dumps.events(text).devices.map(\.config.bytes) == all)
  }

  @Test(
    "device lines",
    arguments: [
      ("6a:01.0", PCIAddress(bus: 0x6A, device: 1, function: 0), ""),
      ("6A:1F.7 ", PCIAddress(bus: 0x6A, device: 0x1F, function: 7), ""),
      ("0000:6a:01.0\tbe", PCIAddress(bus: 0x6A, device: 1, function: 0), "be"),
      ("0001:6a:01.0 x", PCIAddress(domain: 1, bus: 0x6A, device: 1, function: 0), "x"),
      (
        "10000:e1:00.0 00: 11 22:33.4 ",
        PCIAddress(domain: 0x10000, bus: 0xE1, device: 0, function: 0),
        "00: 11 22:33.4"
      ),
      (
        "ffffffff:ff:1f.7 \t é", PCIAddress(domain: .max, bus: 0xFF, device: 0x1F, function: 7), "é"
      ),
    ])
  func deviceLine(line: String, address: PCIAddress, title: String) {
    let config = ConfigSpace(unchecked: Dumps.bytes(64))
    let expected = DumpedDevice(address: address, config: config, line: 2, title: title)
    #expect(Dumps.events("\n" + Dumps.device(line, config.bytes)) == [.device(expected)])
    let windows = ("\n" + Dumps.device(line, config.bytes)).replacing("\n", with: "\r\n")
    #expect(Dumps.events(windows) == [.device(expected)])
  }

  @Test(
    "lines that only resemble a device line are other text",
    arguments: [
      "6a:01", "6a:01.", "6a:01.8", "6a:20.0", "6:01.0", "06a:01.0", "6a:1.0", "6a:01.00",
      "6a:01.0:", "6a:01.0x", "123456789:6a:01.0", ":6a:01.0", "0:0:6a:01.0", "6a.01:0", "-a:01.0",
      " 6a:01.0", "\t6a:01.0", "6g:01.0", "00:1c.0/01:00.0", "6a:01.0\0",
    ])
  func notADeviceLine(line: String) {
    #expect(Dumps.events(line) == [])
    #expect(Dumps.events(line + " VGA\n\n") == [])
  }

  @Test("the details of lspci -v are passed over, and devices without bytes are named")
  func verbose() {
    let first = Dumps.bytes(64, seed: 3)
    let second = Dumps.bytes(256, seed: 4)
    let text = """
      $ lspci -vvnnkxxx
      pcilib: some warning
      0000:00:00.0 Host bridge [0600]: Intel [8086:1237] (rev 02)
      \tSubsystem: Red Hat, Inc. [1af4:1100]
      \tControl: I/O+ Mem+ BusMaster-
      \tCapabilities: [40] Express (v2) Endpoint, MSI 00
      \t\tDevCap:\tMaxPayload 128 bytes
      \tKernel driver in use: e1000
      \(Dumps.rows(first).joined(separator: "\n"))

      0000:00:01.0 ISA bridge [0601]: Intel [8086:7000]
      \tFlags: medium devsel
        00: 12 34

      0000:00:02.0 VGA compatible controller
      \tRegion 0: Memory at fd000000
      \(Dumps.rows(second).joined(separator: "\n"))
      0000:00:03.0 Last one
      $
      """
    #expect(
      Dumps.events(text) == [
        .device(
          DumpedDevice(
            address: PCIAddress(bus: 0, device: 0, function: 0),
            config: ConfigSpace(unchecked: first), line: 3,
            title: "Host bridge [0600]: Intel [8086:1237] (rev 02)")),
        .skipped(PCIAddress(bus: 0, device: 1, function: 0), line: 14),
        .device(
          DumpedDevice(
            address: PCIAddress(bus: 0, device: 2, function: 0),
            config: ConfigSpace(unchecked: second), line: 18, title: "VGA compatible controller")),
        .skipped(PCIAddress(bus: 0, device: 3, function: 0), line: 36),
      ])
  }

  @Test(
    "text without devices has no events",
    arguments: ["", "\n", "\r\n\n", "hello", "add: bee", "10 be"])
  func nothing(text: String) {
    var reader = DumpTextReader()
    let bytes = Array(text.utf8)
    reader.consume(bytes.span) { Issue.record("\($0)") }
    reader.finish { Issue.record("\($0)") }
    #expect(reader.deviceCount == 0)
  }

  @Test("after the end of a text, another one starts at line 1")
  func again() {
    var reader = DumpTextReader()
    var lines: [Int] = []
    let text = Array(Dumps.device("00:00.0", Dumps.bytes(64)).utf8.dropLast(2))
    for _ in 0..<3 {
      for event in [reader.read(text), reader.end()].joined() {
        if case .device(let device) = event { lines.append(device.line) }
      }
    }
    #expect(lines == [1, 1, 1])
    #expect(reader.deviceCount == 3)
  }
}

extension DumpTextReader {
  fileprivate mutating func read(_ bytes: [UInt8]) -> [DumpEvent] {
    var events: [DumpEvent] = []
    consume(bytes.span) { events.append($0) }
    return events
  }

  fileprivate mutating func end() -> [DumpEvent] {
    var events: [DumpEvent] = []
    finish { events.append($0) }
    return events
  }
}
