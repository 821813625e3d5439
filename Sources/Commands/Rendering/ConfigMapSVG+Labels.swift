import Hardware
import PCIe

/// The names on the map: inside a capability where there is room, else in a column beside the map.
struct MapLabels {
  /// A name that stands on its capability.
  struct Inside {
    let text: String
    let x: Int
    let y: Int
  }

  /// A name in the column, with a line that leads to it.
  struct Beside {
    let text: String
    let isChosen: Bool
    /// Middle of the line of text.
    var y: Int
    /// The line's path; `nil` for a remark that belongs to nothing.
    var leader: String?
    /// Where the line leaves the map, in pixels; the row's gap decides its height.
    fileprivate var anchor: (x: Int, bottom: Int, gap: Int)?
  }

  private(set) var inside: [Inside] = []
  private(set) var beside: [Beside] = []
  /// Names that the column holds at most.
  static let limit = 37

  /// Lower end of the column.
  var bottom: Int { (beside.last?.y ?? 0) + MapFrame.labelPitch }

  init(_ map: ConfigMap) {
    var outside: [(offset: Int, label: Beside)] = []
    if map.bytes[0].kind == .header {
      inside.append(Inside(text: "standard header", x: MapFrame.x(0) + 6, y: MapFrame.y(0) + 16))
    }
    for (entry, parts) in Self.parts(of: map) {
      if let label = Self.inside(entry, parts, map) {
        inside.append(label)
      } else if let first = parts.first {
        outside.append((first.lowerBound, Self.beside(entry, first)))
      }
    }
    for region in map.regions where region.kind == .newHead {
      let text = "\(TextPage.offset(region.bytes.lowerBound)) placeholder \(region.bytes.count) B"
      outside.append((region.bytes.lowerBound, Self.beside(region.bytes, text, isChosen: true)))
    }
    if let pasid = map.pasid {
      let name = map.isSynthetic ? "vPASID" : "PASID"
      let text = "\(TextPage.offset(pasid.lowerBound)) \(name) \(pasid.count) B"
      outside.append((pasid.lowerBound, Self.beside(pasid, text, isChosen: true)))
    }
    beside = Self.limited(outside.sorted { $0.offset < $1.offset }.map(\.label))
    separateChosen()
    spread(rowCount: (map.size + ConfigMap.rowBytes - 1) / ConfigMap.rowBytes)
  }

  /// Each capability that the map shows, with its bytes: the runs of each row, in order.
  private static func parts(of map: ConfigMap) -> [(Capability, [ClosedRange<Int>])] {
    var parts: [Capability: [ClosedRange<Int>]] = [:]
    var start = 0
    for end in 0..<map.size {
      let owner = map.bytes[start].label
      let next = end + 1
      guard
        next == map.size || next % ConfigMap.rowBytes == 0 || map.bytes[next].label != owner
      else { continue }
      if let owner { parts[owner, default: []].append(start...end) }
      start = next
    }
    return parts.sorted { $0.value[0].lowerBound < $1.value[0].lowerBound }
      .map { ($0.key, $0.value) }
  }

  // Headers and bytes in use are too dark to write on.
  /// The name on the first stretch of body or shadow that is long enough; `nil` when there is none.
  private static func inside(
    _ entry: Capability, _ parts: [ClosedRange<Int>], _ map: ConfigMap
  ) -> Inside? {
    let width = SVGText.Font.code.width(of: entry.shortName) + 6
    for part in parts {
      var start = part.lowerBound
      for offset in part {
        let kind = map.bytes[offset].kind
        if kind == .capabilityHeader || kind == .shadowInUse { start = offset + 1 }
        guard (offset + 1 - start) * MapFrame.byte >= width else { continue }
        return Inside(text: entry.shortName, x: MapFrame.x(start) + 3, y: MapFrame.y(start) + 16)
      }
    }
    return nil
  }

  private static func beside(_ entry: Capability, _ part: ClosedRange<Int>) -> Beside {
    let size = entry.size.map { "\($0) B" } ?? "? B"
    let text = "\(TextPage.offset(entry.offset)) \(entry.shortName) \(size)"
    // The line starts at the header, which is there even where the rest is overlaid.
    let bytes =
      part.contains(entry.offset) ? entry.offset...min(entry.offset + 3, part.upperBound) : part
    return beside(bytes, text, isChosen: false)
  }

  private static func beside(_ bytes: ClosedRange<Int>, _ text: String, isChosen: Bool) -> Beside {
    let middle = MapFrame.x(bytes.lowerBound) + bytes.count * MapFrame.byte / 2
    let bottom = MapFrame.y(bytes.lowerBound) + MapFrame.rowHeight
    return Beside(
      text: text, isChosen: isChosen, y: 0, leader: nil, anchor: (middle, bottom, bottom + 7))
  }

  /// As many as the column holds, the chosen place always among them.
  private static func limited(_ all: [Beside]) -> [Beside] {
    guard all.count > limit else { return all }
    var surplus = all.count - limit + 1
    var kept = all
    for index in all.indices.reversed() where surplus > 0 && !all[index].isChosen {
      kept.remove(at: index)
      surplus -= 1
    }
    let more = "and \(all.count - kept.count) more"
    return kept + [Beside(text: more, isChosen: false, y: 0, leader: nil, anchor: nil)]
  }

  // Lines of one row share a track; the chosen one leaves it where nothing can be crossed.
  /// Moves the line of the chosen place off that of its row, when it is the first or last there.
  private mutating func separateChosen() {
    for index in beside.indices where beside[index].isChosen {
      guard let anchor = beside[index].anchor else { continue }
      let others = beside.indices.filter {
        $0 != index && beside[$0].anchor?.bottom == anchor.bottom
      }
      if others.allSatisfy({ $0 < index }) {
        beside[index].anchor?.gap += 3
      } else if others.allSatisfy({ $0 > index }) {
        beside[index].anchor?.gap -= 3
      }
    }
  }

  /// Gives each name of the column a height near its row, and its line.
  private mutating func spread(rowCount: Int) {
    let pitch = MapFrame.labelPitch
    var next = MapFrame.top + 4
    for index in beside.indices {
      beside[index].y = max(next, beside[index].anchor?.gap ?? next)
      next = beside[index].y + pitch
    }
    // What ran out below moves up again; the column is never fuller than the limit.
    let bottom = MapFrame.top + max(rowCount * MapFrame.rowPitch - 8, beside.count * pitch)
    var last = bottom
    for index in beside.indices.reversed() where beside[index].y > last {
      beside[index].y = last
      last -= pitch
    }
    for index in beside.indices {
      guard let anchor = beside[index].anchor else { continue }
      beside[index].leader =
        "M\(anchor.x) \(anchor.bottom)V\(anchor.gap)H\(MapFrame.right + 10)"
        + "L\(MapFrame.labelLeft - 12) \(beside[index].y)H\(MapFrame.labelLeft - 5)"
    }
  }
}

extension ConfigMap.Cell {
  /// The capability whose name could stand here.
  fileprivate var label: Capability? {
    kind == .pasid || kind == .newHead ? nil : capability
  }
}
