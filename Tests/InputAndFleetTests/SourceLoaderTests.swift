import Foundation
import HostSystem
import PCIe
import SystemPackage
import TestSupport
import Testing

@testable import Commands

@Suite("Sources")
struct SourceLoaderTests {
  private let sample = SampleDevice.sapphireRapidsDSA

  private func load(_ sources: String..., system: String = "/nowhere") -> Recorder {
    let recorder = Recorder()
    SourceLoader(handler: recorder, systemDevices: system).load(sources)
    return recorder
  }

  private func dump(_ addresses: String..., domain: Bool = true) -> String {
    addresses.compactMap { PCIAddress($0) }.map {
      DumpTextWriter.text(address: $0, title: "device", config: sample, showsDomain: domain)
    }.joined()
  }

  @Test("binary config spaces of each size", arguments: ConfigSpace.sizes)
  func binary(size: Int) throws {
    let folder = try TemporaryFolder()
    let bytes = sample.bytes.prefix(size)
    let file = try folder.write("0000:6a:01.0/config", bytes)
    let found = load(file)
    #expect(found.problems.isEmpty && found.devices.map(\.config.bytes) == [Array(bytes)])
    #expect(found.devices.map(\.address) == [PCIAddress("6a:01.0")])
    #expect(found.devices[0].source == file && found.devices[0].line == nil)
    #expect(load(try folder.write("other.bin", bytes)).devices.map(\.address) == [nil])
  }

  @Test("binary files that are no config space", arguments: [6, 63, 65, 127, 257, 4095])
  func sizes(size: Int) throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("x", sample.bytes.prefix(size))
    let found = load(file)
    #expect(found.devices.isEmpty)
    #expect(
      found.problems.map { "\($0)" } == [
        "\(file): \(size) bytes cannot be a config space: expected 64, 128, 256 or 4096"
      ])
  }

  @Test("files without a device")
  func nothing() throws {
    let folder = try TemporaryFolder()
    for (name, bytes) in [
      ("empty", []), ("text", Array("no device here\n".utf8)), ("spaces", Array(" \n\n".utf8)),
      ("long", Array(repeating: 0xFF, count: 4097)), ("zeros", Array(repeating: 0, count: 9000)),
    ] as [(String, [UInt8])] {
      let file = try folder.write(name, bytes)
      let found = load(file)
      #expect(found.problems == [.nothing(source: file)] && found.devices.isEmpty)
    }
    let ones = try folder.write("ones", Array(repeating: UInt8.max, count: 4096))
    #expect(load(ones).devices.map(\.config.isAbsent) == [true])
    #expect(load("\(folder.path)/none").problems == [.noSuchSource("\(folder.path)/none")])
    #expect(load("").problems.count == 1)
    #expect(load("\(ones)/x").problems.count == 1)
  }

  @Test("text and survey lines, wherever reads end", arguments: [1, 52, 4096, 4097, 70_000])
  func pipes(size: Int) throws {
    let text = dump("6a:01.0", "0001:6a:02.0", domain: false)
    let survey = SurveyLineTests.text(Fixture("s", sample).loaded())
    for (input, devices, lines) in [(text, 2, 0), (survey + survey, 0, 2)] {
      let folder = try TemporaryFolder()
      let pipe = "\(folder.path)/pipe"
      #expect(try run("/usr/bin/mkfifo", [pipe]) == 0)
      let writer = Thread {
        guard let handle = FileHandle(forWritingAtPath: pipe) else { return }
        let bytes = Data(input.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
          try? handle.write(contentsOf: bytes[start..<min(bytes.count, start + size)])
        }
        try? handle.close()
      }
      writer.start()
      let found = load(pipe)
      #expect(found.devices.count == devices && found.lines.count == lines)
      #expect(found.problems.isEmpty && found.devices.allSatisfy { $0.config == sample })
    }
  }

  private func run(_ path: String, _ arguments: [String]) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }

  @Test("folders, recursively, in order, with a loop of links")
  func folders() throws {
    let folder = try TemporaryFolder()
    try folder.write("b/two.txt", dump("01:00.0", "02:00.0"))
    try folder.write("a/deep/er/one.bin", sample.bytes)
    try folder.write("c/notes.md", "nothing\n")
    try folder.write("c/short.bin", [0, 1, 2])
    try folder.write("c/empty", "")
    try folder.write("d/fleet.jsonl", SurveyLineTests.text(Fixture("s", sample).loaded()))
    try folder.write(".hidden", dump("03:00.0"))
    try folder.write("e/6a:01.0", sample.bytes.prefix(256))
    try folder.link("loop", to: folder.path)
    try folder.link("a/0000:00:01.0", to: "..")
    let found = load(folder.path + "//")
    #expect(found.problems.isEmpty)
    #expect(
      found.devices.map(\.source)
        == [
          "a/deep/er/one.bin", "b/two.txt", "b/two.txt", "e/6a:01.0",
        ].map { "\(folder.path)/\($0)" })
    #expect(found.devices.map(\.line) == [nil, 1, 259, nil])
    #expect(found.devices.last?.address == PCIAddress("6a:01.0"))
    #expect(found.lines.count == 1)
    #expect(
      found.notes == [
        "\(folder.path)/loop: a link or a device, left out",
        "\(folder.path)//: 3 files hold no device and are left out",
      ])
    try folder.folder("f/g")
    #expect(load("\(folder.path)/f").problems == [.nothing(source: "\(folder.path)/f")])
    #expect(load("\(folder.path)/c").problems == [.nothing(source: "\(folder.path)/c")])
  }

  @Test("a bad dump in a folder is a problem, and the others are read")
  func badDump() throws {
    let folder = try TemporaryFolder()
    let bad = try folder.write("bad.txt", "00:00.0 x\n00: 12 3z\n")
    try folder.write("good.txt", dump("01:00.0"))
    let found = load(folder.path)
    #expect(found.devices.count == 1 && found.problems.count == 1)
    #expect("\(found.problems[0])".hasPrefix("\(bad): line 2: expected a hexadecimal digit"))
    let skipped = try folder.write("list.txt", "00:00.0 Host bridge\n01:00.0 VGA\n")
    let notes = load(skipped)
    #expect(notes.devices.isEmpty && notes.notes.count == 2)
    #expect(notes.notes[1].hasPrefix("\(skipped): line 2: 0000:01:00.0 has no bytes"))
  }

  @Test("a tree like the kernel's: devices by address, and no attribute is touched")
  func kernelTree() throws {
    let folder = try TemporaryFolder()
    let root = "devices/pci0000:00"
    func device(_ path: String, _ bytes: [UInt8]) throws {
      try folder.write("\(root)/\(path)/config", bytes)
      try folder.write("\(root)/\(path)/uevent", "DRIVER=x\n")
      // An attribute that would count as a device if it were read.
      try folder.write("\(root)/\(path)/vpd", sample.bytes)
      try folder.write("\(root)/\(path)/power/state", sample.bytes)
    }
    try folder.write("\(root)/uevent", "")
    try folder.write("\(root)/rescan", sample.bytes)
    try device("0000:00:01.0", Array(sample.bytes.prefix(256)))
    try device("0000:00:01.0/0000:6a:01.0", sample.bytes)
    try device("0000:00:02.0", Array(sample.bytes.prefix(64)))
    try folder.folder("bus/pci/devices")
    for (name, target) in [
      ("0000:00:01.0", "0000:00:01.0"), ("0000:6a:01.0", "0000:00:01.0/0000:6a:01.0"),
      ("0000:00:02.0", "0000:00:02.0"),
    ] {
      try folder.link("bus/pci/devices/\(name)", to: "\(folder.path)/\(root)/\(target)")
    }
    let system = "\(folder.path)/bus/pci/devices"
    let addresses = ["0000:00:01.0", "0000:00:02.0", "0000:6a:01.0"].map { PCIAddress($0) }
    let all = load(system)
    #expect(all.problems.isEmpty && all.devices.map(\.address) == addresses)
    #expect(all.devices.map(\.config.size) == [256, 64, 4096])
    #expect(all.devices[0].source == "\(system)/0000:00:01.0")
    let tree = load("\(folder.path)/devices")
    #expect(tree.problems.isEmpty)
    #expect(tree.devices.map(\.address) == [addresses[0], addresses[2], addresses[1]])
    // By address, by its file, and by its folder.
    let one = load("6a:01.0", "0000:00:02.0", system: system)
    #expect(one.problems.isEmpty && one.devices.map(\.source) == ["0000:6a:01.0", "0000:00:02.0"])
    for path in ["0000:6a:01.0/config", "0000:6a:01.0", "0000:6a:01.0/"] {
      let found = load("\(system)/\(path)")
      #expect(found.problems.isEmpty && found.devices.map(\.address) == [addresses[2]])
    }
    let missing = load("0000:6b:00.0", system: system)
    #expect(try missing.problems == [.noSuchDevice(#require(PCIAddress("6b:00.0")))])
    #expect("\(missing.problems[0])".hasPrefix("0000:6b:00.0: no such device on this machine"))
  }

  @Test(
    "what cannot be read is named once",
    .enabled(if: FileManager.default.fileExists(atPath: "/proc/self/mem")))
  func unreadable() throws {
    let found = load("/proc/self/mem")
    #expect(found.problems.count == 1 && found.devices.isEmpty)
    #expect("\(found.problems[0])".hasPrefix("/proc/self/mem: cannot read: "))
    let folder = try TemporaryFolder()
    try folder.write("0000:00:01.0/uevent", "")
    try folder.link("0000:00:01.0/config", to: "/proc/self/mem")
    let device = load("\(folder.path)/0000:00:01.0")
    #expect(device.problems.count == 1)
  }

  @Test("folders too deep are noted, not followed")
  func deep() throws {
    let folder = try TemporaryFolder()
    let path = Array(repeating: "d", count: 70).joined(separator: "/")
    try folder.write("\(path)/device.bin", sample.bytes)
    let found = load(folder.path)
    #expect(found.devices.isEmpty && found.notes.count == 1)
    #expect(found.notes[0].hasSuffix("deeper than 64 folders, not followed"))
  }
}

@Suite("Files that are written")
struct OutputFileTests {
  @Test("are replaced whole, and nothing else stays behind")
  func replace() throws {
    let folder = try TemporaryFolder()
    let file = "\(folder.path)/out"
    for text in ["one", "a longer text than before", ""] {
      try OutputFile.replace(file, with: text)
      #expect(try String(contentsOfFile: file, encoding: .utf8) == text)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["out"])
  }

  @Test("a link stays one, and what it names is written")
  func link() throws {
    let folder = try TemporaryFolder()
    try folder.write("target", "old, and longer")
    try folder.link("link", to: "target")
    try OutputFile.replace("\(folder.path)/link", with: "new")
    #expect(try String(contentsOfFile: "\(folder.path)/target", encoding: .utf8) == "new")
    #expect(
      try FileManager.default.destinationOfSymbolicLink(atPath: "\(folder.path)/link") == "target")
  }

  @Test("the mode stays")
  func mode() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("secret", "old")
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
    try OutputFile.replace(file, with: "new")
    let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }

  @Test("or an error names the file and nothing changes")
  func failures() throws {
    let folder = try TemporaryFolder()
    for path in ["\(folder.path)/none/out", folder.path] {
      let error = #expect(throws: HostError.self) { try OutputFile.replace(path, with: "x") }
      #expect("\(try #require(error))".hasPrefix("\(path): cannot open: "))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test("standard streams have names")
  func names() {
    let input = HostError(path: "-", operation: .read, errno: .ioError)
    let output = HostError(path: "-", operation: .write, errno: .noSpace)
    #expect("\(input)".hasPrefix("standard input: cannot read: "))
    #expect("\(output)".hasPrefix("standard output: cannot write: "))
  }
}
