import TestSupport

/// A row of the real dumps' index: what somebody else's checker found in the file.
struct DumpIndexRow {
  let file: String
  /// IDs and offsets of the extended list, in walking order.
  let chain: [ReferenceEntry]
  let isBroken: Bool
  /// The last byte that is not zero.
  let last: Int?
  /// Bytes from 0x100 on that are not zero and in no capability of a length that the checker knew.
  let stray: Int?

  /// The rows of the table in `INDEX.md`; none when the dumps are absent.
  static let all: [String: DumpIndexRow] = {
    let lines = (RealDumps.text(of: "INDEX.md") ?? "").split(separator: "\n")
    let rows = lines.compactMap { line -> DumpIndexRow? in
      // A device's description may hold a bar, so the columns are counted from the end.
      let cells = line.split(separator: "|", omittingEmptySubsequences: false).map { cell in
        String(cell).trimmed
      }
      guard cells.count >= 10, cells[1].hasSuffix(".txt") else { return nil }
      let tail = Array(cells.suffix(7))
      return DumpIndexRow(
        file: cells[1],
        chain: tail[1] == "-" ? [] : tail[1].split(separator: " ").compactMap(entry),
        isBroken: tail[2].contains("BROKEN"),
        last: Int(tail[3], radix: 16),
        stray: tail[4].split(separator: " ").first.flatMap { Int($0) })
    }
    return Dictionary(uniqueKeysWithValues: rows.map { ($0.file, $0) })
  }()

  private static func entry(_ text: Substring) -> ReferenceEntry? {
    let parts = text.split(separator: "@").compactMap { Int($0, radix: 16) }
    guard parts.count == 2 else { return nil }
    return ReferenceEntry(id: parts[0], version: 0, offset: parts[1])
  }
}

extension String {
  fileprivate var trimmed: String {
    String(drop(while: { $0 == " " }).reversed().drop(while: { $0 == " " }).reversed())
  }
}
