/// SVG source as it grows: elements with their attributes escaped.
struct SVGText {
  private(set) var source = ""

  /// Sizes of text that the picture uses, in pixels.
  enum Font: String {
    case title = "t"
    case text = "s"
    case strong = "v"
    case code = "m"

    var size: Int {
      switch self {
      case .title: 18
      case .text: 12
      case .strong: 14
      case .code: 11
      }
    }

    // Fonts differ from one machine to the next: these are above the average of all in the stacks.
    /// The width of a column in hundredths of the font's size.
    var columnWidth: Int {
      switch self {
      case .code: 61
      case .text: 58
      case .title, .strong: 62
      }
    }

    /// The width that a text takes at most, in whole pixels.
    func width(of text: String) -> Int { (text.columns * size * columnWidth + 99) / 100 }

    /// The columns that fit into a width.
    func columns(in width: Int) -> Int { max(0, width) * 100 / (size * columnWidth) }
  }

  /// Adds source as it is.
  mutating func add(_ source: String) { self.source += source + "\n" }

  mutating func rect(
    _ x: Int, _ y: Int, _ width: Int, _ height: Int, _ style: String, radius: Int = 0
  ) {
    let corner = radius == 0 ? "" : " rx=\"\(radius)\""
    add(
      "<rect x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\"\(corner) "
        + "class=\"\(style)\"/>")
  }

  mutating func path(_ data: String, _ style: String) {
    add("<path d=\"\(data)\" class=\"\(style)\"/>")
  }

  /// Adds a line of text; `y` is its baseline.
  mutating func text(_ x: Int, _ y: Int, _ content: String, _ font: Font, _ style: String = "") {
    let both = style.isEmpty ? font.rawValue : "\(font.rawValue) \(style)"
    add(
      "<text x=\"\(x)\" y=\"\(y)\" font-size=\"\(font.size)\" class=\"\(both)\">"
        + "\(Self.escaped(content))</text>")
  }

  /// Adds a group whose tooltip is `title`.
  mutating func group(_ title: String, _ content: (inout SVGText) -> Void) {
    add("<g><title>\(Self.escaped(title))</title>")
    content(&self)
    add("</g>")
  }

  /// The whole document: a page of its own around what was drawn.
  ///
  /// - Parameters:
  ///   - width: The page's width in pixels.
  ///   - height: Its height.
  ///   - title: What the picture is called.
  ///   - label: What it shows, for those who cannot see it.
  /// - Returns: The source.
  func document(width: Int, height: Int, title: String, label: String) -> String {
    var whole = SVGText()
    whole.add(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"passage\" width=\"\(width)\" "
        + "height=\"\(height)\" viewBox=\"0 0 \(width) \(height)\" role=\"img\" "
        + "aria-label=\"\(Self.escaped(label))\">")
    whole.add("<title>\(Self.escaped(title))</title>")
    whole.add("<style>\n\(SVGPalette.styleSheet)\n</style>")
    whole.rect(1, 1, width - 2, height - 2, "page", radius: 12)
    whole.add(source + "</svg>")
    return whole.source
  }

  /// The text for element content or a quoted attribute, without what XML 1.0 forbids.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.plainLine(limit: 2000).unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
