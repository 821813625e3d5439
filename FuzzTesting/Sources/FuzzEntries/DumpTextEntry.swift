import PCIe

/// A byte with the number of cuts, two bytes each for the distance to the next cut, then the text.
enum DumpTextEntry {
  static func run(_ bytes: [UInt8]) {
    var feed = ByteFeed(bytes)
    let distances = (0..<feed.byte() & 0xF).map { _ in Int(feed.integer(UInt16.self) & 0x3FF) }
    let text = feed.bytes(.max)
    let events = read(text, every: [])
    require(events == read(text, every: distances), "the cuts \(distances) change the events")
    require(events == read(text, every: [1]), "reading byte by byte changes the events")
    let lines = text.count { $0 == UInt8(ascii: "\n") } + 1
    var last = 0
    for event in events {
      switch event {
      case .device(let device):
        require((last + 1...lines).contains(device.line), "line \(device.line) of \(lines)")
        last = device.line
        rewrite(device)
      case .skipped(_, let line):
        require((last + 1...lines).contains(line), "line \(line) of \(lines)")
        last = line
      case .error(let error):
        // An error may show in any line since its device's own.
        require((1...lines).contains(error.line), "line \(error.line) of \(lines)")
        require(error.description.hasPrefix("line \(error.line): "), "\(error)")
      }
    }
  }

  /// Reads a text cut into pieces whose lengths repeat; without lengths, in one piece.
  private static func read(_ text: [UInt8], every lengths: [Int]) -> [DumpEvent] {
    var events: [DumpEvent] = []
    var reader = DumpTextReader()
    var rest = text[...]
    var index = 0
    while !rest.isEmpty {
      // Progress is made even when all lengths are zero, and empty chunks occur.
      let length = lengths.isEmpty || index >= 4096 ? rest.count : lengths[index % lengths.count]
      reader.consume(Array(rest.prefix(length)).span) { events.append($0) }
      rest = rest.dropFirst(length)
      index += 1
    }
    reader.finish { events.append($0) }
    let devices = events.count { if case .device = $0 { true } else { false } }
    require(reader.deviceCount == devices, "it counts \(reader.deviceCount) of \(devices)")
    return events
  }

  /// What the writer makes of a device reads back as that device.
  private static func rewrite(_ device: DumpedDevice) {
    for showsDomain in [false, true] {
      var text: [UInt8] = []
      DumpTextWriter.append(
        address: device.address, title: device.title, config: device.config,
        showsDomain: showsDomain, to: &text)
      let events = read(text, every: [])
      guard case .device(let again)? = events.first, events.count == 1 else {
        fatalError("it reads back as \(events)")
      }
      require(again.address == device.address && again.config == device.config, "another device")
      require(again.line == 1, "it starts in line \(again.line)")
      require(titles(device.title, again.title), "\"\(device.title)\" became \"\(again.title)\"")
    }
  }

  /// Whether a title came back: control characters as spaces, and cut when it is long.
  private static func titles(_ old: String, _ new: String) -> Bool {
    let clean = old.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }
    let isBlank = { (scalar: Unicode.Scalar) in scalar == " " }
    let expected = clean.drop(while: isBlank).reversed().drop(while: isBlank).reversed()
    let got = Array(new.unicodeScalars)
    if got == Array(expected) { return true }
    // It was cut: close to the limit, the address and one scalar less.
    return Array(expected).starts(with: got)
      && old.utf8.count > DumpTextWriter.lineLimit - 32
  }
}
