import FoundationEssentials
import Hardware
import PCIe
import Placement

/// Why a line is no survey line.
public struct SurveyLineError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was wrong, and what was expected.
  public let description: String
}

extension SurveyLine {
  /// The line as JSON has it, before anything is believed.
  private struct Raw: Decodable {
    struct Survey: Decodable {
      let schema: Int
      let vendorID: Int
      let deviceID: Int
      let revision: Int
      let `class`: Int?
      let subsystem: Int?
      let configSize: Int
      let express: Bool
      let space: String
      let problem: String?
      let capabilities: [Row]
      let hidden: [Row]
      let stray: [[Int]]
    }
    /// An array of integers and nulls; a generic array of optionals takes twice as long to decode.
    struct Row: Decodable {
      /// The first four elements.
      private(set) var values: InlineArray<4, Int?> = .init(repeating: nil)
      /// The number of all elements.
      private(set) var count = 0

      init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        while !list.isAtEnd {
          let value = try list.decodeNil() ? nil : list.decode(Int.self)
          if count < 4 { values[count] = value }
          count += 1
        }
      }
    }
    let address: String?
    let source: String?
    let count: Int?
    let members: [String]?
    let survey: Survey
  }

  /// Reads a survey line of either form.
  ///
  /// - Parameters:
  ///   - bytes: The line without its line end.
  ///   - fallback: What to call the device when the line names none.
  /// - Throws: ``SurveyLineError`` for anything that a survey does not write.
  public init(_ bytes: [UInt8], fallback: String) throws(SurveyLineError) {
    let raw: Raw
    do {
      raw = try JSONDecoder().decode(Raw.self, from: Data(bytes))
    } catch let error as DecodingError {
      throw SurveyLineError(description: error.inWords)
    } catch {
      throw SurveyLineError(description: "\(error)")
    }
    let survey = raw.survey
    guard survey.schema == Self.schema else {
      throw SurveyLineError(
        description: "schema \(survey.schema) is not known: expected \(Self.schema)")
    }
    let count = raw.count ?? 1
    guard (1...DeviceCount.limit).contains(count) else {
      throw SurveyLineError(
        description: "count is \(count): expected 1 to \(DeviceCount.limit)")
    }
    guard ConfigSpace.sizes.contains(survey.configSize) else {
      throw SurveyLineError(
        description: "configSize is \(survey.configSize): expected 64, 128, 256 or 4096")
    }
    let classCode = survey.class ?? 0
    guard (0...0xFF_FFFF).contains(classCode) else {
      throw SurveyLineError(description: "class is \(classCode): expected 0 to \(0xFF_FFFF)")
    }
    var names = raw.members ?? []
    if names.isEmpty {
      names = [Self.name(address: raw.address, source: raw.source) ?? fallback]
    }
    self.init(
      evidence: PlacementEvidence(
        model: DeviceModel(
          vendorID: try Self.number(survey.vendorID, "vendorID"),
          deviceID: try Self.number(survey.deviceID, "deviceID"),
          revision: try Self.number(survey.revision, "revision")),
        space: try Self.space(survey), isExpress: survey.express,
        entries: try Self.entries(survey.capabilities, "capabilities"),
        hidden: try Self.entries(survey.hidden, "hidden"),
        stray: try Self.stray(survey.stray)),
      classCode: UInt32(classCode),
      subsystem: try Self.number(survey.subsystem ?? 0, "subsystem"),
      configSize: survey.configSize, count: count, members: names)
  }

  /// What to call a device: as ``LoadedDevice/name`` does.
  static func name(address: String?, source: String?) -> String? {
    guard let address else { return source }
    guard let source, source != address, !source.isEmpty else { return address }
    return "\(address) (\(source))"
  }

  private static func number<T: FixedWidthInteger>(
    _ value: Int, _ key: String
  ) throws(SurveyLineError) -> T {
    guard let number = T(exactly: value) else {
      throw SurveyLineError(description: "\(key) is \(value): expected 0 to \(T.max)")
    }
    return number
  }

  private static func space(_ survey: Raw.Survey) throws(SurveyLineError) -> SpaceState {
    switch survey.space {
    case "usable": return .usable
    case "notRead": return .notRead(size: survey.configSize)
    case "absent": return .absent
    case "broken": return .broken(survey.problem ?? "not said how")
    default:
      throw SurveyLineError(
        description: "space is \"\(survey.space)\": expected usable, notRead, absent or broken")
    }
  }

  private static func entries(
    _ rows: [Raw.Row], _ key: String
  ) throws(SurveyLineError) -> [SurveyedCapability] {
    guard rows.count <= 1024 else {
      throw SurveyLineError(description: "\(key) has \(rows.count) entries: no list has so many")
    }
    var entries: [SurveyedCapability] = []
    entries.reserveCapacity(rows.count)
    for row in rows {
      let (values, size) = (row.values, row.values[3])
      guard row.count == 4, let offset = values[0], (0x100...0xFFC).contains(offset),
        offset % 4 == 0, let id = values[1].flatMap({ UInt16(exactly: $0) }),
        let version = values[2], (0...15).contains(version),
        size.map({ (1...0xF00).contains($0) }) ?? true
      else {
        throw SurveyLineError(
          description: "\(key) has an entry that is not [offset, id, version, size or null]")
      }
      entries.append(
        SurveyedCapability(
          offset: UInt16(offset), id: id, version: UInt8(version), size: size.map { UInt16($0) }))
    }
    return entries
  }

  private static func stray(_ rows: [[Int]]) throws(SurveyLineError) -> DwordSet {
    var stray = DwordSet()
    for row in rows {
      guard row.count == 2, row[0] >= 0x100, row[1] <= 0xFFF, row[0] <= row[1],
        row[0] % 4 == 0, row[1] % 4 == 3
      else {
        throw SurveyLineError(
          description:
            "stray has an entry that is not [first, last] of whole dwords within 256-4095")
      }
      stray.insert(row[0] / 4...row[1] / 4)
    }
    return stray
  }
}
