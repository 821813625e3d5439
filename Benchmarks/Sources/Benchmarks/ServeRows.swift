import Glibc

/// Servers of the vfio-user protocol, each a process of its own, below the same load.
struct ServeRows {
  let setup: Setup
  private var isQuick: Bool { setup.pairs == 1 }
  private let folder: String
  private var probe: String { folder + "/VFIOUserProbe" }
  private var socket: String { setup.folder + "/load.sock" }

  init(_ setup: Setup) {
    self.setup = setup
    // The programs stand beside each other.
    folder = setup.passage.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/")
  }

  func measure(into table: inout Table) {
    load(&table)
    product(&table)
  }

  // MARK: The same device behind three servers

  /// One measure: its name among the figures, what it is, and its rate.
  private struct Measure: Sendable {
    let name: String
    let what: String
    /// How many of the unit one of them is, and after which factor the unit is per second.
    var count = 1.0
    var factor = 1e9
    var unit = "/s"

    /// The rate, from nanoseconds.
    func rate(_ nanoseconds: Double) -> String {
      let rate = count * factor / nanoseconds
      if rate < 1000 { return "\(rate.short) \(unit)" }
      return rate < 100_000 ? "\((rate / 1000).short) k\(unit)" : "\(Int(rate / 1000)) k\(unit)"
    }
  }

  private static let measures: [Measure] = [
    Measure(
      name: "connect",
      what: "set-up: connect, VERSION, 1 + 9 + 5 questions, DMA_MAP of 64 MiB, close"),
    Measure(name: "read", what: "region reads of 4 bytes"),
    Measure(name: "write", what: "region writes of 4 bytes, with a reply"),
    Measure(
      name: "posted", what: "posted region writes of 4 bytes, 1,000 and a read", count: 1000),
    Measure(
      name: "copy", what: "DMA of 1 MiB in mapped memory, posted doorbell to record",
      count: 1_048_576, factor: 1, unit: "GB/s"),
    Measure(
      name: "messages", what: "DMA of 1 MiB by DMA_READ and DMA_WRITE", count: 1_048_576,
      factor: 1, unit: "GB/s"),
    Measure(name: "interrupt", what: "interrupts, posted doorbell to eventfd"),
  ]

  private func load(_ table: inout Table) {
    let count = isQuick ? 200 : 10_000
    let library = setup.folder + "/library-server"
    // Benchmarks/run has made it, or not; the string lives for the call.
    let hasLibrary = unsafe access(library, X_OK) == 0
    if !hasLibrary {
      table.add("libvfio-user (skipped: LIBVFIO_USER names no installed one)", "-")
    }
    var (ours, bare, theirs) = (Figures(), Figures(), Figures())
    for round in 0..<(isQuick ? 1 : setup.pairs + 1) {
      // The first round warms up.
      let isCounted = isQuick || round > 0
      let own = [folder + "/Benchmarks", "serve-device", socket]
      guard bare.add(run("load", [probe, "bare", socket], count), isCounted),
        !hasLibrary || theirs.add(run("load", [library, socket], count), isCounted),
        ours.add(run("load", own, count), isCounted)
      else { return table.fail("serve: a server failed below the load") }
    }
    for measure in Self.measures {
      let (a, b) = (ours[measure.name + "-median"], bare[measure.name + "-median"])
      table.add(
        "vfio-user, \(measure.what); baseline: the same messages, bare blocking calls in C",
        measure.rate(a), baseline: measure.rate(b), ratio: (a / b).times, bar: "<= 1.5 x",
        a <= 1.5 * b)
      guard hasLibrary else { continue }
      let c = theirs[measure.name + "-median"]
      table.add(
        "the same; baseline: libvfio-user", measure.rate(a), baseline: measure.rate(c),
        ratio: (a / c).times,
        bar: "<= 1 x", a <= c)
    }
  }

  // MARK: passage serve

  private func product(_ table: inout Table) {
    let count = isQuick ? 200 : 5_000
    var figures = Figures()
    let plain = [setup.passage, "serve", "--device", "dsa", "--socket-dir", setup.folder]
    for _ in 0..<setup.pairs {
      let device = setup.folder + "/dsa0.sock"
      let unit = setup.folder + "/iommu.sock"
      guard figures.add(run("accelerator", plain, count, socket: device), true),
        figures.add(run("unit", plain + ["--iommu", "vtd"], count, socket: unit), true)
      else { return table.fail("passage serve failed below the load") }
    }
    for (name, what) in [
      ("register", "a register read of the accelerator"),
      ("small", "a copy of 4 KiB, portal write to record"),
      ("large", "a copy of 1 MiB, portal write to record"),
      ("invalidation", "an invalidated page, doorbell sent to status word"),
    ] {
      let (time, late) = (figures[name + "-median"] / 1000, figures[name + "-p99"] / 1000)
      let isBarred = name == "invalidation"
      table.add(
        "passage serve: \(what); median and p99", "\(time.short) us, \(late.short) us",
        bar: isBarred ? "<= 10 us" : "-", isBarred ? time <= 10 : nil)
    }
  }

  // MARK: Runs

  /// Starts a server, puts a load on it and ends it.
  ///
  /// - Returns: The figures; none when it fails.
  private func run(
    _ load: String, _ server: [String], _ count: Int, socket: String? = nil
  ) -> [(name: String, value: Double)] {
    let file = setup.folder + "/serve-figures"
    let arguments = [load, "one", socket ?? self.socket, file, "\(count)"] + server
    guard Child.run(probe, arguments)?.status == 0 else { return [] }
    return HostLabRows.figures(of: file)
  }

  /// What several runs measured, by name.
  private struct Figures {
    private var all: [String: [Double]] = [:]

    /// Whether there is anything.
    mutating func add(_ figures: [(name: String, value: Double)], _ isCounted: Bool) -> Bool {
      if isCounted {
        for (name, value) in figures { all[name, default: []].append(value) }
      }
      return !figures.isEmpty
    }

    subscript(_ name: String) -> Double { all[name]?.median ?? .nan }
  }
}
