/// Survey lines.
enum SurveySeeds {
  static let all: [Seed] = [
    Seed("one", line()),
    Seed("two-alike", line() + "\n" + line(address: "0000:00:02.0") + "\n"),
    Seed("many-alike", (0..<7).map { line(address: "a\($0 * 5 % 7)") }.joined(separator: "\n")),
    Seed(
      "same-letters-often",
      ["\u{E9}", "e\u{301}", "", "e"].flatMap { [$0, $0 + "x"] }
        .map { line(address: $0) }.joined(separator: "\n")),
    Seed("two-models", line() + "\n" + line(body(revision: 1)) + "\r\n"),
    Seed("same-model", line() + "\n" + line(body(capabilities: "[[256,0,1,4]]")) + "\n"),
    Seed("present", line(body(pasid: "560", capabilities: "[[256,3,1,12],[560,27,1,8]]"))),
    Seed("unusable", line(body(space: "\"notRead\"", size: 64)) + "\n" + line()),
    Seed("broken", line(body(space: "\"broken\"", problem: "\"at 0x100\""))),
    Seed("reduced", "{\"count\":3,\"members\":[\"a\",\"b\"],\"survey\":\(body())}"),
    Seed("reduced-twice", "{\"count\":3,\"members\":[\"b\"],\"survey\":\(body())}\n" + line()),
    Seed("count-behind", line(tail: ",\"count\":5}") + "\n" + line(tail: ",\"count\":5}")),
    Seed("members-behind", line(tail: ",\"members\":[\"x\"]}") + "\n"),
    Seed(
      "large-counts",
      "{\"count\":2147483647,\"survey\":\(body())}\n{\"count\":2147483647,\"survey\":\(body())}"),
    Seed("no-names", "{\"survey\":\(body())}"),
    Seed("escapes", line(address: "\\u00e9\\\"\\\\\\u0000")),
    Seed("same-letters", line(address: "\u{E9}") + "\n" + line(address: "e\u{301}")),
    Seed("control", line(address: "\u{1}")),
    Seed("not-utf8", Array(line().utf8) + [10] + Array(line(address: "x").utf8) + [0xFF]),
    Seed("unknown-length", line(body(capabilities: "[[256,11,1,null],[4092,3,15,3840]]"))),
    Seed("too-far", line(body(capabilities: "[[4096,3,1,8]]"))),
    Seed("large-stray", line(body(stray: "[[256,4095],[300,301]]"))),
    Seed("bad-stray", line(body(stray: "[[-1,4095]]"))),
    Seed("numbers", line(body(revision: 256))),
    Seed("other-schema", "{\"survey\":{\"schema\":2}}"),
    Seed("empty-lines", "\n\n"),
    Seed("deep", String(repeating: "[", count: 700)),
  ]

  static func line(
    _ body: String = body(), address: String = "0000:00:01.0", tail: String = "}"
  ) -> String {
    "{\"address\":\"\(address)\",\"source\":\"dump.txt\",\"survey\":\(body)\(tail)"
  }

  static func body(
    revision: Int = 0, space: String = "\"usable\"", problem: String = "null",
    size: Int = 4096, pasid: String = "null",
    capabilities: String = "[[256,1,2,72],[544,15,1,8]]", stray: String = "[[3072,3075]]"
  ) -> String {
    "{\"schema\":1,\"vendorID\":32902,\"deviceID\":2853,\"revision\":\(revision),\"class\":558080,"
      + "\"subsystem\":null,\"configSize\":\(size),\"express\":true,\"space\":\(space),"
      + "\"problem\":\(problem),\"pasid\":\(pasid),"
      + "\"capabilities\":\(capabilities),\"hidden\":[],\"stray\":\(stray)}"
  }
}

/// Pin files behind a 1, quirk files behind a 0.
enum FileSeeds {
  static let all: [Seed] = [
    quirks("quirk", "[\(quirk)]"),
    quirks("no-quirks", "[]"),
    quirks("two-quirks", "[\(quirk),{\"vendor\":1,\"device\":2,\"source\":\"s\"}]"),
    quirks("unknown-key", "[{\"vendor\":1,\"device\":2,\"source\":\"s\",\"fre\":[]}]"),
    quirks("no-source", "[{\"vendor\":1,\"device\":2,\"source\":\" \"}]"),
    quirks("large-number", "[{\"vendor\":\"0x10000\",\"device\":2,\"source\":\"s\"}]"),
    quirks("not-a-number", "[{\"vendor\":\"0x\",\"device\":-1,\"source\":\"s\"}]"),
    quirks(
      "ranges",
      "[{\"vendor\":32902,\"device\":2853,\"free\":[\"0xffc-0xfff\",\"256-259\",\"0x0-0xfff\"],"
        + "\"forbidden\":[\"9-8\",\"0x100-0x99999999999999999\"],\"source\":\"s\"}]"),
    quirks(
      "all-forbidden",
      "[{\"vendor\":32902,\"device\":2853,\"forbidden\":[\"0x100-0xfff\"],\"source\":\"s\"}]"),
    Seed("empty", [0]),
    Seed("utf16", [0] + Array("{}".utf16).flatMap { le($0) }),
    pin("pin", model(offset: "4088")),
    pin("pin-not-found", model(offset: "null")),
    pin("pin-present", model(offset: "560", grade: "present")),
    pin("pin-anywhere", model(offset: "9223372036854775800")),
    pin("pin-below", model(offset: "-8")),
    pin("pin-no-layout", model(layout: "null")),
    pin("pin-empty-layout", model(layout: "[]")),
    pin("pin-bad-layout", model(layout: "[[256,3]]")),
    pin("pin-twice", model() + "," + model(offset: "2048")),
    pin("pin-wide", model(), bits: 21),
    pin("pin-empty", ""),
  ]

  private static let quirk =
    "{\"vendor\":\"0x8086\",\"device\":\"0x0b25\",\"revision\":\"0x00\","
    + "\"free\":[\"0xe00-0xfff\"],\"forbidden\":[\"0x500-0x503\"],\"source\":\"who says so\"}"

  private static func quirks(_ name: String, _ list: String) -> Seed {
    Seed(name, [0] + Array("{\"quirks\":\(list)}".utf8))
  }

  private static func pin(_ name: String, _ models: String, bits: Int = 20) -> Seed {
    let text =
      "{\"schema\":1,\"capability\":{\"pasidBits\":\(bits),\"exec\":false,\"priv\":false},"
      + "\"models\":[\(models)]}"
    return Seed(name, [1] + Array(text.utf8))
  }

  private static let sampleLayout =
    "[[[256,1,2],[336,24,1],[352,23,1],[368,2,1],[512,35,1],[544,15,1],[576,19,1]]]"

  private static func model(
    offset: String = "4088", grade: String = "likely",
    layout: String =
      "[[256,1,2],[336,24,1],[352,23,1],[368,2,1],[512,35,1],[544,15,1],[576,19,1]]"
  ) -> String {
    "{\"vendorID\":32902,\"deviceID\":2853,\"revision\":0,\"offset\":\(offset),"
      + "\"grade\":\"\(grade)\",\"members\":1,\"layout\":\(layout)}"
  }
}
