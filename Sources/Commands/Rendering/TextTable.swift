/// A table with aligned columns.
///
/// Several groups of rows share their columns' widths, so that tables below each other line up.
struct TextTable {
  /// A row, and how its cells are tinted.
  struct Row {
    let cells: [String]
    let tints: [Tint]
  }

  /// The columns' headings.
  let headings: [String]
  /// The columns that hold numbers, aligned to the right.
  let numeric: Set<Int>
  private var widths: [Int]
  private static let gap = "  "

  init(headings: [String], numeric: Set<Int>) {
    self.headings = headings
    self.numeric = numeric
    widths = headings.map(\.columns)
  }

  /// Makes the columns wide enough for some rows.
  mutating func fit(_ rows: [Row]) {
    for row in rows {
      for (index, cell) in row.cells.enumerated() where index < widths.count {
        widths[index] = max(widths[index], cell.columns)
      }
    }
  }

  /// The headings as a line.
  func headingLine(_ style: TextStyle) -> String {
    line(Row(cells: headings, tints: headings.map { _ in .muted }), style)
  }

  /// One row as a line, without spaces at its end.
  func line(_ row: Row, _ style: TextStyle) -> String {
    let last = row.cells.lastIndex { !$0.isEmpty } ?? 0
    var result = ""
    for (index, cell) in row.cells.enumerated() where index <= last {
      let alignRight = numeric.contains(index)
      let text =
        index == last && !alignRight ? cell : cell.padded(to: widths[index], alignRight: alignRight)
      result += (index == 0 ? "" : Self.gap) + style.paint(text, row.tints[index])
    }
    return result
  }
}
