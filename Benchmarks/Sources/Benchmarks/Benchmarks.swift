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
    case ("measure", 6...) where numbers.count == 3:
      let setup = Setup(
        passage: arguments[1], folder: arguments[2], devices: numbers[0], lines: numbers[1],
        spacedLines: numbers[2], isQuick: arguments.last == "--quick")
      var table = Table()
      // First, because a child's peak memory includes that of this process when it starts.
      FleetRows(setup).measure(into: &table)
      TextRows(setup).measure(into: &table)
      BinaryRows(setup).measure(into: &table)
      VirtualRows(setup).measure(into: &table)
      print(table.text)
      for failure in table.failures { print("FAILED: \(failure)") }
      if !table.failures.isEmpty { throw Failure() }
    default: print("see Benchmarks/run")
    }
  }

  private struct Failure: Error {}
}

/// What is measured with.
struct Setup {
  let passage: String
  let folder: String
  let devices: Int
  let lines: Int
  let spacedLines: Int
  let isQuick: Bool

  var pairs: Int { isQuick ? 1 : 7 }
}
