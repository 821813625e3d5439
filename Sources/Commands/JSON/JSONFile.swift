import FoundationEssentials
import HostSystem

/// Small JSON files: read whole, with a bound, and decoded.
enum JSONFile {
  /// The largest file that is taken, in bytes.
  static let limit = 64 << 20

  /// Reads a file whole.
  ///
  /// - Parameter path: The file.
  /// - Returns: Its bytes.
  /// - Throws: ``InputProblem`` for a file that cannot be read or is too large.
  static func bytes(of path: String) throws(InputProblem) -> [UInt8] {
    var bytes: [UInt8] = []
    do {
      var stream = try ByteStream(path: path)
      while try stream.next({ bytes.append(contentsOf: [UInt8](copying: $0)) }) {
        guard bytes.count <= limit else {
          throw InputProblem.json(source: path, "larger than \(limit) bytes")
        }
      }
    } catch let error as HostError {
      throw .host(error)
    } catch let problem as InputProblem {
      throw problem
    } catch {
      throw .json(source: path, "\(error)")
    }
    return bytes
  }

  /// Decodes what a file holds.
  ///
  /// - Parameters:
  ///   - type: What the file holds.
  ///   - bytes: Its bytes.
  ///   - source: The file's name, for errors.
  /// - Returns: The value.
  /// - Throws: ``InputProblem`` that names the file and what was expected.
  static func decode<T: Decodable>(
    _ type: T.Type, _ bytes: [UInt8], from source: String
  ) throws(InputProblem) -> T {
    do {
      return try JSONDecoder().decode(type, from: Data(bytes))
    } catch let error as DecodingError {
      throw .json(source: source, error.inWords)
    } catch {
      throw .json(source: source, "\(error)")
    }
  }
}

/// A key of any name, to find keys that nobody reads.
struct AnyKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

extension Decoder {
  /// Refuses keys that are not known: in a file that decides what is safe, a typo must not pass.
  func refuseUnknownKeys(known: [String]) throws {
    let container = try self.container(keyedBy: AnyKey.self)
    for key in container.allKeys where !known.contains(key.stringValue) {
      throw DecodingError.dataCorruptedError(
        forKey: key, in: container,
        debugDescription: "unknown key: expected one of \(known.joined(separator: ", "))")
    }
  }
}
