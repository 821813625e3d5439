public import PCIe

/// The report of `passage inspect` for people.
public enum InspectTextReport {
  /// Columns that no line exceeds.
  public static let width = 100

  /// Describes one device: both capability lists, the map, the decision and what to do with it.
  ///
  /// What the input calls things is shown without control characters, so that no dump can steer a
  /// terminal.
  ///
  /// - Parameters:
  ///   - device: The inspected device.
  ///   - capability: The capability that was to be placed.
  ///   - style: Whether to write colours.
  /// - Returns: Lines of at most ``width`` columns, each with its line end.
  public static func text(
    _ device: InspectedDevice, capability: PASIDCapability, style: TextStyle
  ) -> String {
    let map = ConfigMap(device)
    let letters = MapLetters(device)
    var page = TextPage(style: style)
    page.addHead(device)
    page.addChains(device, letters: letters)
    page.addMap(map, letters: letters)
    page.addVerdict(device, capability: capability)
    return page.text
  }
}

/// A report as it grows, line by line.
struct TextPage {
  let style: TextStyle
  private(set) var text = ""

  init(style: TextStyle) { self.style = style }

  /// Adds a line as it is.
  mutating func add(_ line: String = "") { text += line + "\n" }

  /// Adds text that is wrapped, behind a first prefix and then behind as many spaces.
  mutating func add(
    _ content: String, behind prefix: String, _ tint: Tint = .none, prefixTint: Tint = .none
  ) {
    let room = InspectTextReport.width - prefix.columns
    for (index, line) in content.wrapped(to: room).enumerated() {
      let start =
        index == 0
        ? style.paint(prefix, prefixTint) : String(repeating: " ", count: prefix.columns)
      add(start + style.paint(line, tint))
    }
  }

  /// Adds a heading with a blank line before it.
  mutating func addHeading(_ heading: String, remark: String = "") {
    add()
    add(style.paint(heading, .bold) + (remark.isEmpty ? "" : "  " + style.paint(remark, .muted)))
  }

  mutating func addHead(_ device: InspectedDevice) {
    add(device.heading, behind: "", .bold)
    add(device.facts.joined(separator: " · "), behind: "")
    add("from \(device.origin)", behind: "", .muted)
  }
}
