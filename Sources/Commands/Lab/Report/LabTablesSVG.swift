import Hardware

/// The tables on the way of one address as a picture: the guest's VT-d structures above, its first
/// stage below them, each place through the second stage, and the host's memory at the bottom.
package enum LabTablesSVG {
  /// Draws the tables.
  ///
  /// - Parameters:
  ///   - tables: The guest's structures.
  ///   - walk: The translation through its first stage.
  ///   - report: The run that it belongs to.
  /// - Returns: The source of an SVG document.
  package static func svg(
    _ tables: LabFacts.Tables, _ walk: LabFacts.Walk, in report: LabReport
  ) -> String {
    var picture = TablesPicture(tables, walk)
    picture.drawHead(report)
    picture.drawStructures()
    picture.drawFirstStage()
    picture.drawSecondStage()
    picture.drawHost()
    picture.drawNotes()
    return picture.document()
  }
}

/// Where things stand, in pixels.
private enum Frame {
  static let margin = 28
  static let box = 190
  static let gap = 36
  static let pitch = box + gap
  static let columns = 5
  static let width = 2 * (margin + 12) + columns * pitch - gap

  static let structureTop = 124
  static let structureHeight = 84
  static let stageLabel = 262
  static let stageTop = 276
  static let stageHeight = 64
  static let bandTop = 376
  static let bandHeight = 52
  static let hostTop = 468
  static let hostHeight = 64
  static let notesTop = 574
  static let height = 640

  static func x(_ column: Int) -> Int { margin + 12 + column * pitch }
}

private struct TablesPicture {
  private var svg = SVGText()
  private let tables: LabFacts.Tables
  private let walk: LabFacts.Walk

  init(_ tables: LabFacts.Tables, _ walk: LabFacts.Walk) {
    self.tables = tables
    self.walk = walk
  }

  private var title: String {
    "PASID \(tables.pasid) of \(RequesterID(sourceID: tables.source).place): "
      + "from the root table to the host's page"
  }

  func document() -> String {
    svg.document(
      width: Frame.width, height: Frame.height, title: title,
      label:
        "\(title). The guest's unit reads a root entry, a context entry, a PASID directory entry and "
        + "a PASID entry; the host nests the first stage that it names, and translates "
        + "\(walk.address.hex) to \(walk.hostAddress.hex).")
  }

  mutating func drawHead(_ report: LabReport) {
    svg.text(Frame.margin, 42, title, .title)
    let device = report.facts.device.map { "\($0.title), \($0.address) of the host · " } ?? ""
    let count = report.facts.processes.count
    let room = SVGText.Font.text.columns(in: Frame.width - 2 * Frame.margin)
    svg.text(
      Frame.margin, 63,
      (device + "\(count) \(count == 1 ? "PASID" : "PASIDs") attached · DMA to \(walk.address.hex)")
        .clipped(to: room), .text, "quiet")
  }

  /// What the guest's driver wrote for its unit.
  mutating func drawStructures() {
    svg.text(
      Frame.x(0), Frame.structureTop - 16,
      "guest memory: what the guest's driver wrote, and the VT-d unit reads", .text, "quiet")
    let pasid = tables.pasid
    let columns: [(String, String, LabFacts.Tables.Entry?)] = [
      ("RTADDR", "scalable mode", nil),
      ("root entry", "bus \((tables.source >> 8).hex)", tables.rootEntry),
      ("context entry", "devfn \((tables.source & 0xFF).hex)", tables.contextEntry),
      ("PASID directory", "entry \(pasid >> 6)", tables.directoryEntry),
      ("PASID entry", "entry \(pasid & 63)", tables.pasidEntry),
    ]
    for (index, column) in columns.enumerated() {
      let x = Frame.x(index)
      let top = Frame.structureTop
      svg.rect(
        x, top, Frame.box, Frame.structureHeight, index == 4 ? "f-body" : "f-zero", radius: 6)
      svg.text(x + 10, top + 24, column.0, .strong)
      svg.text(x + 10, top + 43, column.1, .text, "quiet")
      let value = column.2?.value ?? tables.root | 1 << 10
      let room = SVGText.Font.code.columns(in: Frame.box - 20)
      svg.text(
        x + 10, top + 59,
        (column.2.map { "at \($0.address.hex)" } ?? "a register").clipped(to: room),
        .code)
      let what = index == 4 ? "PGTT 1, table \(tables.firstStage.hex)" : value.hex
      svg.text(x + 10, top + 75, what.clipped(to: room), .code)
      if index + 1 < columns.count {
        arrow(fromX: x + Frame.box, toX: Frame.x(index + 1), y: top + 42)
      }
    }
    // From the PASID entry down, and back to the left, to the top table of the first stage.
    let start = Frame.x(4) + 26
    let middle = Frame.structureTop + Frame.structureHeight + 18
    let end = Frame.x(0) + 26
    svg.path(
      "M\(start) \(Frame.structureTop + Frame.structureHeight + 2)V\(middle)H\(end)"
        + "V\(Frame.stageTop - 8)", "lead-pasid")
    svg.path("M\(end) \(Frame.stageTop - 2)l-5 -8h10z", "f-pasid")
  }

  /// The tables that the entry names, and the page at their end.
  mutating func drawFirstStage() {
    svg.text(
      Frame.x(0) + 44, Frame.stageLabel,
      "first stage at guest \(tables.firstStage.hex): the process's own tables, which the device "
        + "shares", .text, "quiet")
    for (index, level) in walk.levels.prefix(4).enumerated() {
      box(
        Frame.x(index), Frame.stageTop, "level \(level.level), entry \(level.index)",
        "at \(level.guestAddress.hex)", "f-zero")
    }
    box(Frame.x(4), Frame.stageTop, "the byte", "at \(walk.guestAddress.hex)", "f-shadow")
    for index in 0..<Frame.columns {
      let x = Frame.x(index) + 26
      arrow(x: x, fromY: Frame.stageTop + Frame.stageHeight, toY: Frame.bandTop)
      arrow(x: x, fromY: Frame.bandTop + Frame.bandHeight, toY: Frame.hostTop)
      if index > 0 {
        arrow(
          fromX: Frame.x(index - 1) + Frame.box, toX: Frame.x(index), y: Frame.stageTop + 32,
          isWay: true)
      }
    }
  }

  /// What the host made of it: one nested table on the nesting parent.
  mutating func drawSecondStage() {
    let left = Frame.margin
    let width = Frame.width - 2 * left
    svg.rect(left, Frame.bandTop, width, Frame.bandHeight, "f-header", radius: 6)
    let nested = tables.nestedTable.map { "HWPT \($0)" } ?? "a table"
    let parent = tables.parent.map { "HWPT \($0)" } ?? "its parent"
    let label = Frame.x(0) + 10
    svg.text(
      label, Frame.bandTop + 22,
      "\(nested): nested table of the host, attached to PASID "
        + "\(tables.pasid)", .strong)
    svg.text(
      label, Frame.bandTop + 40,
      "it stands on \(parent), the second stage: guest-physical to host addresses", .text)
  }

  mutating func drawHost() {
    for (index, level) in walk.levels.prefix(4).enumerated() {
      box(
        Frame.x(index), Frame.hostTop, level.hostAddress.hex, "holds \(level.entry.hex)", "f-zero",
        isCode: true)
    }
    let last = Frame.x(4)
    box(last, Frame.hostTop, walk.hostAddress.hex, "\"\(walk.text)\"", "f-shadow", isCode: true)
    svg.rect(
      last - 3, Frame.hostTop - 3, Frame.box + 6, Frame.hostHeight + 6, "ring", radius: 8)
    svg.text(
      Frame.x(0), Frame.hostTop + Frame.hostHeight + 18,
      "host memory: where each of these places is, and what stands there", .text, "quiet")
  }

  mutating func drawNotes() {
    let lines = [
      "The unit tells the host of the first stage alone; the host's IOMMU reads the guest's tables "
        + "below the PASID entry by itself, on each miss.",
      "Another PASID has an entry of its own in a PASID table, and a nested table of its own.",
    ]
    for (index, line) in lines.enumerated() {
      svg.text(Frame.x(0), Frame.notesTop + 20 * index + 14, line, .text, "quiet")
    }
  }

  private mutating func box(
    _ x: Int, _ y: Int, _ first: String, _ second: String, _ fill: String, isCode: Bool = false
  ) {
    svg.rect(x, y, Frame.box, Frame.stageHeight, fill, radius: 6)
    let font: SVGText.Font = isCode ? .code : .strong
    svg.text(x + 10, y + 26, first.clipped(to: font.columns(in: Frame.box - 20)), font)
    svg.text(
      x + 10, y + 48, second.clipped(to: SVGText.Font.code.columns(in: Frame.box - 20)), .code)
  }

  private mutating func arrow(x: Int, fromY start: Int, toY end: Int) {
    // The ring around the last box keeps its distance.
    let tip = x > Frame.x(4) && end == Frame.hostTop ? end - 4 : end
    svg.path("M\(x) \(start + 2)V\(tip - 8)", "lead")
    svg.path("M\(x) \(tip - 2)l-5 -8h10z", "f-line")
  }

  private mutating func arrow(fromX start: Int, toX end: Int, y: Int, isWay: Bool = false) {
    svg.path("M\(start + 2) \(y)H\(end - 8)", isWay ? "lead-pasid" : "lead")
    svg.path("M\(end - 2) \(y)l-8 -5v10z", isWay ? "f-pasid" : "f-line")
  }
}
