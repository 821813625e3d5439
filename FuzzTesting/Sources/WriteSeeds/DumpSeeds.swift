import PCIe

/// Text dumps, each behind its cuts.
enum DumpSeeds {
  static let all: [Seed] = [
    seed("two", text(64, "Bridge") + text(256, "Other", at: "0001:00:1f.7")),
    seed("sample", rows(SampleDevice.sapphireRapidsDSA, of: "6a:01.0 Sample", upTo: 4096)),
    seed("verbose", "00:00.0 Host\n\tSubsystem: nobody\n\tControl: I/O-\n" + body(64) + "\n"),
    seed("no-rows", "00:00.0 Host bridge\n00:01.0 VGA\n\n"),
    seed("no-blank-between", text(64, "A", blank: "") + text(64, "B", blank: "")),
    seed("no-last-line-feed", String(text(64, "A", blank: "").dropLast())),
    seed("crlf", text(64, "A").split(separator: "\n").joined(separator: "\r\n") + "\r\n"),
    seed("row-without-device", body(16)),
    seed("short-row", "00:00.0 A\n00: 01 02\n10: 03\n"),
    seed("short-device", "00:00.0 A\n" + body(48) + "\n00:01.0 B\n" + body(64)),
    seed("gap", "00:00.0 A\n" + body(16) + "20: 00\n"),
    seed("past-end", rows(ConfigSpaceBuilder().config, of: "00:00.0 A", upTo: 4096) + body(16)),
    seed("digit", "00:00.0 A\n00: 0g\n"),
    seed("separator", "00:00.0 A\n00:\t01\n"),
    seed("too-many", "00:00.0 A\n00:" + String(repeating: " 11", count: 17) + "\n"),
    seed("long-row", "00:00.0 A\n00: 01" + String(repeating: " ", count: 600) + "\n"),
    seed("long-title", "00:00.0 " + String(repeating: "é", count: 300) + "\n" + body(64)),
    seed("control-title", "00:00.0 \u{1}\u{7F}\u{85}\u{9B}\tx\u{0} \r\r\n" + body(64)),
    Seed("not-utf8", [0] + Array("00:00.0 ".utf8) + [0xFF, 0xC0, 0xE2, 0x82, 10] + body(64).utf8),
    seed("domains", text(64, "A", at: "10000:e1:00.0") + text(64, "B", at: "ffffffff:ff:1f.7")),
    seed("bad-addresses", "00:20.0 A\n" + body(16) + "0:00.0 B\n00:00.8 C\n000:00:00.0 D\n"),
    seed("offsets", "00:00.0 A\n0: 01\n00:01.0 B\n0000: 01\n00:02.0 C\n00f: 01\n"),
    seed("upper-case", "00:00.0 A\n" + body(64).uppercased()),
  ]

  private static func seed(_ name: String, _ text: String) -> Seed {
    Seed(name, [3] + le(17 as UInt16) + le(0 as UInt16) + le(201 as UInt16) + Array(text.utf8))
  }

  private static func text(
    _ size: Int, _ title: String, at address: String = "00:00.0", blank: String = "\n"
  ) -> String {
    "\(address) \(title)\n" + body(size) + blank
  }

  private static func body(_ size: Int) -> String {
    var builder = ConfigSpaceBuilder(size: 256)
    for offset in stride(from: 0, to: 256, by: 3) { builder.put8(UInt8(offset), at: offset) }
    return String(rows(builder.config, of: "", upTo: size).dropFirst())
  }

  private static func rows(_ config: ConfigSpace, of device: String, upTo size: Int) -> String {
    let address = PCIAddress(bus: 0, device: 0, function: 0)
    let text = DumpTextWriter.text(address: address, title: "", config: config)
    let rows = text.split(separator: "\n").dropFirst().prefix(size / 16)
    return ([Substring(device)] + rows).joined(separator: "\n") + "\n"
  }
}
