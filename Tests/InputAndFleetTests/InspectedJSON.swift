import Foundation
import Testing

/// The JSON of `passage inspect`, checked against the keys and types of its contract.
struct InspectedJSON {
  let devices: [[String: Any]]

  init(_ text: String) throws {
    let root = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    #expect(root.map { Array($0.keys) } == ["devices"])
    devices = try #require(root?["devices"] as? [[String: Any]])
  }

  func check() throws {
    for device in devices {
      keys(
        device,
        [
          "address", "vendorID", "deviceID", "class", "revision", "subsystem", "configSize",
          "capabilities", "extendedCapabilities", "chain", "unclaimed", "pasid", "placement",
        ])
      for key in ["vendorID", "deviceID", "class", "revision", "configSize"] {
        integer(device[key], key)
      }
      integer(device["subsystem"], "subsystem", orNull: true)
      #expect(device["address"] is String || device["address"] is NSNull)
      for entry in try objects(device["capabilities"]) {
        keys(entry, ["id", "name", "offset", "next", "size"])
        checkEntry(entry)
      }
      for entry in try objects(device["extendedCapabilities"]) {
        keys(entry, ["id", "version", "name", "offset", "next", "size"])
        integer(entry["version"], "version")
        checkEntry(entry)
      }
      try checkRest(device)
    }
  }

  private func checkRest(_ device: [String: Any]) throws {
    let chain = try #require(device["chain"] as? [String: Any])
    keys(chain, ["intact", "problems"])
    #expect(chain["intact"] is Bool && chain["problems"] is [String])
    for run in try objects(device["unclaimed"]) {
      keys(run, ["start", "end", "zero"])
      integer(run["start"], "start")
      integer(run["end"], "end")
      #expect(try #require(run["start"] as? Int) <= #require(run["end"] as? Int))
      #expect(run["zero"] is Bool)
    }
    let pasid = try #require(device["pasid"] as? [String: Any])
    keys(pasid, ["present", "offset"])
    integer(pasid["offset"], "pasid", orNull: true)
    #expect((pasid["offset"] is NSNull) == (pasid["present"] as? Bool == false))
    let placement = try #require(device["placement"] as? [String: Any])
    keys(placement, ["offset", "grade", "reasons", "alternatives"])
    let grade = try #require(placement["grade"] as? String)
    #expect(["clear", "likely", "risky", "refused", "present"].contains(grade))
    integer(placement["offset"], "offset", orNull: true)
    #expect((placement["offset"] is NSNull) == (grade == "refused"))
    #expect(try !#require(placement["reasons"] as? [String]).isEmpty)
    for alternative in try objects(placement["alternatives"]) {
      keys(alternative, ["offset", "grade"])
      integer(alternative["offset"], "alternative")
      #expect(["clear", "likely", "risky"].contains(alternative["grade"] as? String))
    }
  }

  private func checkEntry(_ entry: [String: Any]) {
    for key in ["id", "offset", "next"] { integer(entry[key], key) }
    integer(entry["size"], "size", orNull: true)
    #expect((entry["name"] as? String)?.isEmpty == false)
  }

  private func objects(_ value: Any?) throws -> [[String: Any]] {
    try #require(value as? [[String: Any]])
  }

  private func keys(_ object: [String: Any], _ expected: Set<String>) {
    #expect(Set(object.keys) == expected)
  }

  private func integer(_ value: Any?, _ key: String, orNull: Bool = false) {
    #expect(value is Int || orNull && value is NSNull, "\(key) is \(String(describing: value))")
  }
}
