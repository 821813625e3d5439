import Commands
import HostSystem

/// `passage plan` over survey lines.
struct FleetRows {
  let setup: Setup

  init(_ setup: Setup) { self.setup = setup }

  func measure(into table: inout Table) {
    let lines = "\(setup.folder)/lines.json"
    var peaks: [Double] = []
    var statuses: Set<Int32?> = []
    let pairs = Pairs(
      setup.pairs,
      {
        let usage = Child.run(setup.passage, ["plan", lines])
        statuses.insert(usage?.status)
        peaks.append(usage?.peak ?? .infinity)
        return usage?.seconds ?? .infinity
      },
      {
        let usage = Child.run(CommandLine.arguments[0], ["split-lines", lines])
        if usage?.status != 0 { statuses.insert(1) }
        return usage?.seconds ?? .infinity
      })
    // 2: some models of the zoo can take no capability.
    guard statuses.isSubset(of: [0, 2]) else { return table.fail("plan: \(statuses)") }
    let perLine = 1e6 / Double(setup.lines)
    table.add(
      "plan, \(setup.lines) survey lines; baseline: read and split them",
      "\((pairs.a * perLine).short) us a line", baseline: "\((pairs.b * perLine).short) us",
      ratio: (pairs.a / pairs.b).times, bar: "< 2.5 x", pairs.a < 2.5 * pairs.b)
    table.add(
      "plan, the same: peak memory", "\(peaks.median.short) MiB", bar: "< 128 MiB",
      peaks.median < 128)

    let spaced = "\(setup.folder)/spaced.json"
    let times = (0..<setup.pairs).map { _ in
      Child.run(setup.passage, ["plan", spaced])?.seconds ?? .infinity
    }
    table.add(
      "plan, \(setup.spacedLines) lines with other spacing (parsed as JSON)",
      "\((times.median * 1e6 / Double(setup.spacedLines)).short) us a line")
  }

  /// The baseline: what `plan` reads with, and nothing behind it.
  static func splitLines(of path: String) -> Int {
    var splitter = LineSplitter()
    var bytes = 0
    do {
      var stream = try ByteStream(path: path)
      while try stream.next({ chunk in
        splitter.consume(chunk) { line, _, _ in bytes += line.count }
      }) {}
    } catch {
      return 0
    }
    splitter.finish { line, _, _ in bytes += line.count }
    return bytes
  }
}
