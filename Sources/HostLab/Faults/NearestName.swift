/// Finds what somebody meant who mistyped a name.
enum NearestName {
  /// The name with the least number of changed, added and dropped letters; the first of equals.
  static func of(_ text: String, in names: [String]) -> String {
    let text = Array(text.utf8.prefix(64))
    return names.min { distance(text, Array($0.utf8)) < distance(text, Array($1.utf8)) } ?? ""
  }

  /// Levenshtein's distance, a row at a time.
  static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var row = Array(0...b.count)
    for (i, letter) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, other) in b.enumerated() {
        let above = row[j + 1]
        row[j + 1] = min(above + 1, row[j] + 1, diagonal + (letter == other ? 0 : 1))
        diagonal = above
      }
    }
    return row[b.count]
  }
}
