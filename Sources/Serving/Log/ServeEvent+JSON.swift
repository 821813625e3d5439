import Hardware
import LogText
import VirtualIOMMU

extension ServeEvent {
  /// The event as one line of JSON (docs/serve/Log.md).
  func jsonLine(of device: String, _ function: LoggedFunction?, at time: UInt64) -> [UInt8] {
    JSONLine.object { json in
      json.string("type", type)
      json.number("time_ns", time)
      json.string("device", device)
      write(function, &json)
    }
  }

  /// The event's name in JSON.
  private var type: String {
    switch self {
    case .listening: "listening"
    case .connected: "connected"
    case .disconnected: "disconnected"
    case .refused: "refused"
    case .mapped: "map"
    case .unmapped: "unmap"
    case .access: "access"
    case .interrupt: "interrupt"
    case .message: "message"
    case .interruptsChanged: "interrupts_changed"
    case .reset: "reset"
    case .controls: "controls"
    case .dma: "dma"
    case .pageRequest: "page_request"
    case .pageResponse: "page_response"
    case .invalidated: "invalidation"
    case .registers: "registers"
    case .unit: "unit"
    case .note: "note"
    }
  }

  private func write(_ function: LoggedFunction?, _ json: inout JSONLine) {
    switch self {
    case .listening(let path): json.string("path", path)
    case .connected(let text), .controls(let text), .registers(let text), .note(let text):
      json.string("text", text)
    case .disconnected(let reason): json.string("reason", reason)
    case .refused(let message, let why, let errno):
      json.string("message", message)
      json.string("reason", why)
      json.string("errno", Self.name(errno))
      json.number("errno_number", errno)
    case .mapped(let range, let isReadable, let isWritable, let hasFile):
      json.string("start", range.lowerBound.hex)
      json.string("last", range.upperBound.hex)
      json.bool("readable", isReadable)
      json.bool("writable", isWritable)
      json.bool("has_file", hasFile)
    case .unmapped(let range):
      json.string("start", range.lowerBound.hex)
      json.string("last", range.upperBound.hex)
    case .access(let region, let offset, let byteCount, let value, let isWrite):
      json.string("region", RegionName.text(region))
      json.string("offset", offset.hex)
      json.number("bytes", byteCount)
      json.string("value", value.hex)
      json.bool("is_write", isWrite)
      json.optional("register", function?.register(region, at: offset))
      json.optional("meaning", function?.meaning(of: value, region, at: offset))
    case .interrupt(let kind, let index):
      json.string("kind", RegionName.interrupt(kind))
      json.number("vector", index)
    case .message(let address, let data):
      json.string("address", address.hex)
      json.string("data", data.hex)
    case .interruptsChanged(let kind, let active):
      json.string("kind", RegionName.interrupt(kind))
      json.number("active", active)
    case .reset(let by): json.string("by", by)
    case .dma(let pasid, let address, let byteCount, let isWrite, let fault):
      if let pasid { json.number("pasid", pasid) }
      json.string("iova", address.hex)
      json.number("bytes", byteCount)
      json.bool("is_write", isWrite)
      json.optional("fault", fault)
    case .pageRequest(let pasid, let address, let isWrite, let group, let wasTaken):
      if let pasid { json.number("pasid", pasid) }
      json.string("iova", address.hex)
      json.string("access", isWrite ? "write" : "read")
      json.number("group", group)
      json.bool("taken", wasTaken)
    case .pageResponse(let group, let code):
      json.number("group", group)
      json.string("code", "\(code)")
    case .invalidated(let batch): batch.write(&json)
    case .unit(let event): json.string("text", event.description)
    }
  }
}
