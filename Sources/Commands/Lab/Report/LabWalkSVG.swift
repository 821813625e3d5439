import Hardware

/// One translation as a picture: the guest's tables as columns, the host's memory below them, and
/// the second stage between.
package enum LabWalkSVG {
  /// Draws a translation.
  ///
  /// - Parameters:
  ///   - walk: The translation.
  ///   - report: The run that it belongs to.
  /// - Returns: The source of an SVG document.
  package static func svg(_ walk: LabFacts.Walk, in report: LabReport) -> String {
    var picture = WalkPicture(walk)
    picture.drawHead(report)
    picture.drawAddress()
    picture.drawLanes(report)
    picture.drawColumns()
    picture.drawNotes()
    return picture.document()
  }
}

/// Where things stand, in pixels.
private enum WalkFrame {
  static let margin = 28
  static let boxWidth = 178
  static let gap = 32
  static let pitch = boxWidth + gap
  static let addressTop = 92
  static let addressHeight = 46
  static let guestTop = 192
  static let boxHeight = 64
  static let stageTop = 288
  static let stageHeight = 34
  static let hostTop = 354
  static let notesTop = 462
  static let height = 520

  static func x(_ column: Int) -> Int { margin + 12 + column * pitch }
  static func width(_ columns: Int) -> Int { 2 * (margin + 12) + columns * pitch - gap }
}

private struct WalkPicture {
  private struct Column {
    let bits: String
    let value: String
    let title: String
    let guest: String
    let host: String
    let content: String
    let isByte: Bool
  }

  private var svg = SVGText()
  private let walk: LabFacts.Walk
  private let columns: [Column]
  private var width: Int { WalkFrame.width(columns.count) }

  init(_ walk: LabFacts.Walk) {
    self.walk = walk
    var columns = walk.levels.map { level in
      let low = 12 + 9 * (level.level - 1)
      return Column(
        bits: "bits \(low + 8):\(low)", value: "\(level.index)",
        title: "level \(level.level)",
        guest: "entry \(level.index) at \(level.guestAddress.hex)",
        host: level.hostAddress.hex, content: level.entry.hex, isByte: false)
    }
    columns.append(
      Column(
        bits: "bits 11:0", value: (walk.address & 0xFFF).hex, title: "the byte",
        guest: "at \(walk.guestAddress.hex)", host: walk.hostAddress.hex,
        content: "\"\(walk.text)\"",
        isByte: true))
    self.columns = columns
  }

  private var title: String {
    "PASID \(walk.pasid): \(walk.address.hex) is \(walk.hostAddress.hex) in the host"
  }

  func document() -> String {
    svg.document(
      width: width, height: WalkFrame.height, title: title,
      label:
        "\(title). \(walk.levels.count) entries of the guest's table are read on the way, each "
        + "through the second stage.")
  }

  mutating func drawHead(_ report: LabReport) {
    svg.text(WalkFrame.margin, 42, title, .title)
    let device = report.facts.device.map { "\($0.title), \($0.address) · " } ?? ""
    let process = report.facts.processes.first { $0.pasid == walk.pasid }
    let table = process.map { "nested table HWPT \($0.pageTable) at guest \($0.table.hex)" } ?? ""
    let room = SVGText.Font.text.columns(in: width - 2 * WalkFrame.margin)
    svg.text(WalkFrame.margin, 63, (device + table).clipped(to: room), .text, "quiet")
  }

  /// The address, cut into the parts that choose an entry of each table.
  mutating func drawAddress() {
    for (index, column) in columns.enumerated() {
      let x = WalkFrame.x(index)
      let top = WalkFrame.addressTop
      svg.rect(x, top, WalkFrame.boxWidth, WalkFrame.addressHeight, "f-body", radius: 6)
      svg.text(x + 10, top + 18, column.bits, .text, "quiet")
      svg.text(x + 10, top + 36, column.value, .strong)
      arrow(
        fromX: x + 26, fromY: top + WalkFrame.addressHeight, down: WalkFrame.guestTop)
    }
  }

  /// The second stage as one band, and the names of what is above and below it.
  mutating func drawLanes(_ report: LabReport) {
    let left = WalkFrame.margin
    // Between the arrows of the first two columns, as all of these are.
    let label = WalkFrame.x(0) + 40
    svg.text(label, WalkFrame.guestTop - 20, "stage 1: the guest's table", .text, "quiet")
    svg.rect(
      left, WalkFrame.stageTop, width - 2 * left, WalkFrame.stageHeight, "f-header", radius: 6)
    let parent = report.facts.memory.map { ": HWPT \($0.nestingParent)" } ?? ""
    svg.text(label, WalkFrame.stageTop + 21, "stage 2" + parent, .text)
    svg.text(label, WalkFrame.hostTop - 10, "host memory", .text, "quiet")
  }

  mutating func drawColumns() {
    for (index, column) in columns.enumerated() {
      let x = WalkFrame.x(index)
      box(
        x, WalkFrame.guestTop, column.title, column.guest, column.isByte ? "f-shadow" : "f-zero")
      arrow(
        fromX: x + 26, fromY: WalkFrame.guestTop + WalkFrame.boxHeight,
        down: WalkFrame.stageTop)
      arrow(
        fromX: x + 26, fromY: WalkFrame.stageTop + WalkFrame.stageHeight,
        down: WalkFrame.hostTop - (column.isByte ? 4 : 0))
      box(
        x, WalkFrame.hostTop, column.host,
        column.isByte ? column.content : "holds \(column.content)",
        column.isByte ? "f-shadow" : "f-zero", isCode: true)
      if column.isByte {
        svg.rect(
          x - 3, WalkFrame.hostTop - 3, WalkFrame.boxWidth + 6, WalkFrame.boxHeight + 6, "ring",
          radius: 8)
      }
      if index + 1 < columns.count { step(to: index + 1) }
    }
  }

  mutating func drawNotes() {
    let left = WalkFrame.margin
    svg.text(
      left, WalkFrame.notesTop - 6,
      "each place holds the guest address of the next table, the last one that of the page", .text,
      "quiet")
    let bits = "bits of an entry: 0 present, 1 writable, 2 user, 5 accessed, 6 dirty; the unit set "
    svg.text(left, WalkFrame.notesTop + 14, bits + "bits 5 and 6", .text, "quiet")
    svg.text(
      left, WalkFrame.notesTop + 34,
      "another PASID has a table of its own, so that the same address leads elsewhere", .text,
      "quiet")
  }

  private mutating func box(
    _ x: Int, _ y: Int, _ first: String, _ second: String, _ fill: String, isCode: Bool = false
  ) {
    svg.rect(x, y, WalkFrame.boxWidth, WalkFrame.boxHeight, fill, radius: 6)
    let room = WalkFrame.boxWidth - 20
    let font: SVGText.Font = isCode ? .code : .strong
    svg.text(x + 10, y + 26, first.clipped(to: font.columns(in: room)), font)
    svg.text(
      x + 10, y + 48, second.clipped(to: SVGText.Font.code.columns(in: room)), .code)
  }

  private mutating func arrow(fromX x: Int, fromY start: Int, down end: Int) {
    svg.path("M\(x) \(start + 2)V\(end - 8)", "lead")
    svg.path("M\(x) \(end - 2)l-5 -8h10z", "f-line")
  }

  /// From what a place of the host holds to the next column's guest address.
  private mutating func step(to column: Int) {
    let end = WalkFrame.x(column)
    let start = end - WalkFrame.gap
    let (from, to) = (WalkFrame.hostTop + 44, WalkFrame.guestTop + 32)
    svg.path("M\(start + 2) \(from)H\(start + WalkFrame.gap / 2)V\(to)H\(end - 8)", "lead-pasid")
    svg.path("M\(end - 2) \(to)l-8 -5v10z", "f-pasid")
  }
}
