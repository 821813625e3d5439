import Hardware
import HostSystem
import LogText

extension TracedEvent {
  /// What the event is about: a device or a file; empty for the program itself.
  var subject: String {
    switch self {
    case .dma(let dma): "vfio\(dma.device)"
    case .interrupt(let device, _), .pageResponse(let device, _, _, _), .stale(let device, _, _):
      "vfio\(device)"
    case .pageRequest(let request): "vfio\(request.device)"
    case .released(let file): file.name
    case .started, .ended, .leftBehind, .message: ""
    }
  }

  /// Events with the same key that follow one another are one line with a count.
  var repeatKey: String {
    switch self {
    // What a device moves is one matter, wherever it moves it.
    case .dma(let dma) where dma.fault == nil: "DMA \(dma.device)\(Self.pasid(dma.pasid))"
    case .interrupt(let device, _): "interrupt \(device)"
    default: "event \(subject) \(wording.text)"
    }
  }

  /// Bytes that a device moved.
  var byteCount: UInt64 {
    guard case .dma(let dma) = self, dma.fault == nil else { return 0 }
    return UInt64(max(0, dma.byteCount))
  }

  /// The event in words, and how it looks.
  var wording: (text: String, tint: LogStyle.Tint) {
    switch self {
    case .started(let process, let arguments):
      return (
        "starts as process \(process): " + HumanText.printable(arguments.joined(separator: " ")),
        .muted
      )
    case .ended(.exited(let status)):
      return ("the program exited with \(status)", status == 0 ? .good : .bad)
    case .ended(.signalled(let signal)): return ("signal \(signal) ended the program", .bad)
    case .released: return ("last close", .muted)
    case .dma(let dma):
      let text =
        "DMA \(dma.isWrite ? "write" : "read")\(Self.pasid(dma.pasid)) at "
        + "\(dma.address.hex), \(HumanText.byteCount(UInt64(max(0, dma.byteCount))))"
      guard let fault = dma.fault else { return (text, .plain) }
      return (text + ": fault, " + fault, .bad)
    case .interrupt(_, let vector): return ("interrupt \(vector)", .plain)
    case .pageRequest(let request):
      let text =
        "page request\(Self.pasid(request.pasid)) \(request.access) at \(request.address.hex), "
        + "group \(request.group)"
      return request.wasTaken ? (text, .caution) : (text + ": nobody takes it", .bad)
    case .pageResponse(_, let pasid, let group, let succeeded):
      return (
        "page response\(Self.pasid(pasid)) group \(group): " + (succeeded ? "success" : "invalid"),
        succeeded ? .good : .bad
      )
    case .stale(_, let pasid, let address):
      return (
        "stale translation used\(Self.pasid(pasid)) at \(address.hex): an invalidation is missing",
        .bad
      )
    case .leftBehind(let contexts, let pages):
      return ("left on the host: \(contexts) contexts, \(pages) pinned pages", .bad)
    case .message(let text): return (HumanText.printable(text), .caution)
    }
  }

  private static func pasid(_ pasid: UInt32?) -> String { pasid.map { " PASID \($0)" } ?? "" }
}
