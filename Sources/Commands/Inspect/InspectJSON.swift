import PCIe
import Placement

/// The JSON form of an inspection.
///
/// Its keys and their meanings are stable.
public enum InspectJSON {
  /// Writes `{"devices":[…]}`.
  ///
  /// - Parameters:
  ///   - devices: The devices.
  ///   - json: Gets the text, with a line end.
  public static func write(_ devices: [InspectedDevice], to json: inout JSONText) {
    json.object { json in
      json.array("devices") { json in
        for device in devices { write(device, to: &json) }
      }
    }
    json.endLine()
  }

  private static func write(_ device: InspectedDevice, to json: inout JSONText) {
    let config = device.device.config
    let walk = device.layout.walk
    let subsystem = walk.subsystem(in: config)
    json.object { json in
      json.string("address", device.device.address.map { "\($0)" })
      json.integer("vendorID", config.vendorID)
      json.integer("deviceID", config.deviceID)
      json.integer("class", config.classCode)
      json.integer("revision", config.revision)
      json.integer("subsystem", subsystem == 0 ? nil : subsystem)
      json.integer("configSize", config.size)
      json.array("capabilities") { json in
        for entry in walk.legacy { write(entry, to: &json) }
      }
      json.array("extendedCapabilities") { json in
        for entry in walk.extended { write(entry, to: &json) }
      }
      json.object("chain") { json in
        json.bool("intact", walk.isIntact)
        json.strings("problems", walk.problems.map { "\($0)" })
      }
      json.array("unclaimed") { json in
        for run in device.layout.unclaimed {
          json.object { json in
            json.integer("start", run.bytes.lowerBound)
            json.integer("end", run.bytes.upperBound)
            json.bool("zero", run.zero)
          }
        }
      }
      json.object("pasid") { json in
        let own = walk.first(Capability.pasidID, in: .extended)
        json.bool("present", own != nil)
        json.integer("offset", own?.offset)
      }
      json.object("placement") { json in write(device.decision, to: &json) }
    }
  }

  private static func write(_ entry: Capability, to json: inout JSONText) {
    json.object { json in
      json.integer("id", entry.id)
      if entry.list == .extended { json.integer("version", entry.version) }
      json.string("name", entry.name)
      json.integer("offset", entry.offset)
      json.integer("next", entry.next)
      json.integer("size", entry.size)
    }
  }

  /// Writes the members of a `placement` object.
  static func write(_ decision: PlacementDecision, to json: inout JSONText) {
    json.integer("offset", decision.offset)
    json.string("grade", decision.word)
    json.strings("reasons", decision.reasons.map { "\($0)" })
    json.array("alternatives") { json in
      for alternative in decision.alternatives {
        json.object { json in
          json.integer("offset", alternative.offset)
          json.string("grade", alternative.grade.rawValue)
        }
      }
    }
  }
}
