/// The rows of the report.
struct Table {
  private var rows = [["what", "median", "baseline", "ratio", "bar", "met"]]
  /// What did not work; timing is never among it.
  private(set) var failures: [String] = []

  /// Adds a row.
  ///
  /// - Parameters:
  ///   - what: What was measured, and against what.
  ///   - median: Its median with its unit.
  ///   - baseline: The baseline's.
  ///   - ratio: How the two compare.
  ///   - bar: What is asked for.
  ///   - isMet: Whether that is so; `nil` for rows that only inform.
  mutating func add(
    _ what: String, _ median: String, baseline: String = "-", ratio: String = "-",
    bar: String = "-", _ isMet: Bool? = nil
  ) {
    rows.append([what, median, baseline, ratio, bar, isMet.map { $0 ? "yes" : "NO" } ?? "-"])
  }

  /// Notes something that did not work.
  mutating func fail(_ what: String) { failures.append(what) }

  /// The table in Markdown.
  var text: String {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    var lines = rows.map { row in
      "| " + zip(row, widths).map(Self.filled).joined(separator: " | ") + " |"
    }
    lines.insert(
      "|" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "|") + "|",
      at: 1)
    return lines.joined(separator: "\n")
  }

  private static func filled(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: width - text.count)
  }
}

extension Double {
  /// The number with two digits behind the point.
  var short: String {
    let hundredths = Int((self * 100).rounded())
    let fraction = hundredths % 100
    return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
  }

  /// The number as a ratio.
  var times: String { "\(self < 10 ? short : "\(Int(rounded()))") x" }
}
