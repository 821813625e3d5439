/// A client of a vfio-user server: what is set up, then operations.
enum UserSeeds {
  static let all: [Seed] = [
    seed("nothing-agreed", [0], words(4, 8, [8, 0, 0, 0])),
    seed("version", [0], raw(0, 1, [0, 0, 0, 0])),
    seed("version-in-words", [0], raw(0, 1, [0, 0, 7, 0] + text("{\"capabilities\":{}}"))),
    seed(
      "version-with-numbers", [0],
      raw(0, 1, [0, 0, 0, 0] + text("{\"capabilities\":{\"max_data_xfer_size\":8,\"a\":[1.5]}}"))),
    seed("other-major", [0], raw(0, 1, [1, 0, 0, 0])),
    seed("information", [1], words(4, 8, [8, 0, 0, 0]), words(7, 8, [8, 0, 2, 0])),
    seed("region", [1], words(5, 8, [11, 0, 0, 0, 0x80, 0x80])),
    seed("region-in-parts", [1], words(5, 8, [14, 0, 3, 0, 0x80, 0x80])),
    seed("access-files", [1], words(6, 8, [8, 0, 1, 0])),
    seed("read", [1], words(9, 8, [0x86, 0, 5])),
    seed("read-much", [1], words(9, 8, [0x80, 1, 24])),
    seed("read-too-much", [1], words(9, 8, [0x80, 1, 25]), words(9, 8, [0xB0, 1, 1])),
    seed("write", [1], words(10, 8, [0x86, 0, 4, 0x30])),
    seed("write-posted", [1], words(10, 0, [0x86, 2, 4, 0x30], flags: 1)),
    seed("writes", [1], words(15, 8, [0x82, 0x86, 0, 4, 0x80, 0x82, 5, 1, 0x85])),
    seed("map-and-unmap", [1], map(20), map(21), map(20), unmap(20), unmap(20)),
    seed(
      "map-with-file", [1], map(20, files: 1), map(21, files: 2), words(3, 8, [10, 2, 0x80, 0x80])),
    seed("map-the-end", [1], words(2, 8, [11, 3, 0x80, 0xB1, 0x94])),
    seed("interrupts", [1], irqs(31, 2, 1, 2, files: 2), irqs(30, 2, 0, 0), irqs(34, 0, 0, 1)),
    seed("interrupts-by-bytes", [1], raw(0, 8, le32(22, 0x22, 2, 3, 2) + [1, 0])),
    seed("reset", [1], words(13, 8, [])),
    seed("posts", [1], [2, 8, 2, 9, 2, 10], reply(0, 12), reply(1, 12, error: true), reply(9, 12)),
    seed("read-on-own-thread", [1], [2 | 1 << 2, 8]),
    seed(
      "save", [3], feature(38, [3, 0]), words(17, 8, [16, 11]), words(17, 8, [23, 21]),
      feature(38, [2, 0])),
    seed("resume", [3], feature(38, [4, 0]), words(18, 8, [8, 6, 0x80]), feature(38, [2, 0])),
    seed("features", [3], feature(36, []), feature(37, []), feature(42, []), feature(43, [])),
    seed(
      "logging", [3], feature(39, [0x94, 1, 0, 0x80, 0x98]), [2 | 2 << 2, 8],
      feature(41, [0x80, 0x95, 0x94]), feature(40, [])),
    seed(
      "dirty-pages", [3], words(14, 8, [6, 1]), [2 | 2 << 2, 8],
      words(14, 8, [14, 4, 0x80, 0x94, 0x94, 0x86]), words(14, 8, [6, 2])),
    seed(
      "unmap-with-bits", [3], map(20), words(14, 8, [6, 1]),
      words(3, 8, [14, 1, 0x94, 0x94, 0x94, 0x86])),
    seed("unknown-command", [1], words(0, 8, []), words(19, 8, []), words(11, 8, [0x94, 0x86])),
    seed("header-too-small", [1], [16 << 2] + [0, 0, 4, 0, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    seed(
      "header-too-large", [1], [16 << 2] + [0, 0, 4, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0]),
    seed("strange-type", [1], [16 << 2] + [0, 0, 4, 0, 16, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]),
    seed(
      "ends-within", [1], [20 << 2] + [0, 0, 4, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]),
    seed("unwanted-files", [1], words(4, 8, [8, 0, 0, 0], files: 3)),
  ]

  private static func seed(_ name: String, _ parts: [UInt8]...) -> Seed {
    Seed(name, Array(parts.joined()))
  }

  /// A message of words; see the target's list of numbers.
  private static func words(
    _ command: UInt8, _ id: UInt8, _ tokens: [UInt8], flags: UInt8 = 0, files: UInt8 = 0
  ) -> [UInt8] { [3 | flags << 2 | files << 4, id, command, UInt8(tokens.count)] + tokens }

  private static func raw(_ id: UInt8, _ command: UInt8, _ payload: [UInt8]) -> [UInt8] {
    [1, id, command, UInt8(payload.count)] + payload
  }

  private static func text(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }

  private static func le32(_ values: UInt32...) -> [UInt8] { values.flatMap { le($0) } }

  private static func map(_ place: UInt8, files: UInt8 = 0) -> [UInt8] {
    words(2, 8, [11, 3, 0x80, 0x80 | place, 0x94], files: files)
  }

  private static func unmap(_ place: UInt8) -> [UInt8] {
    words(3, 8, [10, 0, 0x80 | place, 0x94])
  }

  private static func irqs(
    _ flags: UInt8, _ kind: UInt8, _ start: UInt8, _ count: UInt8, files: UInt8 = 0
  ) -> [UInt8] { words(8, 8, [9, flags, kind, start, count], files: files) }

  private static func feature(_ flags: UInt8, _ tokens: [UInt8]) -> [UInt8] {
    words(16, 8, [14, flags] + tokens)
  }

  private static func reply(_ id: UInt8, _ command: UInt8, error: Bool = false) -> [UInt8] {
    [1 | (error ? 3 : 2) << 2, id, command, 0]
  }
}
