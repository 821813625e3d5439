import HostSystem
import PCIe

/// From text to a decision, against lspci.
struct TextRows {
  let setup: Setup
  private var file: String { "\(setup.folder)/devices.txt" }

  init(_ setup: Setup) { self.setup = setup }

  func measure(into table: inout Table) {
    guard Child.run("lspci", ["--version"])?.status == 0 else {
      return table.add("text (skipped: lspci is not installed)", "-")
    }
    let lspci = { Child.run("lspci", ["-F", file, "-vvv"])?.seconds ?? .infinity }
    var devices = setup.devices
    let pairs = Pairs(
      setup.pairs,
      {
        seconds {
          let decisions = decide()
          if decisions.devices != devices { devices = -1 }
        }
      },
      lspci)
    guard devices == setup.devices else { return table.fail("text: wrong number of devices") }
    add("text to placement, in process; baseline: lspci -vvv", pairs, bar: 30, to: &table)
    for arguments in [["survey"], ["inspect", "--json"]] {
      var statuses: Set<Int32?> = []
      let pairs = Pairs(
        setup.pairs,
        {
          let usage = Child.run(setup.passage, arguments + [file])
          statuses.insert(usage?.status)
          return usage?.seconds ?? .infinity
        },
        lspci)
      let name = arguments.joined(separator: " ")
      guard statuses.isSubset(of: [0, 2]) else { return table.fail("\(name): \(statuses)") }
      add("passage \(name), whole process; baseline: lspci -vvv", pairs, bar: nil, to: &table)
    }
  }

  private func decide() -> Decisions {
    var decisions = Decisions()
    var reader = DumpTextReader()
    do {
      var stream = try ByteStream(path: file)
      while try stream.next({ chunk in
        reader.consume(chunk) { event in
          if case .device(let device) = event { decisions.add(device.config) }
        }
      }) {}
    } catch {
      return decisions
    }
    reader.finish { event in
      if case .device(let device) = event { decisions.add(device.config) }
    }
    return decisions
  }

  private func add(_ what: String, _ pairs: Pairs, bar: Double?, to table: inout Table) {
    let perDevice = 1e6 / Double(setup.devices)
    table.add(
      what, "\((pairs.a * perDevice).short) us a device",
      baseline: "\((pairs.b * perDevice).short) us", ratio: pairs.ratio.times,
      bar: bar.map { "> \($0.times)" } ?? "-", bar.map { pairs.ratio >= $0 })
  }
}
