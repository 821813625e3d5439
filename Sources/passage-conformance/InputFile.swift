import HostSystem

/// A small text file that a user names.
enum InputFile {
  /// The whole text; `-` is standard input.
  static func text(_ path: String) throws(HostError) -> String {
    var stream = path == "-" ? ByteStream() : try ByteStream(path: path)
    var bytes: [UInt8] = []
    while try stream.next({ span in
      for index in span.indices { bytes.append(span[index]) }
    }) {}
    return String(decoding: bytes, as: UTF8.self)
  }
}
