import Hardware
import PCIe
import Placement

/// The letters that name capabilities in the table and in the map.
///
/// Small ones for the legacy list, capitals for the extended one, `P` for the PASID capability that the guest sees.
struct MapLetters {
  private var letters: [Capability: Character] = [:]
  /// The PASID capability that the device shows already.
  private(set) var present: Capability?

  init(_ device: InspectedDevice) {
    let walk = device.layout.walk
    if case .present(let offset) = device.decision.outcome {
      present = walk.extended.first { $0.offset == offset && $0.id == Capability.pasidID }
    }
    for (entry, letter) in zip(walk.legacy, "abcdefghijklmnopqrstuvwxyz") {
      letters[entry] = letter
    }
    let others = walk.extended.filter { $0 != present }
    for (entry, letter) in zip(others, "ABCDEFGHIJKLMNOQRSTUVWXYZ") { letters[entry] = letter }
    if let present { letters[present] = "P" }
  }

  /// The letter of an entry; a mark without a name for those past the end of the alphabet.
  subscript(_ capability: Capability?) -> Character {
    capability.flatMap { letters[$0] } ?? "▌"
  }
}

extension TextPage {
  /// Problems of a list that are spelled out; noise can have hundreds.
  private static let problemLimit = 12

  /// Adds both lists, with what is wrong with them.
  mutating func addChains(_ device: InspectedDevice, letters: MapLetters) {
    let walk = device.layout.walk
    let hidden = Set(device.evidence.hidden.map { Int($0.offset) })
    let legacy = walk.legacy.map { Self.row($0, letters, isHidden: false) }
    let extended = walk.extended.map {
      Self.row($0, letters, isHidden: hidden.contains($0.offset))
    }
    var table = TextTable(
      headings: ["", "offset", "id", "ver", "short", "name", "bytes", "size"], numeric: [3, 7])
    table.fit([TextTable.Row(cells: [" "], tints: [.none])] + legacy + extended)

    let isAbsent = walk.problems.contains(.absent)
    let noLegacy = isAbsent ? "no answer" : "none"
    addHeading("Legacy capabilities", remark: legacy.isEmpty ? noLegacy : "")
    addTable(table, legacy)
    addProblems(walk.problems.filter { $0.list != .extended })
    addHeading(
      "Extended capabilities",
      remark: extended.isEmpty ? Self.remark(on: walk.extendedSpace, isAbsent: isAbsent) : "")
    addTable(table, extended)
    addProblems(walk.problems.filter { $0.list == .extended })
  }

  private mutating func addTable(_ table: TextTable, _ rows: [TextTable.Row]) {
    guard !rows.isEmpty else { return }
    add("  " + table.headingLine(style))
    for row in rows { add("  " + table.line(row, style)) }
  }

  private mutating func addProblems(_ problems: [ChainProblem]) {
    for problem in problems.prefix(Self.problemLimit) {
      add("\(problem)", behind: "  ✗ ", .bad, prefixTint: .strongBad)
    }
    let more = problems.count - Self.problemLimit
    if more > 0 { add("and \(more) more", behind: "    ", .bad) }
  }

  private static func row(
    _ entry: Capability, _ letters: MapLetters, isHidden: Bool
  ) -> TextTable.Row {
    let legacy = entry.list == .legacy
    let remark = entry.isPlaceholder ? " (placeholder)" : isHidden ? " (hidden)" : ""
    let bytes = entry.knownBytes
    let isPASID = entry == letters.present
    let quiet: Tint = entry.isPlaceholder || isHidden ? .muted : .none
    return TextTable.Row(
      cells: [
        "\(letters[entry])", Self.offset(entry.offset),
        "0x" + entry.id.hex(digits: legacy ? 2 : 4), legacy ? "" : "\(entry.version)",
        entry.shortName, (entry.kind == nil ? "Unknown" : entry.name) + remark,
        "\(Self.offset(bytes.lowerBound))-"
          + (entry.size == nil ? "?" : Self.offset(bytes.upperBound)),
        entry.size.map { "\($0)" } ?? "?",
      ],
      tints: [
        isPASID ? .chosen : .strongAccent, quiet, .muted, .muted,
        isPASID ? .strongGood : entry.isPlaceholder ? .muted : .accent, quiet, quiet,
        entry.size == nil ? .strongCaution : quiet,
      ])
  }

  private static func remark(on space: ExtendedSpace, isAbsent: Bool) -> String {
    if isAbsent { return "no answer" }
    return switch space {
    case .notRead(let size): "not read: the source has the first \(size) bytes only"
    case .absent: "the function has no extended config space"
    case .empty: "none: the list is empty"
    case .list: ""
    }
  }

  /// An offset with as many digits as all of them need, so that columns line up.
  static func offset(_ offset: Int) -> String { "0x" + offset.hex(digits: 3) }
}
