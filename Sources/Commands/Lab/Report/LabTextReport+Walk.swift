import Hardware

extension TextPage {
  /// Adds the picture of a translation: each address of the guest goes through the second stage.
  mutating func add(_ walk: LabFacts.Walk) {
    var table = TextTable(
      headings: ["stage 1, the guest's", "guest address", "", "stage 2, the host's", "holds"],
      numeric: [])
    var rows = walk.levels.map { level in
      TextTable.Row(
        cells: [
          "level \(level.level), entry \(level.index)", level.guestAddress.hex, "─▶",
          level.hostAddress.hex, level.entry.hex,
        ], tints: [.none, .accent, .muted, .none, .none])
    }
    rows.append(
      TextTable.Row(
        cells: [
          "the byte", walk.guestAddress.hex, "─▶", walk.hostAddress.hex, "\"\(walk.text)\"",
        ], tints: [.strongGood, .accent, .muted, .strongGood, .strongGood]))
    table.fit(rows)
    let indent = "   "
    add()
    add(
      indent + "The way of "
        + style.paint("PASID \(walk.pasid), \(walk.address.hex)", .bold)
        + "; each line holds where the next one is:")
    add(indent + table.headingLine(style))
    for row in rows { add(indent + table.line(row, style)) }
  }
}
