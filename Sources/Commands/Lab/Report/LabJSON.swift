/// The JSON form of a run of the lab.
///
/// Its keys and their meanings are stable.
package enum LabJSON {
  /// Writes one object.
  ///
  /// - Parameters:
  ///   - report: The run.
  ///   - json: Gets the text, with a line end.
  package static func write(_ report: LabReport, to json: inout JSONText) {
    let facts = report.facts
    json.object { json in
      json.integer("schema", 1)
      json.string("iommu", report.iommu.rawValue)
      json.string("break", report.breaking?.rawValue)
      json.integer("pasids", report.pasidCount)
      json.bool("holds", report.holds)
      json.bool("complete", report.isComplete)
      json.integer("checks", report.claimCount)
      json.integer("held", report.heldCount)
      json.array("steps") { json in for step in report.steps { write(step, to: &json) } }
      write("device", facts.device, to: &json) { $1.write($0) }
      write("hardware", facts.hardware, to: &json) { $1.write($0) }
      write("memory", facts.memory, to: &json) { $1.write($0) }
      json.array("processes") { json in
        for process in facts.processes { json.object { $0.write(process) } }
      }
      write("walk", facts.walk, to: &json) { $1.write($0) }
      json.array("faults") { json in
        for fault in facts.faults { json.object { $0.write(fault) } }
      }
      json.array("pageRequests") { json in
        for request in facts.pageRequests { json.object { $0.write(request) } }
      }
      write("invalidation", facts.invalidation, to: &json) { $1.write($0) }
      write("attachment", facts.attachment, to: &json) { $1.write($0) }
      write("synthesis", facts.synthesis, to: &json) { $1.write($0) }
      write("unit", facts.unit, to: &json) { $1.write($0) }
      write("tables", facts.tables, to: &json) { $1.write($0) }
      json.array("unitFaults") { json in
        for fault in facts.unitFaults { json.object { $0.write(fault) } }
      }
      write("migration", facts.migration, to: &json) { $1.write($0) }
      write("end", facts.end, to: &json) { $1.write($0) }
    }
    json.endLine()
  }

  /// Writes an object, or `null` for what was not reached.
  private static func write<Value>(
    _ key: String, _ value: Value?, to json: inout JSONText,
    _ body: (Value, inout JSONText) -> Void
  ) {
    guard let value else { return json.string(key, nil) }
    json.object(key) { body(value, &$0) }
  }

  private static func write(_ step: LabStep, to json: inout JSONText) {
    json.object { json in
      json.string("name", step.name.rawValue)
      json.string("title", step.title)
      json.bool("holds", step.holds)
      json.strings("way", step.way)
      json.array("calls") { json in
        for call in step.calls {
          json.object { json in
            json.string("name", call.name)
            json.integer("count", call.count)
          }
        }
      }
      json.array("crossings") { json in
        for crossing in step.crossings {
          json.object { json in
            json.string("seam", crossing.seam.rawValue)
            json.string("name", crossing.name)
            json.integer("count", crossing.count)
            json.string("error", crossing.error)
          }
        }
      }
      json.strings("messages", step.messages)
      json.array("events") { json in
        for event in step.events {
          json.object { json in
            json.string("actor", event.actor.rawValue)
            json.string("action", event.action)
            json.string("answer", event.answer)
            json.bool("holds", event.holds)
            json.string("expected", event.expected)
          }
        }
      }
    }
  }
}

extension JSONText {
  fileprivate mutating func write(_ device: LabFacts.Device) {
    string("address", device.address)
    string("title", device.title)
    integer("vendorID", device.vendorID)
    integer("deviceID", device.deviceID)
    integer("pasidOffset", device.pasidOffset)
    bool("pasidShownByVFIO", device.isPASIDShown)
    integer("vpasidOffset", device.vpasidOffset)
    string("vpasidGrade", device.vpasidGrade)
  }

  fileprivate mutating func write(_ hardware: LabFacts.Hardware) {
    string("unit", hardware.unit)
    integer("pasidWidth", hardware.pasidWidth)
    bool("execute", hardware.allowsExecute)
    bool("privileged", hardware.allowsPrivileged)
    bool("nesting", hardware.nests)
    bool("dirtyTracking", hardware.tracksDirtyPages)
    bool("ats", hardware.allowsATS)
  }

  fileprivate mutating func write(_ memory: LabFacts.Memory) {
    integer("addressSpace", memory.addressSpace)
    integer("nestingParent", memory.nestingParent)
    integer("guestAddress", memory.guestAddress)
    integer("hostAddress", memory.hostAddress)
    integer("size", memory.byteCount)
    integer("pinnedPages", memory.pinnedPages)
    array("usable") { json in
      for range in memory.usable {
        json.object { json in
          json.integer("start", range.lowerBound)
          json.integer("end", range.upperBound)
        }
      }
    }
  }

  fileprivate mutating func write(_ process: LabFacts.Process) {
    integer("pasid", process.pasid)
    integer("table", process.table)
    integer("pageTable", process.pageTable)
    integer("address", process.address)
    integer("guestAddress", process.guestAddress)
    string("text", process.text)
  }

  fileprivate mutating func write(_ walk: LabFacts.Walk) {
    integer("pasid", walk.pasid)
    integer("address", walk.address)
    array("levels") { json in
      for level in walk.levels {
        json.object { json in
          json.integer("level", level.level)
          json.integer("index", level.index)
          json.integer("guestAddress", level.guestAddress)
          json.integer("hostAddress", level.hostAddress)
          json.integer("entry", level.entry)
        }
      }
    }
    integer("guestAddress", walk.guestAddress)
    integer("hostAddress", walk.hostAddress)
    string("text", walk.text)
  }

  fileprivate mutating func write(_ fault: LabFacts.Fault) {
    string("name", fault.name)
    integer("pasid", fault.pasid)
    integer("address", fault.address)
    string("access", fault.access)
    string("result", fault.result)
    integer("reason", fault.reason)
    string("meaning", fault.meaning)
    integer("stage", fault.stage)
    bool("curable", fault.isCurable)
  }

  fileprivate mutating func write(_ request: LabFacts.PageRequest) {
    integer("pasid", request.pasid)
    integer("address", request.address)
    integer("group", request.group)
    integer("cookie", request.cookie)
    string("answer", request.answer)
    string("retry", request.retry)
  }

  fileprivate mutating func write(_ invalidation: LabFacts.Invalidation) {
    integer("pasid", invalidation.pasid)
    integer("address", invalidation.address)
    integer("oldPage", invalidation.oldPage)
    integer("newPage", invalidation.newPage)
    integer("staleHits", invalidation.staleHits)
    string("oldPageText", invalidation.staleText)
    integer("staleHitsAfter", invalidation.staleHitsAfter)
    string("newPageText", invalidation.text)
  }

  fileprivate mutating func write(_ end: LabFacts.End) {
    integer("attachedPASIDs", end.attachedPASIDs)
    integer("openContexts", end.openContexts)
    integer("chargedPages", end.chargedPages)
  }
}
