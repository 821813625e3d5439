import Hardware
import Placement

/// A file of declared ranges for device models.
///
/// `{"quirks":[{"vendor":"0x8086","device":"0x0b25","revision":"0x00","free":["0xe00-0xfff"],
/// "forbidden":["0x500-0x503"],"source":"who says so"}]}`. Numbers may be JSON numbers or text in
/// hexadecimal with `0x`; without `revision` a quirk covers all of them.
enum QuirkFile {
  private struct File: Decodable {
    let quirks: [Entry]

    enum CodingKeys: String, CodingKey, CaseIterable { case quirks }

    init(from decoder: any Decoder) throws {
      try decoder.refuseUnknownKeys(known: CodingKeys.allCases.map(\.rawValue))
      quirks = try decoder.container(keyedBy: CodingKeys.self).decode([Entry].self, forKey: .quirks)
    }
  }

  private struct Entry: Decodable {
    let quirk: Quirk

    enum CodingKeys: String, CodingKey, CaseIterable {
      case vendor, device, revision, free, forbidden, source
    }

    init(from decoder: any Decoder) throws {
      try decoder.refuseUnknownKeys(known: CodingKeys.allCases.map(\.rawValue))
      let values = try decoder.container(keyedBy: CodingKeys.self)
      func ranges(_ key: CodingKeys) throws -> [ClosedRange<Int>] {
        try (values.decodeIfPresent([String].self, forKey: key) ?? []).map { text in
          do {
            return try DeclaredRange.bytes(text)
          } catch {
            throw DecodingError.dataCorruptedError(
              forKey: key, in: values, debugDescription: "\(error)")
          }
        }
      }
      func number<T: FixedWidthInteger>(_ key: CodingKeys) throws -> T {
        let value =
          try (try? values.decode(Int.self, forKey: key))
          ?? parseNumber(values.decode(String.self, forKey: key))
        guard let value, let number = T(exactly: value) else {
          throw DecodingError.dataCorruptedError(
            forKey: key, in: values, debugDescription: "expected 0x0 to \(T.max.hex)")
        }
        return number
      }
      do {
        quirk = try Quirk(
          vendorID: try number(.vendor), deviceID: try number(.device),
          revision: values.contains(.revision) ? try number(.revision) : nil,
          free: try ranges(.free), forbidden: try ranges(.forbidden),
          source: try values.decode(String.self, forKey: .source))
      } catch let error as DeclarationError {
        throw DecodingError.dataCorruptedError(
          forKey: .source, in: values, debugDescription: "\(error)")
      }
    }
  }

  /// Reads a file.
  ///
  /// - Parameter path: The file.
  /// - Returns: Its quirks, in order.
  /// - Throws: ``InputProblem`` that names the file, the key, and what was expected.
  static func read(_ path: String) throws(InputProblem) -> [Quirk] {
    try decode(JSONFile.bytes(of: path), from: path)
  }

  /// Reads what a file holds; `source` is the file's name, for errors.
  static func decode(_ bytes: [UInt8], from source: String) throws(InputProblem) -> [Quirk] {
    try JSONFile.decode(File.self, bytes, from: source).quirks.map(\.quirk)
  }
}
