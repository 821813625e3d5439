import Hardware
package import LogText
import VirtualIOMMU

extension ServeStatus {
  /// The status for people: a table of the devices, then the unit.
  ///
  /// - Parameter style: Whether it is coloured.
  /// - Returns: Lines, each with its end.
  package func text(_ style: LogStyle) -> String {
    var rows = [
      ["device", "place", "client", "guest memory", "on", "PASIDs", "DMA", "faults", "requests"]
    ]
    rows += devices.map { device in
      let function = device.function
      let waiting = device.waitingPageRequestCount
      return [
        function.name, function.place, Self.client(function), Self.memory(function),
        Self.controls(function), Self.pasids(device),
        device.dmaReadCount | device.dmaWriteCount == 0
          ? "-"
          : HumanText.count(Int(clamping: device.dmaReadCount)) + " r, "
            + HumanText.count(Int(clamping: device.dmaWriteCount)) + " w, "
            + HumanText.amount(device.dmaByteCount),
        HumanText.count(Int(clamping: device.faultCount)),
        HumanText.count(Int(clamping: device.pageRequestCount))
          + (waiting == 0 ? "" : " (\(waiting) wait)"),
      ]
    }
    var text = Self.table(rows, style)
    for device in devices {
      for problem in device.problems {
        text += style.paint(HumanText.printable("\(device.function.name): \(problem)"), .bad) + "\n"
      }
    }
    return text + (unit.map { Self.text($0, style) } ?? "")
  }

  private static func client(_ function: Function) -> String {
    function.client == nil ? "none" : "connected"
  }

  private static func memory(_ function: Function) -> String {
    function.mappingCount == 0
      ? "-"
      : HumanText.amount(function.mappedByteCount) + " in " + HumanText.count(function.mappingCount)
  }

  private static func controls(_ function: Function) -> String {
    function.controls.isEmpty ? "-" : function.controls.joined(separator: ", ")
  }

  private static func pasids(_ device: Device) -> String {
    guard let count = device.pasidCount, count > 0 else { return "-" }
    let first = device.firstPASIDs.prefix(4).map { "\($0)" }.joined(separator: " ")
    return HumanText.count(count) + (first.isEmpty ? "" : ": \(first)")
      + (count > 4 && !first.isEmpty ? " …" : "")
  }

  private static func table(_ rows: [[String]], _ style: LogStyle) -> String {
    let rows = rows.map { $0.map { HumanText.printable($0) } }
    let widths = (rows.first ?? []).indices.map { column in
      rows.map { $0[column].unicodeScalars.count }.max() ?? 0
    }
    var text = ""
    for (number, row) in rows.enumerated() {
      var line = ""
      for (column, cell) in row.enumerated() {
        let isLast = column == row.count - 1
        let padded = isLast ? cell : HumanText.padded(cell, widths[column] + 2)
        line += style.paint(padded, number == 0 ? .muted : column == 0 ? .file : .plain)
      }
      text += line + "\n"
    }
    return text
  }

  private static func text(_ unit: Unit, _ style: LogStyle) -> String {
    func row(_ name: String, _ value: String, _ tint: LogStyle.Tint = .plain) -> String {
      "  " + style.paint(HumanText.padded(name, 14), .muted)
        + style.paint(HumanText.printable(value), tint) + "\n"
    }
    func meaning(_ value: UInt64, _ offset: Int) -> String {
      VTdRegisterNames.meaning(of: value, at: UInt64(offset)) ?? value.hex
    }
    let function = unit.function
    let isOn = unit.status >> 31 & 1 == 1
    var text =
      "\n" + style.paint(function.name, .file) + "  VT-d unit at \(function.place), client "
      + client(function) + ", guest memory \(memory(function))\n"
    text += row(
      "registers",
      (unit.registerBase.map { "at " + $0.hex } ?? "not placed yet")
        + (unit.isHidden ? ", the function is hidden from PCI" : ""))
    text += row(
      "translation",
      (isOn ? "on" : "off") + ": " + meaning(UInt64(unit.status), VTdRegister.status),
      isOn ? .good : .caution)
    if unit.rootTable != 0 { text += row("root", meaning(unit.rootTable, VTdRegister.rootTable)) }
    if unit.queueAddress != 0 {
      text += row(
        "queue",
        meaning(unit.queueAddress, VTdRegister.queueAddress)
          + ", head \(unit.queueHead.hex), tail \(unit.queueTail.hex)")
    }
    text += row(
      "faults", meaning(UInt64(unit.faultStatus), VTdRegister.faultStatus),
      unit.faultStatus == 0 ? .plain : .bad)
    if let hits = unit.cacheHitCount, let misses = unit.cacheMissCount {
      text += row(
        "translations",
        HumanText.count(Int(clamping: hits)) + " from the cache, "
          + HumanText.count(Int(clamping: misses)) + " walked")
    }
    text += row(
      "events", HumanText.count(Int(clamping: unit.eventCount)),
      unit.eventCount == 0 ? .plain : .caution)
    return text
  }
}
