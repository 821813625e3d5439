import Hardware
public import PCIe
import Placement

/// The map of a device's config space as a picture.
///
/// A self-contained SVG file: no scripts, no external fonts, its own background, and colours that
/// follow the reader's light or dark scheme.
public enum ConfigMapSVG {
  /// Draws one device.
  ///
  /// - Parameters:
  ///   - device: The inspected device.
  ///   - capability: The capability that was to be placed.
  /// - Returns: The source of an SVG document.
  public static func svg(_ device: InspectedDevice, capability: PASIDCapability) -> String {
    let map = ConfigMap(device)
    let labels = MapLabels(map)
    var picture = MapPicture(labels: labels)
    picture.drawHead(device)
    picture.drawMap(map)
    picture.drawLabels()
    picture.drawLegend(map)
    picture.drawReasons(device, capability: capability)
    return picture.document(
      title: "Config space of \(device.heading)",
      label: "Map of the config space of \(device.heading). \(device.verdict)")
  }
}

/// Where things stand in the picture, in pixels.
enum MapFrame {
  static let width = 1072
  static let margin = 28
  /// Left end of the map; row offsets stand before it.
  static let left = 76
  /// Pixels of a byte: a dword's cell has 12.
  static let byte = 3
  static let right = left + ConfigMap.rowBytes * byte
  static let top = 146
  static let rowHeight = 24
  static let rowPitch = 36
  /// Left end of the labels beside the map.
  static let labelLeft = right + 40
  static let labelPitch = 15

  static func x(_ offset: Int) -> Int { left + offset % ConfigMap.rowBytes * byte }
  static func y(_ offset: Int) -> Int { top + offset / ConfigMap.rowBytes * rowPitch }

  /// The parts of some bytes that lie in one row each.
  static func rows(_ bytes: ClosedRange<Int>) -> [ClosedRange<Int>] {
    let row = ConfigMap.rowBytes
    return (bytes.lowerBound / row...bytes.upperBound / row).map {
      max(bytes.lowerBound, $0 * row)...min(bytes.upperBound, $0 * row + row - 1)
    }
  }
}

/// The picture as it grows downwards.
struct MapPicture {
  private(set) var svg = SVGText()
  let labels: MapLabels
  /// Where the next part starts.
  private var y = MapFrame.top

  init(labels: MapLabels) { self.labels = labels }

  /// The whole document; the parts must have been drawn.
  func document(title: String, label: String) -> String {
    svg.document(
      width: MapFrame.width, height: y + MapFrame.margin - 8, title: title, label: label)
  }

  mutating func drawHead(_ device: InspectedDevice) {
    let left = MapFrame.margin
    let room = MapFrame.width - 2 * left
    let font = SVGText.Font.title
    svg.text(left, 42, device.heading.clipped(to: font.columns(in: room)), font)
    let facts = device.facts.joined(separator: " · ").clipped(
      to: SVGText.Font.text.columns(in: room))
    svg.text(left, 63, facts, .text, "quiet")
    let badge = device.verdict
    let width = SVGText.Font.strong.width(of: badge) + 16
    svg.rect(left, 76, width, 26, device.decision.outcome.badgeFill, radius: 13)
    svg.text(left + width / 2, 94, badge, .strong, "badge")
  }

  mutating func drawMap(_ map: ConfigMap) {
    for column in stride(from: 0, to: min(map.size, ConfigMap.rowBytes), by: 16) {
      let style = column % 64 == 0 ? "" : "quiet"
      svg.text(MapFrame.x(column), MapFrame.top - 9, "+" + column.hex2, .code, style)
    }
    let rowCount = (map.size + ConfigMap.rowBytes - 1) / ConfigMap.rowBytes
    for row in 0..<rowCount {
      let offset = row * ConfigMap.rowBytes
      svg.text(MapFrame.margin, MapFrame.y(offset) + 16, TextPage.offset(offset), .code, "quiet")
    }
    for region in map.regions { draw(region, map) }
    drawGrid(map)
    if let pasid = map.pasid { ring(pasid) }
    y = max(MapFrame.top + rowCount * MapFrame.rowPitch, labels.bottom) + 10
  }

  private mutating func draw(_ region: MapRegion, _ map: ConfigMap) {
    svg.group(region.tooltip(map)) { svg in
      for part in MapFrame.rows(region.bytes) {
        let (x, y) = (MapFrame.x(part.lowerBound), MapFrame.y(part.lowerBound))
        svg.rect(
          x, y, part.count * MapFrame.byte, MapFrame.rowHeight, SVGPalette.fill(region.kind))
        // A byte of three pixels is easily missed, so its dword is underlined.
        guard part.count < 4, region.kind == .unclaimedInUse || region.kind == .shadowInUse else {
          continue
        }
        let first = part.lowerBound / 4 * 4
        let count = part.upperBound / 4 * 4 + 4 - first
        svg.rect(
          MapFrame.x(first), y + MapFrame.rowHeight + 1, count * MapFrame.byte, 3,
          SVGPalette.fill(region.kind))
      }
    }
  }

  // A pattern is a tenth of the size of a thousand lines.
  /// Thin lines between cells, in the colour of the page.
  private mutating func drawGrid(_ map: ConfigMap) {
    let cell = 4 * MapFrame.byte
    svg.add(
      "<pattern id=\"passage-grid\" x=\"\(MapFrame.left)\" y=\"\(MapFrame.top)\" "
        + "width=\"\(cell)\" height=\"\(MapFrame.rowPitch)\" patternUnits=\"userSpaceOnUse\">"
        + "<path d=\"M0 0v\(MapFrame.rowHeight)M\(cell) 0v\(MapFrame.rowHeight)\" class=\"grid\"/>"
        + "</pattern>")
    for row in MapFrame.rows(0...map.size - 1) {
      svg.rect(
        MapFrame.x(row.lowerBound), MapFrame.y(row.lowerBound), row.count * MapFrame.byte,
        MapFrame.rowHeight, "cells")
    }
  }

  private mutating func ring(_ bytes: ClosedRange<Int>) {
    for part in MapFrame.rows(bytes) {
      svg.rect(
        MapFrame.x(part.lowerBound) - 3, MapFrame.y(part.lowerBound) - 3,
        part.count * MapFrame.byte + 6, MapFrame.rowHeight + 6, "ring", radius: 4)
    }
  }

  mutating func drawLabels() {
    for label in labels.inside { svg.text(label.x, label.y, label.text, .code) }
    for label in labels.beside {
      if let data = label.leader { svg.path(data, label.isChosen ? "lead-pasid" : "lead") }
    }
    for label in labels.beside {
      svg.text(
        MapFrame.labelLeft, label.y + 4, label.text, .code, label.isChosen ? "good" : "")
    }
  }

  mutating func drawLegend(_ map: ConfigMap) {
    var x = MapFrame.margin
    y += 12
    for (kind, bytes) in map.counts {
      let text = "\(kind.meaning(synthetic: map.isSynthetic)), \(bytes) B"
      let width = 18 + SVGText.Font.text.width(of: text) + 16
      if x > MapFrame.margin, x + width > MapFrame.width - MapFrame.margin {
        x = MapFrame.margin
        y += 20
      }
      svg.rect(x, y - 10, 12, 12, SVGPalette.fill(kind), radius: 2)
      svg.text(x + 18, y, text, .text)
      x += width
    }
    y += 16
  }

  mutating func drawReasons(_ device: InspectedDevice, capability: PASIDCapability) {
    y += 14
    for reason in device.decision.reasons.prefix(6) { drawNote("\(reason)", mark: "•", "quiet") }
    if let promise = device.promise(capability) {
      let option = device.qemuOption.map { " · \($0)" } ?? ""
      svg.text(MapFrame.margin + 14, y + 4, "PASID: \(promise)\(option)", .code, "quiet")
      y += 22
    }
    let problems = device.layout.walk.problems
    for problem in problems.prefix(6) { drawNote("\(problem)", mark: "✗", "bad") }
    if problems.count > 6 { drawNote("\(problems.count - 6) more problems", mark: "✗", "bad") }
  }

  private mutating func drawNote(_ note: String, mark: String, _ style: String) {
    let room = SVGText.Font.text.columns(in: MapFrame.width - 2 * MapFrame.margin - 14)
    for (index, line) in note.plainLine(limit: 300).wrapped(to: room).enumerated() {
      if index == 0 { svg.text(MapFrame.margin, y, mark, .text, style) }
      svg.text(MapFrame.margin + 14, y, line, .text)
      y += 18
    }
  }
}

extension MapRegion {
  /// What a pointer that rests on the region is told.
  fileprivate func tooltip(_ map: ConfigMap) -> String {
    let range = "\(bytes.lowerBound.hex)-\(bytes.upperBound.hex), \(bytes.count) B"
    let meaning = kind.meaning(synthetic: map.isSynthetic)
    guard let capability else { return "\(meaning), \(range)" }
    return "\(capability.name) at \(capability.offset.hex): \(meaning), \(range)"
  }
}

extension Int {
  /// Two hexadecimal digits.
  fileprivate var hex2: String { hex(digits: 2) }
}
