import PCIe
public import Placement

import Hardware

/// One line of a survey: one device, or several that show exactly the same.
///
/// `{"address":…,"source":…,"survey":{…}}` for a device, `{"count":…,"members":[…],"survey":{…}}`
/// for several. Equal devices have equal `survey` objects, byte for byte, so that any tool can
/// reduce lines by grouping on that text, adding the counts and keeping the first four members.
public struct SurveyLine: Hashable, Sendable {
  /// The version of the format that this program writes and reads.
  public static let schema = 1

  /// What the line says about its devices.
  public let evidence: PlacementEvidence
  /// Class code, 24 bits.
  public let classCode: UInt32
  /// Subsystem as `vendor << 16 | device`, 0 for none.
  public let subsystem: UInt32
  /// Bytes of config space that were read.
  public let configSize: Int
  /// The number of devices.
  public let count: Int
  /// Some of their names.
  public let members: [String]

  /// Describes devices that show the same.
  ///
  /// - Parameters:
  ///   - evidence: What each shows.
  ///   - classCode: Class code, 24 bits.
  ///   - subsystem: Subsystem as `vendor << 16 | device`.
  ///   - configSize: Bytes that were read.
  ///   - count: How many there are.
  ///   - members: Some of their names.
  public init(
    evidence: PlacementEvidence, classCode: UInt32, subsystem: UInt32, configSize: Int,
    count: Int, members: [String]
  ) {
    self.evidence = evidence
    self.classCode = classCode
    self.subsystem = subsystem
    self.configSize = configSize
    self.count = count
    self.members = members
  }

  /// Surveys one device.
  ///
  /// - Parameters:
  ///   - device: The device.
  ///   - evidence: What it shows; by default, what its own config space does.
  public init(_ device: LoadedDevice, evidence: PlacementEvidence? = nil) {
    let layout = LayoutMap(of: device.config)
    self.init(
      evidence: evidence ?? PlacementEvidence(layout: layout, of: device.config),
      classCode: device.config.classCode, subsystem: layout.walk.subsystem(in: device.config),
      configSize: device.config.size, count: 1, members: [device.name])
  }

  /// Writes the `survey` object: everything but who it is about.
  func writeBody(to json: inout JSONText) {
    json.object("survey") { json in
      json.integer("schema", Self.schema)
      json.integer("vendorID", evidence.model.vendorID)
      json.integer("deviceID", evidence.model.deviceID)
      json.integer("revision", evidence.model.revision)
      json.integer("class", classCode)
      json.integer("subsystem", subsystem == 0 ? nil : subsystem)
      json.integer("configSize", configSize)
      json.bool("express", evidence.isExpress)
      json.string("space", evidence.space.word)
      json.string("problem", evidence.space.problem)
      json.integer("pasid", evidence.pasid?.offset)
      for (key, list) in [("capabilities", evidence.entries), ("hidden", evidence.hidden)] {
        json.array(key) { json in
          for entry in list {
            json.integers(
              nil,
              [Int(entry.offset), Int(entry.id), Int(entry.version), entry.size.map { Int($0) }])
          }
        }
      }
      json.array("stray") { json in
        for run in evidence.stray.runs {
          json.integers(nil, [run.lowerBound * 4, run.upperBound * 4 + 3])
        }
      }
    }
  }

  /// Writes the line of one device.
  ///
  /// - Parameters:
  ///   - device: The device.
  ///   - json: Gets the line, with its line end.
  public func write(of device: LoadedDevice, to json: inout JSONText) {
    json.object { json in
      json.string("address", device.address.map { "\($0)" })
      json.string("source", device.source)
      writeBody(to: &json)
    }
    json.endLine()
  }
}

extension SpaceState {
  /// The state in one word.
  var word: String {
    switch self {
    case .usable: "usable"
    case .notRead: "notRead"
    case .absent: "absent"
    case .broken: "broken"
    }
  }

  /// What is broken, in words.
  var problem: String? { if case .broken(let problem) = self { problem } else { nil } }
}
