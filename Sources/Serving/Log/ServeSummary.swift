import Hardware
import LogText
import VirtualIOMMU

/// What came together in a run, by device.
struct ServeSummary: Sendable {
  /// One device's counts.
  struct Counts: Hashable, Sendable {
    var connections = 0
    var reads = 0
    var writes = 0
    var dmaReads = 0
    var dmaWrites = 0
    var dmaByteCount: UInt64 = 0
    /// PASIDs of the DMA, up to ``pasidLimit`` of them.
    var pasids: Set<UInt32> = []
    var faults = 0
    var pageRequests = 0
    var pageResponses = 0
    var interrupts = 0
    var refusals = 0
    var invalidations = 0
    var unitEvents = 0
  }

  /// As many different PASIDs are counted.
  static let pasidLimit = 1 << 16

  /// By the device's name.
  private(set) var devices: [String: Counts] = [:]
  /// When the last event was, in nanoseconds since the start.
  private(set) var duration: UInt64 = 0
  /// Events that came faster than they could be written.
  var lost = 0

  /// Counts an event.
  mutating func count(_ event: ServeEvent, of device: String, at time: UInt64) {
    duration = max(duration, time)
    Self.count(event, &devices[device, default: Counts()])
  }

  private static func count(_ event: ServeEvent, _ counts: inout Counts) {
    switch event {
    case .connected: counts.connections += 1
    case .refused: counts.refusals += 1
    case .access(_, _, _, _, let isWrite):
      if isWrite { counts.writes += 1 } else { counts.reads += 1 }
    case .interrupt, .message: counts.interrupts += 1
    case .dma(let pasid, _, let byteCount, let isWrite, let fault):
      guard fault == nil else {
        counts.faults += 1
        return
      }
      if isWrite { counts.dmaWrites += 1 } else { counts.dmaReads += 1 }
      counts.dmaByteCount &+= UInt64(max(0, byteCount))
      if let pasid, counts.pasids.count < pasidLimit { counts.pasids.insert(pasid) }
    case .pageRequest: counts.pageRequests += 1
    case .pageResponse: counts.pageResponses += 1
    case .invalidated(let batch): counts.invalidations &+= batch.count
    case .unit: counts.unitEvents += 1
    case .listening, .disconnected, .mapped, .unmapped, .interruptsChanged, .reset, .controls,
      .registers, .note:
      break
    }
  }

  /// The summary for people.
  func text(_ style: LogStyle) -> String {
    var text = "\n" + style.paint("Summary", .name) + " of \(HumanText.duration(duration))\n"
    let width = devices.keys.map(\.utf8.count).max() ?? 0
    for (name, counts) in devices.sorted(by: { $0.key < $1.key }) {
      let (parts, bad) = Self.parts(counts)
      text += "  " + style.paint(HumanText.padded(name, width), .file) + "  "
      text += parts.isEmpty && bad.isEmpty ? "nothing" : parts.joined(separator: "; ")
      if !bad.isEmpty {
        text += (parts.isEmpty ? "" : "; ") + style.paint(bad.joined(separator: ", "), .bad)
      }
      text += "\n"
    }
    if lost > 0 {
      text += "  " + style.paint(Self.lostText(lost), .bad) + "\n"
    }
    return text
  }

  /// What is said of events that were lost.
  static func lostText(_ count: Int) -> String {
    HumanText.count(count, "event") + " came faster than they could be written, and are missing"
  }

  private static func parts(_ counts: Counts) -> (parts: [String], bad: [String]) {
    var parts: [String] = []
    if counts.connections > 0 { parts.append(HumanText.count(counts.connections, "connection")) }
    if counts.reads + counts.writes > 0 {
      parts.append(
        HumanText.count(counts.reads, "read") + ", " + HumanText.count(counts.writes, "write"))
    }
    if counts.dmaReads + counts.dmaWrites > 0 {
      var text =
        HumanText.count(counts.dmaReads, "DMA read") + ", "
        + HumanText.count(counts.dmaWrites, "write") + ", "
        + HumanText.amount(counts.dmaByteCount)
      if !counts.pasids.isEmpty {
        text += " through " + HumanText.count(counts.pasids.count, "PASID")
      }
      parts.append(text)
    }
    if counts.pageRequests + counts.pageResponses > 0 {
      parts.append(
        HumanText.count(counts.pageRequests, "page request") + ", "
          + HumanText.count(counts.pageResponses, "response"))
    }
    if counts.invalidations > 0 {
      parts.append(HumanText.count(counts.invalidations, "invalidation"))
    }
    if counts.interrupts > 0 { parts.append(HumanText.count(counts.interrupts, "interrupt")) }
    var bad: [String] = []
    if counts.faults > 0 { bad.append(HumanText.count(counts.faults, "fault")) }
    if counts.unitEvents > 0 { bad.append(HumanText.count(counts.unitEvents, "event of the unit")) }
    if counts.refusals > 0 { bad.append(HumanText.count(counts.refusals, "refused message")) }
    return (parts, bad)
  }

  /// The summary as one line of JSON.
  var json: [UInt8] {
    JSONLine.object { json in
      json.string("type", "summary")
      json.number("duration_ns", duration)
      json.number("lost_events", lost)
      json.object("devices") { json in
        for (name, counts) in devices.sorted(by: { $0.key < $1.key }) {
          json.object(name) { json in
            json.number("connections", counts.connections)
            json.number("reads", counts.reads)
            json.number("writes", counts.writes)
            json.number("dma_reads", counts.dmaReads)
            json.number("dma_writes", counts.dmaWrites)
            json.number("dma_bytes", counts.dmaByteCount)
            json.number("dma_pasids", counts.pasids.count)
            json.number("faults", counts.faults)
            json.number("page_requests", counts.pageRequests)
            json.number("page_responses", counts.pageResponses)
            json.number("interrupts", counts.interrupts)
            json.number("refusals", counts.refusals)
            json.number("unit_events", counts.unitEvents)
            json.number("invalidations", counts.invalidations)
          }
        }
      }
    }
  }
}
