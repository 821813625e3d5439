import PCIe
import Placement

/// A pin as a file: `{"schema":1,"capability":{…},"models":[…]}`.
enum PinFile {
  /// The version of the format that this program writes and reads.
  static let schema = 1

  private struct File: Decodable {
    struct Capability: Decodable {
      let pasidBits: Int
      let exec: Bool
      let priv: Bool
    }
    struct Model: Decodable {
      let vendorID: UInt16
      let deviceID: UInt16
      let revision: UInt8
      let offset: Int?
      let grade: String
      let members: Int
      let layouts: [[[Int]]]?
    }
    let schema: Int
    let capability: Capability
    let models: [Model]
  }

  /// The text of a pin.
  static func text(_ pin: Pin) -> String {
    var json = JSONText(lineDepth: 2)
    json.object { json in
      json.integer("schema", schema)
      json.object("capability") { json in
        json.integer("pasidBits", pin.capability.width)
        json.bool("exec", pin.capability.execute)
        json.bool("priv", pin.capability.privileged)
      }
      json.array("models") { json in
        for model in pin.models {
          json.object { json in write(model, to: &json) }
        }
      }
    }
    json.endLine()
    return json.text
  }

  private static func write(_ pin: ModelPin, to json: inout JSONText) {
    json.integer("vendorID", pin.model.vendorID)
    json.integer("deviceID", pin.model.deviceID)
    json.integer("revision", pin.model.revision)
    json.integer("offset", pin.offset)
    json.string("grade", pin.grade)
    json.integer("members", pin.members)
    guard let layouts = pin.layouts else {
      json.string("layouts", nil)
      return
    }
    json.array("layouts") { json in
      for layout in layouts {
        json.array { json in
          for entry in layout {
            json.integers(nil, [Int(entry.offset), Int(entry.id), Int(entry.version)])
          }
        }
      }
    }
  }

  /// Reads a pin.
  ///
  /// - Parameter path: The file.
  /// - Returns: The pin.
  /// - Throws: ``InputProblem`` that names the file and what was expected.
  static func read(_ path: String) throws(InputProblem) -> Pin {
    let file = try JSONFile.decode(File.self, from: path)
    guard file.schema == schema else {
      throw .json(source: path, "schema \(file.schema) is not known: expected \(schema)")
    }
    guard PASIDCapability.widths.contains(file.capability.pasidBits) else {
      throw .json(source: path, "pasidBits is \(file.capability.pasidBits): expected 0 to 20")
    }
    var models: [ModelPin] = []
    for model in file.models {
      models.append(
        ModelPin(
          model: DeviceModel(
            vendorID: model.vendorID, deviceID: model.deviceID, revision: model.revision),
          offset: model.offset, grade: model.grade, members: model.members,
          layouts: try model.layouts.map { (layouts) throws(InputProblem) in
            try entries(layouts, path)
          }))
    }
    return Pin(
      capability: PASIDCapability(
        width: file.capability.pasidBits, execute: file.capability.exec,
        privileged: file.capability.priv),
      models: models)
  }

  private static func entries(
    _ layouts: [[[Int]]], _ path: String
  ) throws(InputProblem) -> [[SurveyedCapability]] {
    var result: [[SurveyedCapability]] = []
    for layout in layouts {
      var entries: [SurveyedCapability] = []
      for row in layout {
        guard row.count == 3, let offset = UInt16(exactly: row[0]),
          (0x100...0xFFC).contains(offset),
          let id = UInt16(exactly: row[1]), let version = UInt8(exactly: row[2])
        else {
          throw .json(source: path, "layouts has an entry that is not [offset, id, version]")
        }
        entries.append(SurveyedCapability(offset: offset, id: id, version: version, size: nil))
      }
      result.append(entries)
    }
    return result
  }
}
