import Glibc

/// Programs on `passage host`: what a trapped call costs, a copy, and a guest's boot.
struct HostLabRows {
  let setup: Setup
  private var isQuick: Bool { setup.pairs == 1 }
  /// The probe stands beside the program.
  private var probe: String {
    setup.passage.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/") + "/HostProbe"
  }

  init(_ setup: Setup) { self.setup = setup }

  func measure(into table: inout Table) {
    calls(&table)
    boot(&table)
  }

  // MARK: Calls

  private static let requests: [(name: String, what: String)] = [
    ("option", "IOMMU_OPTION, asked for"), ("info", "VFIO_DEVICE_GET_INFO"),
    ("map", "IOMMU_IOAS_MAP of a page in a memfd"), ("unmap", "IOMMU_IOAS_UNMAP of it"),
    ("config", "config read of 4 bytes"),
  ]

  /// All sides run in turn, each in a process of its own, and all processes on one processor: so
  /// every call costs the same two switches.
  private func calls(_ table: inout Table) {
    let count = isQuick ? 300 : 20_000
    var figures: [String: [Double]] = [:]
    for _ in 0..<setup.pairs {
      let bare = run([probe, "bare"], count)
      guard !bare.isEmpty else {
        return table.add("passage host (skipped: no notifications of trapped calls here)", "-")
      }
      let requests = run([setup.passage, "host", "--", probe, "requests"], count)
      let copies = run([setup.passage, "host", "--", probe, "copies"], count / 10)
      guard !requests.isEmpty, !copies.isEmpty else {
        return table.fail("passage host: the probe failed")
      }
      for (name, value) in bare + requests + copies { figures[name, default: []].append(value) }
    }
    let bare = (figures["bare-median"] ?? [0]).median
    for (name, what) in Self.requests {
      guard let time = figures[name + "-median"]?.median else { continue }
      table.add(
        "passage host: \(what); baseline: a bare notification, answered by a loop in C",
        "\(time.short) ns", baseline: "\(bare.short) ns", ratio: (time / bare).times,
        bar: "<= 1.6 x", time <= 1.6 * bare)
    }
    if let copy = figures["copy-median"]?.median {
      table.add(
        "passage host: copy of 4096 B with a PASID, pwrite of the portal to completion record",
        "\(copy.short) ns", baseline: "\(bare.short) ns", ratio: (copy / bare).times,
        bar: "< 10 us", copy < 10_000)
    }
  }

  /// Runs the probe, by itself or below `passage host`, on one processor.
  ///
  /// - Returns: Its figures; none when it fails.
  private func run(_ command: [String], _ count: Int) -> [(name: String, value: Double)] {
    let file = setup.folder + "/figures"
    guard Child.run(probe, ["pinned"] + command + [file, "\(count)"])?.status == 0 else {
      return []
    }
    return Self.figures(of: file)
  }

  /// The figures that a probe wrote: names and values.
  static func figures(of path: String) -> [(name: String, value: Double)] {
    lines(of: path).compactMap { line in
      let words = line.split(separator: " ")
      guard words.count == 2, let value = Double(words[1]) else { return nil }
      return (String(words[0]), value)
    }
  }

  private static func lines(of path: String) -> [Substring] {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let descriptor = unsafe open(path, O_RDONLY)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    // The buffer is as long as the call is told.
    let count = unsafe bytes.withUnsafeMutableBytes {
      unsafe read(descriptor, $0.baseAddress, 4096)
    }
    return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self).split(separator: "\n")
  }

  // MARK: Boot

  private func boot(_ table: inout Table) {
    // Benchmarks/run stands in its own folder.
    let plain = ["plain"]
    let device = ["device", setup.passage]
    guard let first = Child.run("./boot-guest", plain), first.status != 77 else {
      return table.add("QEMU's boot (skipped: Tests/Lab/run has not made its guest here)", "-")
    }
    guard first.status == 0, Child.run("./boot-guest", device)?.status == 0 else {
      return table.fail("passage host: a guest does not boot")
    }
    if isQuick { return }
    let pairs = Pairs(
      setup.pairs, { Child.run("./boot-guest", device)?.seconds ?? 0 },
      { Child.run("./boot-guest", plain)?.seconds ?? 0 })
    table.add(
      "QEMU boots to login with vfio-pci; baseline: without a VFIO device",
      "\(pairs.a.short) s", baseline: "\(pairs.b.short) s", ratio: (pairs.a / pairs.b).times,
      bar: "<= 1.05 x", pairs.a <= 1.05 * pairs.b)
  }
}
