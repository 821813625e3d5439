import Foundation
import Testing

/// The JSON of a run, read back, and the keys that it has to have.
struct LabJSONObject {
  let root: [String: Any]

  init(_ text: String) throws {
    root = try #require(
      JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  /// What every run has.
  private static let common: [String: Set<String>] = [
    "": [
      "schema", "iommu", "break", "pasids", "holds", "complete", "checks", "held", "steps",
      "device", "hardware", "memory", "processes", "walk", "faults", "pageRequests",
      "invalidation", "attachment", "synthesis", "unit", "tables", "unitFaults", "migration", "end",
    ],
    "steps": ["name", "title", "holds", "way", "calls", "crossings", "messages", "events"],
    "steps.calls": ["name", "count"],
    "steps.crossings": ["seam", "name", "count", "error"],
    "steps.events": ["actor", "action", "answer", "holds", "expected"],
    "device": [
      "address", "title", "vendorID", "deviceID", "pasidOffset", "pasidShownByVFIO",
      "vpasidOffset", "vpasidGrade",
    ],
    "processes": ["pasid", "table", "pageTable", "address", "guestAddress", "text"],
    "walk": ["pasid", "address", "levels", "guestAddress", "hostAddress", "text"],
    "walk.levels": ["level", "index", "guestAddress", "hostAddress", "entry"],
    "faults": [
      "name", "pasid", "address", "access", "result", "reason", "meaning", "stage", "curable",
    ],
    "pageRequests": ["pasid", "address", "group", "cookie", "answer", "retry"],
    "invalidation": [
      "pasid", "address", "oldPage", "newPage", "staleHits", "oldPageText", "staleHitsAfter",
      "newPageText",
    ],
    "end": ["attachedPASIDs", "openContexts", "chargedPages"],
  ]

  /// A run in which the VMM nests the guest's tables by itself.
  static let plain = common.merging(
    [
      "hardware": [
        "unit", "pasidWidth", "execute", "privileged", "nesting", "dirtyTracking", "ats",
      ],
      "memory": [
        "addressSpace", "nestingParent", "guestAddress", "hostAddress", "size", "pinnedPages",
        "usable",
      ],
      "memory.usable": ["start", "end"],
    ]) { $1 }

  /// A run with a unit of the guest's.
  static let withUnit: [String: Set<String>] = common.merging(
    [
      "attachment": ["table", "flags", "text", "pinnedPages"],
      "synthesis": ["width", "pasid", "ats", "pri"],
      "synthesis.pasid": ["outcome", "offset", "reasons"],
      "synthesis.ats": ["outcome", "offset", "reasons"],
      "synthesis.pri": ["outcome", "offset", "reasons"],
      "unit": ["capability", "extendedCapability", "pasidWidth", "addressWidth", "root"],
      "tables": [
        "source", "pasid", "root", "contextTable", "directory", "rootEntry", "contextEntry",
        "directoryEntry", "pasidEntry", "firstStage", "nestedTable", "nestingParent",
      ],
      "tables.rootEntry": ["address", "value"],
      "tables.contextEntry": ["address", "value"],
      "tables.directoryEntry": ["address", "value"],
      "tables.pasidEntry": ["address", "value"],
      "unitFaults": ["reason", "source", "pasid"],
      "migration": ["done", "dirtyPages", "attachedPASIDs"],
    ]) { $1 }

  /// Checks the keys of every object, and that each object of a whole run is there.
  func check(_ keys: [String: Set<String>], isWhole: Bool = true) throws {
    var met: Set<String> = []
    check(root, at: "", keys, &met)
    if isWhole { #expect(met == Set(keys.keys)) }
  }

  private func check(
    _ object: [String: Any], at path: String, _ keys: [String: Set<String>],
    _ met: inout Set<String>
  ) {
    met.insert(path)
    #expect(Set(object.keys) == keys[path], "\(path)")
    for (key, value) in object {
      let inner = path.isEmpty ? key : "\(path).\(key)"
      if let one = value as? [String: Any] { check(one, at: inner, keys, &met) }
      for one in value as? [[String: Any]] ?? [] { check(one, at: inner, keys, &met) }
    }
  }
}
