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
        // What a device of the host moves, and what is refused of it, passes this process by.
        device.kind == "vfio"
          ? "uncounted"
          : device.dmaReadCount | device.dmaWriteCount == 0
            ? "-"
            : HumanText.count(Int(clamping: device.dmaReadCount)) + " r, "
              + HumanText.count(Int(clamping: device.dmaWriteCount)) + " w, "
              + HumanText.amount(device.dmaByteCount),
        device.kind == "vfio" ? "uncounted" : HumanText.count(Int(clamping: device.faultCount)),
        HumanText.count(Int(clamping: device.pageRequestCount))
          + (waiting == 0 ? "" : " (\(waiting) wait)"),
      ]
    }
    var text = style.paint("serving for \(Self.uptime(seconds))", .muted) + "\n"
    text += Self.table(rows, style)
    for device in devices {
      if let fault = device.lastFault {
        text += HumanText.printable("\(device.function.name): last fault: \(fault)") + "\n"
      }
      for problem in device.problems {
        text += style.paint(HumanText.printable("\(device.function.name): \(problem)"), .bad) + "\n"
      }
    }
    return text + (unit.map { Self.text($0, style) } ?? "")
  }

  /// A time in two of its units.
  private static func uptime(_ seconds: UInt64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600)
    if minutes == 0 { return "\(seconds) s" }
    if hours == 0 { return "\(minutes) min \(seconds % 60) s" }
    if hours < 24 { return "\(hours) h \(minutes % 60) min" }
    return "\(hours / 24) d \(hours % 24) h"
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
      (isOn ? "on" : "off")
        + (unit.status == 0 ? "" : ": " + meaning(UInt64(unit.status), VTdRegister.status)),
      isOn ? .good : .caution)
    if unit.rootTable != 0 { text += row("root", meaning(unit.rootTable, VTdRegister.rootTable)) }
    if unit.queueAddress != 0 {
      text += row(
        "queue",
        meaning(unit.queueAddress, VTdRegister.queueAddress)
          + ", head \(unit.queueHead.hex), tail \(unit.queueTail.hex)")
    }
    text += row(
      "fault status",
      // Above these bits is the record that is next, which stays.
      unit.faultStatus & 0xFF == 0
        ? "none pending" : meaning(UInt64(unit.faultStatus), VTdRegister.faultStatus),
      unit.faultStatus & 0xFF == 0 ? .plain : .bad)
    if let hits = unit.cacheHitCount, let misses = unit.cacheMissCount {
      text += row(
        "translations",
        HumanText.count(Int(clamping: hits)) + " from the cache, "
          + HumanText.count(Int(clamping: misses)) + " walked")
    }
    text += row(
      "trouble",
      unit.eventCount == 0
        ? "none"
        : HumanText.count(Int(clamping: unit.eventCount), "event") + ", which the log tells",
      unit.eventCount == 0 ? .plain : .caution)
    return text
  }
}
