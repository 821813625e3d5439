import Hardware
import PCIe
import Placement

extension PinFile {
  /// A pin as JSON has it, before anything is believed; every key has to be there, and no other.
  struct File: Decodable {
    let schema: Int
    let capability: CapabilityEntry
    let models: [ModelEntry]

    private enum CodingKeys: String, CodingKey, CaseIterable { case schema, capability, models }

    init(from decoder: any Decoder) throws {
      try decoder.refuseUnknownKeys(known: CodingKeys.allCases.map(\.rawValue))
      let values = try decoder.container(keyedBy: CodingKeys.self)
      schema = try values.decode(Int.self, forKey: .schema)
      guard schema == PinFile.schema else {
        throw DecodingError.dataCorruptedError(
          forKey: .schema, in: values,
          debugDescription: "\(schema) is not known: expected \(PinFile.schema)")
      }
      capability = try values.decode(CapabilityEntry.self, forKey: .capability)
      models = try values.decode([ModelEntry].self, forKey: .models)
      guard Set(models.map(\.pin.model)).count == models.count else {
        throw DecodingError.dataCorruptedError(
          forKey: .models, in: values, debugDescription: "expected each model once")
      }
    }
  }

  struct CapabilityEntry: Decodable {
    let capability: PASIDCapability

    private enum CodingKeys: String, CodingKey, CaseIterable { case pasidBits, exec, priv }

    init(from decoder: any Decoder) throws {
      try decoder.refuseUnknownKeys(known: CodingKeys.allCases.map(\.rawValue))
      let values = try decoder.container(keyedBy: CodingKeys.self)
      let width = try values.decode(Int.self, forKey: .pasidBits)
      guard PASIDCapability.widths.contains(width) else {
        throw DecodingError.dataCorruptedError(
          forKey: .pasidBits, in: values, debugDescription: "\(width): expected 0 to 20")
      }
      capability = PASIDCapability(
        width: width, execute: try values.decode(Bool.self, forKey: .exec),
        privileged: try values.decode(Bool.self, forKey: .priv))
    }
  }

  struct ModelEntry: Decodable {
    let pin: ModelPin

    private enum CodingKeys: String, CodingKey, CaseIterable {
      case vendorID, deviceID, revision, offset, grade, members, layout
    }

    init(from decoder: any Decoder) throws {
      try decoder.refuseUnknownKeys(known: CodingKeys.allCases.map(\.rawValue))
      let values = try decoder.container(keyedBy: CodingKeys.self)
      // It may be null, but has to be said.
      let offset = try values.decode(Int?.self, forKey: .offset)
      let layout = try values.decode([LayoutEntry].self, forKey: .layout)
      let grade = try values.decode(String.self, forKey: .grade)
      let members = try values.decode(Int.self, forKey: .members)
      func refuse(_ key: CodingKeys, _ why: String) -> DecodingError {
        .dataCorruptedError(forKey: key, in: values, debugDescription: why)
      }
      func number<T: FixedWidthInteger>(_ key: CodingKeys) throws -> T {
        let value = try values.decode(Int.self, forKey: key)
        guard let number = T(exactly: value) else {
          throw refuse(key, "\(value): expected 0 to \(T.max)")
        }
        return number
      }
      if let offset {
        // A device's own header may stand in the last dword, where ours would not fit.
        let last = grade == PlacementDecision.presentWord ? 0xFFC : Candidates.customaryOffset
        guard (0x100...last).contains(offset), offset % 4 == 0 else {
          throw refuse(.offset, "\(offset): expected a multiple of 4 from 256 to \(last), or null")
        }
      }
      // A grade says whether there is an offset.
      let grades = Grade.allCases.filter { ($0 == .refused) == (offset == nil) }.map(\.rawValue)
      let words = grades + (offset == nil ? [] : [PlacementDecision.presentWord])
      guard words.contains(grade) else {
        let with = offset == nil ? "without" : "with"
        throw refuse(
          .grade, "\"\(grade)\" \(with) an offset: expected \(words.joined(separator: ", "))")
      }
      guard (0...DeviceCount.limit).contains(members) else {
        throw refuse(.members, "\(members): expected 0 to \(DeviceCount.limit)")
      }
      pin = ModelPin(
        model: DeviceModel(
          vendorID: try number(.vendorID), deviceID: try number(.deviceID),
          revision: try number(.revision)),
        offset: offset, grade: grade, members: members,
        layout: layout.map(\.capability))
    }
  }

  struct LayoutEntry: Decodable {
    let capability: SurveyedCapability

    init(from decoder: any Decoder) throws {
      let row = try decoder.singleValueContainer().decode([Int].self)
      guard row.count == 3, let offset = UInt16(exactly: row[0]),
        (0x100...0xFFC).contains(offset), offset % 4 == 0, let id = UInt16(exactly: row[1]),
        let version = UInt8(exactly: row[2]), version < 16
      else {
        throw DecodingError.dataCorrupted(
          .init(
            codingPath: decoder.codingPath,
            debugDescription: "expected [offset, id, version] of an extended capability"))
      }
      capability = SurveyedCapability(offset: offset, id: id, version: version, size: nil)
    }
  }
}
