import Hardware

extension JSONText {
  mutating func write(_ attachment: LabFacts.Attachment) {
    integer("table", attachment.table)
    strings("flags", attachment.flags)
    string("text", attachment.text)
    integer("pinnedPages", attachment.pinnedPages)
  }

  mutating func write(_ synthesis: LabFacts.Synthesis) {
    integer("width", synthesis.width)
    let features = [
      ("pasid", synthesis.pasid), ("ats", synthesis.ats), ("pri", synthesis.pageRequests),
    ]
    for (key, feature) in features {
      object(key) { json in
        json.string("outcome", feature.outcome)
        json.integer("offset", feature.offset)
        json.strings("reasons", feature.reasons)
      }
    }
  }

  mutating func write(_ unit: LabFacts.Unit) {
    register("capability", unit.capability)
    register("extendedCapability", unit.extendedCapability)
    integer("pasidWidth", unit.pasidWidth)
    integer("addressWidth", unit.addressWidth)
    integer("root", unit.root)
  }

  mutating func write(_ tables: LabFacts.Tables) {
    integer("source", tables.source)
    integer("pasid", tables.pasid)
    integer("root", tables.root)
    integer("contextTable", tables.contextTable)
    integer("directory", tables.directory)
    let entries = [
      ("rootEntry", tables.rootEntry), ("contextEntry", tables.contextEntry),
      ("directoryEntry", tables.directoryEntry), ("pasidEntry", tables.pasidEntry),
    ]
    for (key, entry) in entries {
      object(key) { json in
        json.integer("address", entry.address)
        json.register("value", entry.value)
      }
    }
    integer("firstStage", tables.firstStage)
    integer("nestedTable", tables.nestedTable)
    integer("nestingParent", tables.parent)
  }

  mutating func write(_ fault: LabFacts.UnitFault) {
    integer("reason", fault.reason)
    integer("source", fault.source)
    integer("pasid", fault.pasid)
  }

  mutating func write(_ migration: LabFacts.Migration) {
    bool("done", migration.isDone)
    integer("dirtyPages", migration.dirtyPages)
    integer("attachedPASIDs", migration.attachedPASIDs)
  }

  /// All 64 bits of a register, which need not fit a signed integer.
  private mutating func register(_ key: String, _ value: UInt64) { string(key, value.hex) }
}
