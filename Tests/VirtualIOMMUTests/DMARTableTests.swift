import Foundation
import Testing
import VirtualIOMMU

@Suite("The DMAR table")
struct DMARTableTests {
  /// One of each structure, the unit for all the rest given first.
  private static let table = DMARTable(
    hostAddressWidth: 46, flags: [.interruptRemapping, .optsOutOfX2APIC],
    structures: [
      .unit(
        DMARUnit(
          base: 0xFED9_0000, includesAll: true,
          scopes: [
            DMARScope(.ioapic, enumerationID: 2, startBus: 0xF0, path: [.init(device: 31)]),
            DMARScope(
              .hpet, enumerationID: 1, startBus: 0xF0, path: [.init(device: 30, function: 7)]),
          ])),
      .unit(
        DMARUnit(
          base: 0xFED9_2000, byteCount: 8192,
          scopes: [
            DMARScope(.endpoint, startBus: 1, path: [.init(device: 2, function: 1)]),
            DMARScope(.bridge, path: [.init(device: 3), .init(device: 4, function: 5)]),
            DMARScope(.named, enumerationID: 1, startBus: 0, path: [.init(device: 5)]),
          ])),
      .reservedMemory(
        segment: 0, start: 0x7B80_0000, end: 0x7FFF_FFFF,
        scopes: [DMARScope(.endpoint, path: [.init(device: 2)])]),
      .rootPortATS(
        segment: 0, allPorts: false, scopes: [DMARScope(.bridge, path: [.init(device: 6)])]),
      .affinity(base: 0xFED9_0000, proximity: 3),
      .named(number: 1, path: #"\_SB.PCI0.I2C0"#),
      .integratedATS(
        segment: 0, isRequired: true,
        scopes: [DMARScope(.endpoint, startBus: 0, path: [.init(device: 7)])]),
      .deviceProperties(
        segment: 0, scopes: [DMARScope(.endpoint, path: [.init(device: 8)])]),
    ])

  @Test("begins as every ACPI table, and adds up to zero")
  func header() throws {
    let bytes = try Self.table.encoded()
    #expect(String(decoding: bytes[..<4], as: UTF8.self) == "DMAR")
    #expect(Int(bytes[4]) | Int(bytes[5]) << 8 == bytes.count && bytes[8] == 1)
    #expect(bytes.reduce(0, &+) == 0)
    #expect(bytes[36] == 45 && bytes[37] == 3)
    #expect(bytes[38..<48].allSatisfy { $0 == 0 })
  }

  @Test("has its structures one after the other, the unit for the rest behind the other units")
  func structures() throws {
    let bytes = try Self.table.encoded()
    var offset = 48
    var types: [UInt8] = []
    var flags: [UInt8] = []
    while offset < bytes.count {
      types.append(bytes[offset])
      flags.append(bytes[offset + 4])
      offset += Int(bytes[offset + 2])
    }
    #expect(offset == bytes.count)
    #expect(types == [0, 0, 1, 2, 3, 4, 5, 6])
    #expect(flags[..<2] == [0, 1])
  }

  @Test("bytes of a unit with its scopes")
  func unit() throws {
    let table = DMARTable(hostAddressWidth: 39, structures: [Self.table.structures[1]])
    #expect(
      try Array(table.encoded()[48...]) == [
        0, 0, 42, 0, 0, 1, 0, 0, 0x00, 0x20, 0xD9, 0xFE, 0, 0, 0, 0,
        1, 8, 0, 0, 0, 1, 2, 1,
        2, 10, 0, 0, 0, 0, 3, 0, 4, 5,
        5, 8, 0, 0, 1, 0, 5, 0,
      ])
  }

  struct Row: Sendable {
    let structures: [DMARStructure]
    let error: DMARTableError
    var width = 46
  }

  static let rows: [Row] = [
    .init(structures: [], error: .addressWidth(0), width: 0),
    .init(
      structures: [
        .unit(DMARUnit(base: 0x1000, includesAll: true)),
        .unit(DMARUnit(base: 0x2000, includesAll: true)),
      ], error: .twoIncludeAll(0)),
    .init(
      structures: [.unit(DMARUnit(base: 0x1000, byteCount: 8192))],
      error: .registers(base: 0x1000, byteCount: 8192)),
    .init(
      structures: [.unit(DMARUnit(base: 0, byteCount: 0))],
      error: .registers(base: 0, byteCount: 0)),
    .init(
      structures: [.reservedMemory(segment: 0, start: 0x1000, end: 0x1000, scopes: [])],
      error: .range(0x1000, 0x1000)),
    .init(structures: [.named(number: 1, path: "é")], error: .name("é")),
    .init(
      structures: [.named(number: 1, path: String(repeating: "A", count: 70000))],
      error: .length),
    .init(
      structures: [
        .deviceProperties(segment: 0, scopes: [DMARScope(.endpoint, path: [.init(device: 32)])])
      ], error: .hop(device: 32, function: 0)),
    .init(
      structures: [.deviceProperties(segment: 0, scopes: [DMARScope(.endpoint, path: [])])],
      error: .length),
  ]

  @Test("what cannot be written down is refused with a reason", arguments: rows.indices)
  func refused(index: Int) {
    let row = Self.rows[index]
    #expect(throws: row.error) {
      try DMARTable(hostAddressWidth: row.width, structures: row.structures).encoded()
    }
    #expect(!row.error.description.isEmpty)
  }

  /// Where the decoder is, which we did not write.
  private static let decoder = ["/usr/bin/iasl", "/usr/local/bin/iasl"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  @Test(
    "reads right to ACPI's own decoder",
    .enabled(if: decoder != nil, "no iasl here: Debian has it in acpica-tools"))
  func decoded() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "dmar.aml")
    try Data(Self.table.encoded()).write(to: file)
    let process = Process()
    process.executableURL = URL(filePath: try #require(Self.decoder))
    process.arguments = ["-d", file.path]
    process.standardOutput = Pipe()
    process.standardError = Pipe()
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let text = try String(contentsOf: folder.appending(path: "dmar.dsl"), encoding: .utf8)
    // Field names without the columns before them, so that versions may move these.
    let fields = text.split(separator: "\n").compactMap { line -> String? in
      guard let colon = line.range(of: " : ") else { return nil }
      let name = line[..<colon.lowerBound].drop { $0 != "]" }.dropFirst()
        .trimmingCharacters(in: .whitespaces).replacing(/^[0-9A-Fa-fh ]*\] */, with: "")
      return name + "=" + line[colon.upperBound...].trimmingCharacters(in: .whitespaces)
    }
    for field in [
      "Host Address Width=2D", "Flags=03", "Subtable Type=0000 [Hardware Unit Definition]",
      "Register Base Address=00000000FED92000", "Register Base Address=00000000FED90000",
      "Device Scope Type=03 [IOAPIC Device]", "Device Scope Type=04 [Message-capable HPET Device]",
      "Device Scope Type=02 [PCI Bridge Device]", "PCI Path=03,00", "PCI Path=04,05",
      "Subtable Type=0001 [Reserved Memory Region]", "Base Address=000000007B800000",
      "End Address (limit)=000000007FFFFFFF",
      "Subtable Type=0002 [Root Port ATS Capability]",
      "Subtable Type=0003 [Remapping Hardware Static Affinity]", "Proximity Domain=00000003",
      "Subtable Type=0004 [ACPI Namespace Device Declaration]",
      #"Device Name="\_SB.PCI0.I2C0""#,
    ] {
      #expect(fields.contains(field), "\(field) in \(fields)")
    }
    #expect(!text.contains("Incorrect checksum") && !text.contains("Invalid"))
  }
}
