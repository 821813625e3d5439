import Hardware
import PCIe

extension TextPage {
  /// Cells between two gaps in a row.
  private static let groupCells = 16

  /// Adds the map, a row for 256 bytes and a cell for a dword, and its legend.
  mutating func addMap(_ map: ConfigMap, letters: MapLetters) {
    addHeading("Config space", remark: "one cell is one dword")
    add("         " + style.paint(Self.ruler(cells: min(64, map.size / 4)), .muted))
    let dwords = map.dwords
    let rows = stride(from: 0, to: dwords.count, by: 64).map {
      Array(dwords[$0..<min($0 + 64, dwords.count)])
    }
    var index = 0
    while index < rows.count {
      let same = rows[index...].prefix { Self.foldable($0, like: rows[index]) }.count
      if same > 1 {
        addFold(rows: index..<index + same, of: rows[index][0], map)
        index += same
      } else {
        add(
          "  " + style.paint(Self.offset(index * 256), .muted) + "  " + line(rows[index], letters))
        index += 1
      }
    }
    addLegend(map)
  }

  private static func foldable(_ row: [ConfigMap.Cell], like first: [ConfigMap.Cell]) -> Bool {
    row == first && row.allSatisfy { $0 == row[0] }
  }

  private mutating func addFold(rows: Range<Int>, of cell: ConfigMap.Cell, _ map: ConfigMap) {
    let (start, end) = (rows.lowerBound * 256, rows.upperBound * 256 - 1)
    let what = cell.kind.meaning(synthetic: map.isSynthetic)
    let text = "⋮  \(rows.count) rows: \(what), \(Self.offset(start))-\(Self.offset(end))"
    add("         " + style.paint(text, .muted))
  }

  private static func ruler(cells: Int) -> String {
    stride(from: 0, to: cells, by: groupCells).map { cell in
      ("+0x" + (cell * 4).hex(digits: 2)).padded(to: groupCells)
    }.joined(separator: " ").trimmedEnd
  }

  private func line(_ row: [ConfigMap.Cell], _ letters: MapLetters) -> String {
    var result = ""
    var run = ""
    var tint = Tint.none
    for (index, cell) in row.enumerated() {
      if index > 0, index % Self.groupCells == 0 { run += " " }
      let next = cell.kind.tint
      if next != tint {
        // A gap between groups is not part of a coloured run, which may have a background.
        result += Self.painted(run, tint, style)
        run = ""
        tint = next
      }
      run.append(cell.kind == .capabilityHeader ? letters[cell.capability] : cell.kind.glyph)
    }
    return result + Self.painted(run, tint, style)
  }

  private static func painted(_ run: String, _ tint: Tint, _ style: TextStyle) -> String {
    guard tint == .chosen else { return style.paint(run, tint) }
    return run.split(separator: " ", omittingEmptySubsequences: false)
      .map { style.paint(String($0), tint) }.joined(separator: " ")
  }

  private mutating func addLegend(_ map: ConfigMap) {
    add()
    let items = map.counts.map { kind, bytes in
      (kind, "\(kind.meaning(synthetic: map.isSynthetic))", "\(bytes) B")
    }
    let half = (items.count + 1) / 2
    let width = items.map(\.1.columns).max() ?? 0
    for row in 0..<half {
      var line = "  "
      for index in [row, row + half] where index < items.count {
        let (kind, meaning, bytes) = items[index]
        let glyph = kind == .capabilityHeader ? "A" : "\(kind.glyph)"
        line += style.paint(glyph, kind.tint) + "  " + meaning.padded(to: width)
        line += bytes.padded(to: 8, alignRight: true) + "      "
      }
      add(line.trimmedEnd)
    }
  }
}

extension MapKind {
  /// The character of a cell; a capability's header has its letter instead.
  var glyph: Character {
    switch self {
    case .pasid: "P"
    case .newHead: "+"
    case .header: "#"
    case .capabilityHeader: "▌"
    case .capabilityBody: "▒"
    case .shadow: "░"
    case .shadowInUse: "?"
    case .unclaimedInUse: "!"
    case .silent: "-"
    case .unclaimedZero: "·"
    }
  }

  var tint: Tint {
    switch self {
    case .pasid: .chosen
    case .newHead: .strongGood
    case .header, .silent, .unclaimedZero: .muted
    case .capabilityHeader: .strongAccent
    case .capabilityBody: .accent
    case .shadow: .caution
    case .shadowInUse: .strongCaution
    case .unclaimedInUse: .strongBad
    }
  }
}

extension String {
  /// The text without spaces at its end.
  fileprivate var trimmedEnd: String {
    lastIndex { $0 != " " }.map { String(self[...$0]) } ?? ""
  }
}
