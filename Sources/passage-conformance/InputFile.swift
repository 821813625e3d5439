import ArgumentParser
import HostSystem

/// A small text file that a user names.
enum InputFile {
  /// The most bytes that are read; a sequence has a few thousand.
  private static let limit = 16 << 20

  /// The whole text; `-` is standard input.
  ///
  /// - Throws: What reading throws, and a `ValidationError` for more than 16 MiB.
  static func text(_ path: String) throws -> String {
    var stream = path == "-" ? ByteStream() : try ByteStream(path: path)
    var bytes: [UInt8] = []
    while try stream.next({ span in
      for index in span.indices { bytes.append(span[index]) }
    }) {
      guard bytes.count <= limit else {
        throw ValidationError("\(path): a sequence of more than 16 MiB")
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
