import Hardware
import HostABI
import HostSystem
import LogText

/// The log as JSON, one object a line (docs/host/Log.md).
enum JSONLog {
  static func line(_ call: TracedCall, _ decoded: DecodedCall) -> [UInt8] {
    JSONLine.object { json in
      json.string("type", "call")
      json.number("time_ns", call.start)
      json.number("duration_ns", call.duration)
      json.number("process", call.process)
      json.number("thread", call.thread)
      json.string("file", call.file?.name)
      json.optional("other_file", call.other?.name)
      json.string("name", decoded.name)
      json.object("fields") { json in
        for field in decoded.fields { value(field.value, field.name, &json) }
      }
      if decoded.fields.contains(where: { $0.given != nil }) {
        json.object("given") { json in
          for field in decoded.fields {
            if let given = field.given { value(given, field.name, &json) }
          }
        }
      }
      switch call.result {
      case .success(let result): json.number("result", result)
      case .failure(let errno):
        json.string("errno", "\(errno)")
        json.number("errno_number", errno.rawValue)
      }
      json.string("outcome", decoded.outcome)
      json.optional("reason", decoded.reason)
      json.optional("note", call.note)
    }
  }

  private static func value(
    _ value: DecodedField.Value, _ name: String, _ json: inout JSONLine
  ) {
    switch value {
    case .number(let number), .byteCount(let number): json.number(name, number)
    case .signed(let number): json.number(name, number)
    case .hex(let number): json.string(name, number.hex)
    case .text(let text): json.string(name, text)
    case .object(let id, let text):
      json.object(name) { json in
        json.number("id", id)
        json.string("name", text)
      }
    case .descriptor(let number, let file):
      json.object(name) { json in
        json.number("fd", number)
        json.optional("file", file)
      }
    case .flags(let names, let raw):
      json.object(name) { json in
        json.number("raw", raw)
        json.array("names") { json in for name in names { json.string(nil, name) } }
      }
    case .choice(let text, let raw):
      json.object(name) { json in
        json.number("raw", raw)
        json.string("name", text)
      }
    }
  }

  static func line(_ event: TracedEvent, at time: UInt64) -> [UInt8] {
    JSONLine.object { json in
      func start(_ type: String) {
        json.string("type", type)
        json.number("time_ns", time)
      }
      switch event {
      case .started(let process, let arguments):
        start("started")
        json.number("process", process)
        json.array("arguments") { json in for text in arguments { json.string(nil, text) } }
      case .ended(.exited(let status)):
        start("ended")
        json.number("status", status)
      case .ended(.signalled(let signal)):
        start("ended")
        json.number("signal", signal)
      case .released(let file):
        start("released")
        json.string("file", file.name)
      case .dma(let dma):
        start("dma")
        place(dma.device, dma.pasid, dma.address, &json)
        json.number("bytes", dma.byteCount)
        json.bool("is_write", dma.isWrite)
        json.optional("fault", dma.fault)
      case .interrupt(let device, let vector):
        start("interrupt")
        json.string("device", "vfio\(device)")
        json.number("vector", vector)
      case .pageRequest(let request):
        start("page_request")
        place(request.device, request.pasid, request.address, &json)
        json.string("access", request.access)
        json.number("group", request.group)
        json.bool("taken", request.wasTaken)
      case .pageResponse(let device, let pasid, let group, let succeeded):
        start("page_response")
        place(device, pasid, nil, &json)
        json.number("group", group)
        json.bool("succeeded", succeeded)
      case .stale(let device, let pasid, let address):
        start("stale")
        place(device, pasid, address, &json)
      case .leftBehind(let contexts, let chargedPages):
        start("left_behind")
        json.number("contexts", contexts)
        json.number("charged_pages", chargedPages)
      case .message(let text):
        start("message")
        json.string("text", text)
      }
    }
  }

  private static func place(
    _ device: Int, _ pasid: UInt32?, _ address: UInt64?, _ json: inout JSONLine
  ) {
    json.string("device", "vfio\(device)")
    if let pasid { json.number("pasid", pasid) }
    json.optional("iova", address?.hex)
  }
}
