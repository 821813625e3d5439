import PCIe

/// The grammar of text dumps once more, in the plainest way: whole lines, no chunks, no fast path;
/// a device is judged as a whole when its last line is known.
enum DumpsReference {
  /// What a device line, or a run of rows without one, comes to.
  enum Outcome: Hashable {
    case device(PCIAddress, line: Int, bytes: [UInt8])
    case skipped(PCIAddress, line: Int)
    case bad
  }

  static func outcomes(_ text: [UInt8]) -> [Outcome] {
    var outcomes: [Outcome] = []
    var open: (address: PCIAddress, line: Int, rows: [[UInt8]])?
    var expectsDevice = false
    func close() {
      guard let (address, line, rows) = open else { return }
      open = nil
      guard !rows.isEmpty else { return outcomes.append(.skipped(address, line: line)) }
      guard let bytes = bytes(of: rows) else {
        expectsDevice = true
        return outcomes.append(.bad)
      }
      outcomes.append(.device(address, line: line, bytes: bytes))
    }

    var lines = text.split(separator: 10, omittingEmptySubsequences: false)
    if lines.last == [] { lines.removeLast() }
    for (index, whole) in lines.enumerated() {
      var line = Array(whole.prefix(512))
      if whole.count <= 512, line.last == 13 { line.removeLast() }
      if let address = address(line) {
        close()
        open = (address, index + 1, [])
        expectsDevice = false
      } else if whole.count <= 512, line.allSatisfy({ $0 == 32 || $0 == 9 }) {
        close()
      } else if let digits = digits(line), digits <= 8, line.dropFirst(digits).first == 58 {
        if open != nil {
          // A cut line is no row, whatever its start looks like.
          open?.rows.append(whole.count > 512 ? [] : line)
        } else if !expectsDevice, looksLikeRow(line.dropFirst(digits + 1)) {
          outcomes.append(.bad)
          expectsDevice = true
        }
      }
    }
    close()
    return outcomes
  }

  /// Outcomes in the order in which a reader that stops at the first bad row tells them: the same,
  /// because whatever lies between a bad row and the next device line is silent.
  static func outcomes(_ events: [DumpEvent]) -> [Outcome] {
    events.map { event in
      switch event {
      case .device(let device):
        .device(device.address, line: device.line, bytes: device.config.bytes)
      case .skipped(let address, let line): .skipped(address, line: line)
      case .error: .bad
      }
    }
  }

  private static func bytes(of rows: [[UInt8]]) -> [UInt8]? {
    var bytes: [UInt8] = []
    for row in rows {
      let text = String(decoding: row, as: UTF8.self)
      guard row.allSatisfy({ $0 >= 32 && $0 < 127 }), let colon = text.firstIndex(of: ":"),
        case let offset = text[..<colon], (2...3).contains(offset.count),
        Int(offset, radix: 16) == bytes.count
      else { return nil }
      var groups = text[text.index(after: colon)...].split(
        separator: " ", omittingEmptySubsequences: false)
      guard groups.first == "" else { return nil }
      groups.removeFirst()
      while groups.last == "" { groups.removeLast() }
      guard (1...16).contains(groups.count) else { return nil }
      for group in groups {
        guard group.utf8.count == 2, group.allSatisfy(\.isHexDigit),
          let byte = UInt8(group, radix: 16)
        else { return nil }
        bytes.append(byte)
      }
    }
    return ConfigSpace.sizes.contains(bytes.count) ? bytes : nil
  }

  private static func address(_ line: [UInt8]) -> PCIAddress? {
    let word = String(decoding: line.prefix { $0 != 32 && $0 != 9 }, as: UTF8.self)
    let parts = word.split(separator: ":", omittingEmptySubsequences: false)
    guard (2...3).contains(parts.count), parts[parts.count - 2].utf8.count == 2,
      case let slot = parts[parts.count - 1].split(
        separator: ".", omittingEmptySubsequences: false),
      slot.count == 2, slot[0].utf8.count == 2, slot[1].utf8.count == 1,
      parts.count == 2 || (4...8).contains(parts[0].utf8.count),
      (parts.dropLast() + slot).allSatisfy({ $0.utf8.allSatisfy { digit($0) } }),
      let domain = parts.count == 3 ? UInt32(parts[0], radix: 16) : 0,
      let bus = UInt8(parts[parts.count - 2], radix: 16),
      let device = UInt8(slot[0], radix: 16), device < 32,
      let function = UInt8(slot[1], radix: 16), function < 8
    else { return nil }
    return PCIAddress(domain: domain, bus: bus, device: device, function: function)
  }

  private static func looksLikeRow(_ rest: ArraySlice<UInt8>) -> Bool {
    let start = Array(rest.prefix(4))
    return start.count >= 3 && start[0] == 32 && digit(start[1]) && digit(start[2])
      && (start.count == 3 || start[3] == 32 || start[3] == 9)
  }

  private static func digits(_ line: [UInt8]) -> Int? {
    let count = line.prefix(while: digit).count
    return count > 0 ? count : nil
  }

  private static func digit(_ byte: UInt8) -> Bool {
    "0123456789abcdefABCDEF".utf8.contains(byte)
  }
}
