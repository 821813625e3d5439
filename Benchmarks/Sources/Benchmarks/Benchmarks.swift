import Glibc

/// Makes the inputs, or measures with them; `Benchmarks/run` does both in turn.
@main
enum Benchmarks {
  static func main() throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let numbers = arguments.compactMap(Int.init)
    switch (arguments.first, arguments.count) {
    case ("make", 3) where arguments[1] == "dump": try Inputs.dump(numbers[0])
    case ("make", 3) where arguments[1] == "lines": try Inputs.lines(numbers[0], isSpaced: false)
    case ("make", 3) where arguments[1] == "spaced-lines":
      try Inputs.lines(numbers[0], isSpaced: true)
    case ("split-lines", 2): print(FleetRows.splitLines(of: arguments[1]))
    case ("serve-device", 2): ServeProcess.run(arguments[1])
    case ("measure", 6...7) where numbers.count == 3:
      let setup = Setup(
        passage: arguments[1], folder: arguments[2], devices: numbers[0], lines: numbers[1],
        spacedLines: numbers[2], pairs: arguments.last == "--quick" ? 1 : 7)
      let table = measure(setup, only: arguments.count == 7 ? arguments[6] : "--all")
      print(table.text)
      for failure in table.failures { print("FAILED: \(failure)") }
      if !table.failures.isEmpty { exit(1) }
    default:
      print("see Benchmarks/run")
      exit(64)
    }
  }

  private static func measure(_ setup: Setup, only: String) -> Table {
    var table = Table()
    let isAll = ["--all", "--quick"].contains(only)
    // The fleet first: a child's peak memory includes that of this process when it starts.
    if isAll || only == "--fleet" { FleetRows(setup).measure(into: &table) }
    if isAll || only == "--text" { TextRows(setup).measure(into: &table) }
    if isAll || only == "--binary" { BinaryRows(setup).measure(into: &table) }
    if isAll || only == "--virtual" { VirtualRows(setup).measure(into: &table) }
    if isAll || only == "--translation" { TranslationRows(setup).measure(into: &table) }
    if isAll || only == "--translation" { OwnTranslationRows(setup).measure(into: &table) }
    if isAll || only == "--vtd" { VTdRows(setup).measure(into: &table) }
    if isAll || only == "--host" { HostRows(setup).measure(into: &table) }
    if isAll || only == "--host-lab" { HostLabRows(setup).measure(into: &table) }
    if isAll || only == "--serve" { ServeRows(setup).measure(into: &table) }
    if isAll || only == "--serve" { ServeUnitRows(setup).measure(into: &table) }
    if isAll || only == "--devices" { DeviceRows(setup).measure(into: &table) }
    if isAll || only == "--ranges" { RangeRows(setup).measure(into: &table) }
    return table
  }
}

/// What is measured with.
struct Setup {
  let passage: String
  let folder: String
  let devices: Int
  let lines: Int
  let spacedLines: Int
  let pairs: Int
}
