import HostABI
import Hardware
import LogText
import VirtualIOMMU

/// An event in words: one short word for its column, and what there is to say.
struct EventWords {
  var event: String
  var text: String
  var tint: LogStyle.Tint
}

extension ServeEvent {
  /// The event in words.
  ///
  /// - Parameter function: Whose it is, when that is known.
  /// - Returns: The words.
  func words(_ function: LoggedFunction?) -> EventWords {
    func words(
      _ event: String, _ text: String, _ tint: LogStyle.Tint = .plain
    ) -> EventWords { EventWords(event: event, text: HumanText.printable(text), tint: tint) }
    switch self {
    case .listening(let path): return words("listens", path, .muted)
    case .connected(let text): return words("connected", text, .good)
    case .disconnected(let reason): return words("disconnected", reason, .caution)
    case .refused(let message, let why, let errno):
      return words("refused", "\(message): \(why) (\(Self.name(errno)))", .bad)
    case .mapped(let range, let isReadable, let isWritable, let hasFile):
      let rights = (isReadable ? "r" : "-") + (isWritable ? "w" : "-")
      return words(
        "map", Self.text(range) + " " + rights + (hasFile ? "" : ", by messages"), .muted)
    case .unmapped(let range): return words("unmap", Self.text(range), .muted)
    case .access(let region, let offset, let byteCount, let value, let isWrite):
      var text = offset.hex
      guard (1...8).contains(byteCount) else {
        // Of many bytes there is neither one register nor one value.
        text += ", " + HumanText.byteCount(UInt64(max(0, byteCount)))
        return words(RegionName.text(region) + (isWrite ? " write" : " read"), text)
      }
      if let name = function?.register(region, at: offset) { text += ", " + name }
      text += (isWrite ? " ← " : " = ") + Self.value(value, byteCount)
      if let meaning = function?.meaning(of: value, region, at: offset) { text += ": " + meaning }
      return words(RegionName.text(region) + (isWrite ? " write" : " read"), text)
    case .interrupt(let kind, let index):
      return words("interrupt", RegionName.interrupt(kind) + (kind == 0 ? "" : " \(index)"))
    case .message(let address, let data):
      return words("message", "\(address.hex) ← \(data.hex)" + Self.meaning(address, data))
    case .interruptsChanged(let kind, let active):
      return words(
        "interrupts",
        RegionName.interrupt(kind)
          + (active == 0 ? " off" : ": \(HumanText.count(active)) with a receiver"))
    case .reset(let by): return words("reset", by, .caution)
    case .controls(let text): return words("controls", text.isEmpty ? "all off" : text, .good)
    case .dma(let pasid, let address, let byteCount, let isWrite, let fault):
      let text =
        "at \(address.hex)\(Self.text(pasid)), "
        + HumanText.byteCount(UInt64(max(0, byteCount)))
      return words(
        isWrite ? "DMA write" : "DMA read", text + (fault.map { ": fault, " + $0 } ?? ""),
        fault == nil ? .plain : .bad)
    case .pageRequest(let pasid, let address, let isWrite, let group, let wasTaken):
      let text =
        "\(isWrite ? "write" : "read") at \(address.hex)\(Self.text(pasid)), group \(group)"
      return words(
        "page request", text + (wasTaken ? "" : ": nobody takes it"), wasTaken ? .caution : .bad)
    case .pageResponse(let group, let code):
      return words("page response", "group \(group): \(code)", code == .success ? .good : .bad)
    case .invalidated(let batch): return words("invalidate", batch.text, .muted)
    case .registers(let text): return words("registers", text, .good)
    case .unit(let event): return words("unit", event.description, .bad)
    case .note(let text): return words("note", text, .caution)
    }
  }

  /// Events with the same key that follow one another are one line with a count; `nil` for those that
  /// always have their own.
  func repeatKey(_ function: LoggedFunction?) -> String? {
    switch self {
    case .access(let region, let offset, _, let value, let isWrite):
      // Reading config space is one matter. Other registers with a name repeat with their value, so
      // that one that changes is seen; but doorbells change each time, and what they bring about has
      // lines of its own.
      guard region != RegionName.config || isWrite else { return "read 7" }
      guard let name = function?.register(region, at: offset), !name.hasSuffix("portal") else {
        return "access \(region) \(isWrite)"
      }
      if name == "IQT", isWrite { return "access \(region) \(offset) \(isWrite)" }
      return "access \(region) \(offset) \(isWrite) \(value)"
    // One PASID's pages are one matter, wherever they are.
    case .invalidated(let batch): return batch.scope.map { "invalidate " + $0 }
    // What a device moves is one matter, wherever it moves it.
    case .dma(let pasid, _, _, _, nil): return "dma" + Self.text(pasid)
    case .interrupt(let kind, _): return "interrupt \(kind)"
    // How a device reaches memory is not to be lost among other memory.
    case .mapped(_, _, let isWritable, let hasFile): return "map \(isWritable) \(hasFile)"
    case .unmapped: return "unmap"
    case .listening, .connected, .disconnected, .controls, .interruptsChanged, .pageResponse,
      .pageRequest:
      return nil
    case .refused, .message, .reset, .dma, .registers, .unit, .note:
      let words = words(function)
      return words.event + words.text
    }
  }

  static func text(_ pasid: UInt32?) -> String { pasid.map { " PASID \($0)" } ?? "" }

  static func name(_ errno: Int32) -> String { "\(LinuxErrno(rawValue: errno))" }

  static func value(_ value: UInt64, _ byteCount: Int) -> String {
    guard (1...8).contains(byteCount) else { return HumanText.byteCount(UInt64(max(0, byteCount))) }
    return "0x" + value.hex(digits: 2 * byteCount)
  }

  private static func text(_ range: ClosedRange<UInt64>) -> String {
    let (count, overflow) = (range.upperBound &- range.lowerBound).addingReportingOverflow(1)
    return "\(range.lowerBound.hex)…\(range.upperBound.hex), "
      + HumanText.byteCount(overflow ? .max : count)
  }

  /// What a message of an interrupt says (VT-d §5.1.2 for both formats).
  private static func meaning(_ address: UInt64, _ data: UInt32) -> String {
    guard address >> 20 == 0xFEE else { return "" }
    guard address >> 4 & 1 == 0 else {
      return ": remapped by entry \(address >> 5 & 0x7FFF | (address >> 2 & 1) << 15)"
    }
    return ": vector \(data & 0xFF) to processor \(address >> 12 & 0xFF)"
  }
}
