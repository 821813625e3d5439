import PCIe
import Placement

/// A pin as a file: `{"schema":1,"capability":{…},"models":[…]}`.
enum PinFile {
  /// The version of the format that this program writes and reads.
  static let schema = 1

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
    json.array("layout") { json in
      for entry in pin.layout {
        json.integers(nil, [Int(entry.offset), Int(entry.id), Int(entry.version)])
      }
    }
  }

  /// Reads a pin.
  ///
  /// - Parameter path: The file.
  /// - Returns: The pin.
  /// - Throws: ``InputProblem`` that names the file and what was expected.
  static func read(_ path: String) throws(InputProblem) -> Pin {
    try decode(JSONFile.bytes(of: path), from: path)
  }

  /// Reads what a file holds; `source` is the file's name, for errors.
  static func decode(_ bytes: [UInt8], from source: String) throws(InputProblem) -> Pin {
    let file = try JSONFile.decode(File.self, bytes, from: source)
    return Pin(capability: file.capability.capability, models: file.models.map(\.pin))
  }
}
