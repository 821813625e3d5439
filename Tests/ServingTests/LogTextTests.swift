import HostSystem
import LogText
import PCIe
import Synchronization
import SystemPackage
import Testing
import VirtualIOMMU

@testable import Serving

/// Lines that a log wrote.
final class WrittenLog: Sendable {
  private let bytes = Mutex<[UInt8]>([])

  func append(_ more: [UInt8]) { bytes.withLock { $0 += more } }

  var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }
  var lines: [String] { text.split(separator: "\n").map { String($0) } }
}

@Suite("The log of what is served, as text")
struct LogTextTests {
  /// Writes events and answers the lines without heading and summary.
  private func lines(
    _ events: [(ServeEvent, String)], showsAll: Bool = false
  ) throws -> [String] {
    let written = WrittenLog()
    let log = ServeLog(format: .text(LogStyle(showsAll: showsAll))) { written.append($0) }
    log.learn(try Self.functions)
    for (event, device) in events { log.note(event, of: device) }
    #expect(log.finish() == nil)
    let lines = written.lines
    #expect(lines.first == "devices: dsa0 (0000:00:08.0), iommu (0000:00:05.0)")
    // The rest of a line, behind the time.
    return lines.dropFirst(2).prefix { !$0.hasPrefix("Summary") }.map { String($0.dropFirst(13)) }
  }

  static var functions: [LoggedFunction] {
    get throws {
      [
        LoggedFunction(
          "dsa0", at: PCIAddress(bus: 0, device: 8, function: 0),
          config: SampleDevice.sapphireRapidsDSA, kind: .accelerator),
        LoggedFunction(
          "iommu", at: PCIAddress(bus: 0, device: 5, function: 0),
          config: SampleDevice.sapphireRapidsDSA,
          kind: .unit(try VTdConfiguration(features: ServedUnitChoice.ownFeatures))),
      ]
    }
  }

  @Test("registers of config space, device and unit have their names and meanings")
  func registers() throws {
    func access(
      _ region: Int, _ offset: UInt64, _ value: UInt64, _ count: Int, _ isWrite: Bool
    ) -> ServeEvent {
      .access(region: region, offset: offset, byteCount: count, value: value, isWrite: isWrite)
    }
    #expect(
      try lines([
        (access(7, 0, 0x0B25_8086, 4, false), "dsa0"),
        (access(7, 4, 6, 2, true), "dsa0"),
        (access(0, 0xA0, 1 << 20, 4, true), "dsa0"),
        (access(0, 0x90, 1, 4, false), "dsa0"),
        (access(0, 0x18, 1 << 31 | 1 << 26, 4, true), "iommu"),
        (access(0, 0x20, 0x1234_5400, 8, true), "iommu"),
        (access(0, 0x34, 0x12, 4, false), "iommu"),
      ]) == [
        "dsa0      config read   0x0, Vendor ID = 0x0b258086",
        "dsa0      config write  0x4, Command ← 0x0006",
        "dsa0      BAR0 write    0xa0, CMD ← 0x00100000: enable device",
        "dsa0      BAR0 read     0x90, GENSTS = 0x00000001: enabled",
        "iommu     BAR0 write    0x18, GCMD ← 0x84000000: TE|QIE",
        "iommu     BAR0 write    0x20, RTADDR ← 0x0000000012345400: "
          + "root table 0x12345000, scalable mode",
        "iommu     BAR0 read     0x34, FSTS = 0x00000012: PPF|IQE",
      ])
  }

  @Test("many bytes at once are no register's value")
  func manyBytes() throws {
    #expect(
      try lines([
        (
          .access(region: 7, offset: 0, byteCount: 4096, value: 0x0B25_8086, isWrite: false),
          "dsa0"
        )
      ]) == ["dsa0      config read   0x0, 4 KiB"])
  }

  @Test("what repeats is counted in one line, and what differs is not")
  func folding() throws {
    let reads: [(ServeEvent, String)] = (0..<16).map {
      (.access(region: 7, offset: $0 * 4, byteCount: 4, value: 0, isWrite: false), "dsa0")
    }
    let dma: [(ServeEvent, String)] = (0..<5).map {
      (.dma(pasid: 7, address: $0 << 12, byteCount: 4096, isWrite: $0 & 1 == 1, fault: nil), "dsa0")
    }
    let commands: [(ServeEvent, String)] = [1, 2].map {
      (.access(region: 0, offset: 0xA0, byteCount: 4, value: $0 << 20, isWrite: true), "dsa0")
    }
    let indent = String(repeating: " ", count: 24)
    #expect(
      try lines(reads + dma + commands) == [
        "dsa0      config read   0x0, Vendor ID = 0x00000000", indent + "… 15 more, 0x4…0x3c",
        "dsa0      DMA read      at 0x0 PASID 7, 4 KiB", indent + "… 4 more, 16 KiB",
        "dsa0      BAR0 write    0xa0, CMD ← 0x00100000: enable device",
        "dsa0      BAR0 write    0xa0, CMD ← 0x00200000: disable device",
      ])
    #expect(try lines(reads + dma, showsAll: true).count == 21)
  }

  @Test("memory that is reached in another way has a line of its own")
  func mappings() throws {
    func map(_ page: UInt64, isWritable: Bool = true, hasFile: Bool = true) -> (ServeEvent, String)
    {
      let range = (page << 12)...(page << 12 | 0xFFF)
      return (
        .mapped(range, isReadable: true, isWritable: isWritable, hasFile: hasFile), "iommu"
      )
    }
    let indent = String(repeating: " ", count: 24)
    #expect(
      try lines([
        map(0), map(1), map(2), map(3, hasFile: false), map(4, hasFile: false),
        map(5, isWritable: false),
      ]) == [
        "iommu     map           0x0…0xfff, 4 KiB rw", indent + "… 2 more, 8 KiB",
        "iommu     map           0x3000…0x3fff, 4 KiB rw, by messages",
        indent + "… 1 more, 4 KiB",
        "iommu     map           0x5000…0x5fff, 4 KiB r-",
      ])
  }

  @Test("a driver's polling is counted too, until a value changes")
  func polling() throws {
    func error(_ offset: UInt64, _ value: UInt64) -> (ServeEvent, String) {
      (.access(region: 0, offset: offset, byteCount: 8, value: value, isWrite: false), "dsa0")
    }
    let polls = (0..<10).flatMap { _ in [error(0xC0, 0), error(0xD0, 0)] }
    let indent = String(repeating: " ", count: 24)
    #expect(
      try lines(polls + [error(0xC0, 1), error(0xD0, 0)]) == [
        "dsa0      BAR0 read     0xc0, SWERROR = 0x0000000000000000",
        "dsa0      BAR0 read     0xd0, SWERROR+0x10 = 0x0000000000000000",
        indent + "… 18 more like the last 2, 0xc0…0xd0",
        "dsa0      BAR0 read     0xc0, SWERROR = 0x0000000000000001",
        "dsa0      BAR0 read     0xd0, SWERROR+0x10 = 0x0000000000000000",
      ])
  }

  @Test(
    "faults, requests, messages and words of others are told plainly",
    arguments: [
      (
        ServeEvent.dma(
          pasid: nil, address: 0x1000, byteCount: 64, isWrite: true, fault: "not present"),
        "DMA write     at 0x1000, 64 B: fault, not present"
      ),
      (
        .pageRequest(pasid: 5, address: 0x2000, isWrite: true, group: 3, wasTaken: false),
        "page request  write at 0x2000 PASID 5, group 3: nobody takes it"
      ),
      (.pageResponse(group: 3, code: .success), "page response group 3: success"),
      (
        .message(address: 0xFEE0_1000, data: 0x4023),
        "message       0xfee01000 ← 0x4023: vector 35 to processor 1"
      ),
      (
        .refused(message: "DMA_MAP", why: "overlaps", errno: 22),
        "refused       DMA_MAP: overlaps (EINVAL)"
      ),
      (
        .refused(message: "DMA_READ", why: "the client refuses our message", errno: 104),
        "refused       DMA_READ: the client refuses our message (ECONNRESET)"
      ),
      (.registers("they are at 0x1000"), "registers     they are at 0x1000"),
      (.connected("evil\u{1B}[2J"), "connected     evil\\x1b[2J"),
      (
        .mapped(0...0x9_FFFF, isReadable: true, isWritable: false, hasFile: false),
        "map           0x0…0x9ffff, 640 KiB r-, by messages"
      ),
      (
        .mapped(0 ... .max, isReadable: true, isWritable: true, hasFile: true),
        "map           0x0…0xffffffffffffffff, all rw"
      ),
      (.interruptsChanged(kind: 2, active: 0), "interrupts    MSI-X off"),
    ])
  func words(event: ServeEvent, line: String) throws {
    #expect(try lines([(event, "dsa0")]) == ["dsa0      " + line])
  }

  @Test("events that find no room are counted, and nobody waits for the log")
  func bounded() {
    let written = WrittenLog()
    let gate = Mutex(())
    let log = ServeLog(format: .json, limit: 8) { bytes in
      gate.withLock { _ in written.append(bytes) }
    }
    gate.withLock { _ in
      for number in 0..<1000 { log.note(.note("\(number)"), of: "dsa0") }
    }
    #expect(log.finish() == nil)
    let notes = written.lines.filter { $0.hasPrefix(#"{"type":"note""#) }.count
    let lost = written.lines.filter { $0.hasPrefix(#"{"type":"lost""#) }
      .compactMap { $0.split(separator: ":").last.flatMap { Int($0.dropLast()) } }
      .reduce(0, +)
    #expect(notes + lost == 1000)
    #expect(lost > 0)
    #expect(written.lines.last?.contains(#""lost_events":\#(lost)"#) == true)
  }

  @Test("the summary has each device's counts")
  func summary() {
    let written = WrittenLog()
    let log = ServeLog(format: .text(LogStyle())) { written.append($0) }
    for pasid: UInt32 in [1, 2, 2] {
      log.note(
        .dma(pasid: pasid, address: 0, byteCount: 1024, isWrite: true, fault: nil), of: "dsa0")
    }
    log.note(.dma(pasid: 3, address: 0, byteCount: 8, isWrite: true, fault: "no"), of: "dsa0")
    log.note(.interrupt(kind: 2, index: 0), of: "dsa0")
    #expect(log.finish() == nil)
    #expect(
      written.lines.last
        == "  dsa0  0 DMA reads, 3 writes, 3 KiB through 2 PASIDs; 1 interrupt; 1 fault")
  }

  @Test("a log that cannot be written says so at the end, and goes on")
  func broken() {
    let log = ServeLog(format: .json) { _ throws(HostError) in
      throw HostError(path: "f", operation: .write, errno: .noSpace)
    }
    for _ in 0..<10 { log.note(.note("x"), of: "dsa0") }
    #expect(log.finish()?.errno == .noSpace)
  }
}
