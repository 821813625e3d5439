import LogText

extension LogSummary {
  /// The summary as the last line of a JSON log.
  var json: [UInt8] {
    JSONLine.object { json in
      json.string("type", "summary")
      json.number("duration_ns", duration)
      json.array("calls") { json in
        for (name, call) in calls.sorted(by: { $0.key < $1.key }) {
          json.object { json in
            json.string("name", name)
            json.number("count", call.durations.count)
            json.number("median_ns", call.durations.median)
            json.number("max_ns", call.durations.maximum)
            json.object("errors") { json in
              for (errno, count) in call.errors.sorted(by: { $0.key < $1.key }) {
                json.number(errno, count)
              }
            }
            json.number("injected", call.injected)
          }
        }
      }
      json.array("devices") { json in
        for (index, device) in devices.sorted(by: { $0.key < $1.key }) {
          json.object { json in
            json.string("device", "vfio\(index)")
            json.number("dma_reads", device.reads)
            json.number("dma_writes", device.writes)
            json.number("dma_bytes", device.bytes)
            json.number("dma_faults", device.faults)
            json.number("dma_pasids", device.pasids.count)
            json.number("attaches", device.attaches)
            json.number("attached_pasids", device.attachedPASIDs.count)
            json.number("interrupts", device.interrupts)
            json.number("page_requests", device.pageRequests)
            json.number("page_responses", device.pageResponses)
            json.number("stale", device.stale)
          }
        }
      }
      json.array("contexts") { json in
        for (_, left) in left.sorted(by: { $0.key < $1.key }) {
          json.object { json in
            json.string("context", left.context)
            json.array("objects") { json in
              for object in left.objects { json.string(nil, object) }
            }
            json.number("mappings", left.mappings)
            json.number("mapped_bytes", left.mappedBytes)
            json.array("attached") { json in
              for text in left.attachments { json.string(nil, text) }
            }
          }
        }
      }
      json.number("empty_contexts", emptyContexts)
      json.number("further_contexts", furtherContexts)
      if let leftBehind {
        json.object("left_behind") { json in
          json.number("contexts", leftBehind.contexts)
          json.number("charged_pages", leftBehind.chargedPages)
        }
      }
    }
  }
}
