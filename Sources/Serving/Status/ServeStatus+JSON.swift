import LogText

extension ServeStatus {
  /// The status as one line of JSON.
  public var json: [UInt8] {
    JSONLine.object { json in
      json.number("seconds", seconds)
      json.array("devices") { json in
        for device in devices { json.object { json in Self.write(device, &json) } }
      }
      if let unit { json.object("unit") { json in Self.write(unit, &json) } }
    }
  }

  private static func write(_ device: Device, _ json: inout JSONLine) {
    json.object("function") { json in write(device.function, &json) }
    json.string("kind", device.kind)
    if let count = device.pasidCount { json.number("pasid_count", count) }
    json.array("first_pasids") { json in
      for pasid in device.firstPASIDs { json.number(pasid) }
    }
    json.number("dma_read_count", device.dmaReadCount)
    json.number("dma_write_count", device.dmaWriteCount)
    json.number("dma_byte_count", device.dmaByteCount)
    json.number("fault_count", device.faultCount)
    if let fault = device.lastFault { json.string("last_fault", fault) }
    json.number("page_request_count", device.pageRequestCount)
    json.number("waiting_page_request_count", device.waitingPageRequestCount)
    json.array("problems") { json in
      for problem in device.problems { json.string(nil, problem) }
    }
  }

  private static func write(_ unit: Unit, _ json: inout JSONLine) {
    json.object("function") { json in write(unit.function, &json) }
    if let base = unit.registerBase { json.number("register_base", base) }
    json.bool("is_hidden", unit.isHidden)
    json.number("status", unit.status)
    json.number("root_table", unit.rootTable)
    json.number("queue_address", unit.queueAddress)
    json.number("queue_head", unit.queueHead)
    json.number("queue_tail", unit.queueTail)
    json.number("fault_status", unit.faultStatus)
    json.number("event_count", unit.eventCount)
    if let count = unit.cacheHitCount { json.number("cache_hit_count", count) }
    if let count = unit.cacheMissCount { json.number("cache_miss_count", count) }
  }

  private static func write(_ function: Function, _ json: inout JSONLine) {
    json.string("name", function.name)
    json.string("place", function.place)
    json.string("socket", function.socket)
    json.string("client", function.client)
    json.number("mapping_count", function.mappingCount)
    json.number("mapped_byte_count", function.mappedByteCount)
    json.array("controls") { json in for name in function.controls { json.string(nil, name) } }
    json.number("interrupt_count", function.interruptCount)
  }
}
