/// Text from files and devices, made fit for terminals and pictures.
extension String {
  /// The text without control and format characters; line breaks and tabs become spaces.
  ///
  /// What is left can neither steer a terminal nor break an XML document.
  ///
  /// - Parameter limit: The columns to keep; what is cut off leaves an ellipsis.
  /// - Returns: The text on one line.
  func plainLine(limit: Int = 400) -> String {
    var result = ""
    var used = 0
    for scalar in unicodeScalars {
      let kept: Unicode.Scalar
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator, .spaceSeparator:
        guard scalar.properties.isWhitespace else { continue }
        kept = " "
      case .format, .surrogate, .privateUse, .unassigned: continue
      default: kept = scalar
      }
      guard used + kept.columns <= limit else { return result.truncated(to: limit - 1) + "…" }
      used += kept.columns
      result.unicodeScalars.append(kept)
    }
    return result
  }

  /// The columns that the text takes in a terminal.
  var columns: Int { unicodeScalars.reduce(0) { $0 + $1.columns } }

  /// As much of the start as fits into some columns.
  private func truncated(to limit: Int) -> String {
    var result = String.UnicodeScalarView()
    var used = 0
    for scalar in unicodeScalars {
      used += scalar.columns
      if used > limit { break }
      result.append(scalar)
    }
    return String(result)
  }

  /// The text, or its start with an ellipsis when it takes more than `width` columns.
  func clipped(to width: Int) -> String {
    columns <= width ? self : truncated(to: max(0, width - 1)) + "…"
  }

  /// The text filled with spaces up to a width, on the right or on the left.
  func padded(to width: Int, alignRight: Bool = false) -> String {
    let fill = String(repeating: " ", count: max(0, width - columns))
    return alignRight ? fill + self : self + fill
  }

  /// The text as lines of at most `width` columns, broken at spaces where there are any.
  func wrapped(to width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in split(separator: " ") {
      var rest = String(word)
      if !line.isEmpty, line.columns + 1 + rest.columns <= width {
        line += " " + rest
        continue
      }
      if !line.isEmpty { lines.append(line) }
      // A word that fits no line, such as a path, is cut.
      while rest.columns > width {
        let part = rest.truncated(to: width)
        guard !part.isEmpty else { break }
        lines.append(part)
        rest.unicodeScalars.removeFirst(part.unicodeScalars.count)
      }
      line = rest
    }
    if !line.isEmpty || lines.isEmpty { lines.append(line) }
    return lines
  }
}

extension Unicode.Scalar {
  /// The terminal columns of the scalar: none for marks, two for wide scripts and pictures.
  var columns: Int {
    guard value >= 0x300 else { return 1 }
    switch properties.generalCategory {
    case .nonspacingMark, .enclosingMark: return 0
    default: break
    }
    // Unicode Standard Annex 11, the wide blocks.
    switch value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF,
      0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
      return 2
    default: return 1
    }
  }
}
