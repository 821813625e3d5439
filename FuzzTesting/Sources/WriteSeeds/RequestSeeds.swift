/// Programs of system calls; see `RequestDoorProgram`.
enum RequestSeeds {
  static let all: [Seed] = [
    program(
      "open-all", [0], (0..<16).flatMap { [0, UInt8($0)] }, (3..<19).flatMap { [19, UInt8($0)] }),
    program("vtd-dma", [1], dma(0, 0), dma(0, 1), dma(1, 0)),
    program(
      "vtd-pasid", [1], ioctl(0x09, [1 << 3, 1, 2]), device(0x77, [1, 4, 5]), dma(0, 5),
      device(0x78, [1, 5]), dma(0, 5)),
    program(
      "vtd-nested", [1], data([0, 0, 0xCA, 0, 0xCC, 0, 48]),
      ioctl(0x09, [8, 1, 3, 0, 0, 1, 24, 0xC0, 8]), put(4, [0xCC, 1]), put(8, [0xCC, 2]),
      put(12, [0xCC, 3]), put(16, [0xCC, 4]), device(0x77, [1, 4, 5]), dma(0, 5),
      data([0xCA, 0, 0xCA, 1, 0, 0]), ioctl(0x0D, [4, 0xC0, 8, 0, 24, 1]), dma(0, 5)),
    program(
      "vtd-faults", [1], ioctl(0x0E, []), ioctl(0x09, [0xC, 1, 2, 0, 0, 0, 0, 0, 0, 4]),
      device(0x77, [1, 5, 5]), [0x37, 0, 5, 9, 3, 0], [15, 5, 8], le(80 as UInt16), put(8, [1, 0]),
      [16, 5, 8], le(8 as UInt16), [30, 0], device(0x78, [1, 5])),
    program(
      "vtd-dirty", [1], ioctl(0x09, [2, 1, 2]), device(0x77, [0, 4]), ioctl(0x0B, [1, 4]),
      dma(0, 0), ioctl(0x0C, [4, 0, 0, 0xCA, 0, 0xC1, 16, 0xC1, 12, 0xC0, 8]),
      ioctl(0x0C, [4, 1, 0, 0xCA, 0, 0xC1, 62, 0xC1, 12, 0xC0, 8])),
    program("vtd-borders", [1], borders),
    program(
      "vtd-reset", [1], device(0x6F, []), dma(0, 0), device(0x71, []), device(0x70, [0, 0, 0])),
    program("vtd-limit", [5], ioctl(0x06, [2, 0xCA, 0, 0xC5]), map(60), map(20)),
    program(
      "vtd-spaces", [9], ioctl(1, []), ioctl(3, [7, 4, 2, 0xC1, 12, 0xC2, 9, 0xC2, 1]),
      ioctl(4, [4, 8, 0, 0xC0, 8]), ioctl(6, [2, 0xC2, 0, 0xC1, 13]), ioctl(7, [1, 0, 4, 0, 0]),
      ioctl(8, [4, 1]), ioctl(2, [4, 1, 0, 0xC0, 8]), ioctl(6, [4, 0, 0, 0xC5]), ioctl(0, [4]),
      dma(0, 0)),
    program(
      "vtd-file", [1, 28, 0, 0x40], ioctl(0x0F, [7, 2, 5, 0xCA, 0, 0xC1, 13, 0xC1, 21]),
      [29, 5, 0, 16], ioctl(0x06, [2, 0xC1, 21, 0xC1, 13])),
    program("smmu-dma", [2], dma(6, 0), dma(6, 1)),
    program(
      "smmu-nested", [2], ioctl(0x10, [0, 1, 1, 3]), ioctl(0x11, [4, 1, 0, 9]),
      ioctl(0x13, [0, 4, 1, 8]), data(literal), ioctl(0x09, [0, 1, 4, 0, 0, 2, 16, 0xC0, 8]),
      device(0x77, [0, 7]), dma(6, 1), [15, 5, 8], le(200 as UInt16), data([0x06, 9, 0, 0]),
      ioctl(0x0D, [4, 0xC0, 8, 1, 16, 1]), dma(6, 1)),
    program("smmu-borders", [2], borders),
    program("mock-dma", [3], (1...23).flatMap { mock([UInt8($0), 2, 0, 0, 0, 0]) }),
    program(
      "mock-access", [3], mock([5, 1, 0, 1]), map(4), mock([7, 4, 0, 0xC1, 12, 0xC0, 8, 0xCB, 0]),
      mock([6, 4, 1]), mock([8, 4, 1, 0xCB, 0, 0xC1, 8, 0xC0, 8])),
    program(
      "mock-borders", [3], (1...23).flatMap { mock([UInt8($0), 2, 0xC5, 0xC5, 0xC5, 0xC5, 0xC5]) },
      borders),
    program(
      "mock-nested", [3], ioctl(0x09, [1, 2, 1]), data([0xC3, 0xDE, 0xAD, 0xBE, 0xEF]),
      ioctl(0x10, [0, 0x99, 2, 4]), ioctl(0x09, [0, 2, 4, 0, 0, 0xC3, 0xDE, 0, 0, 0, 4, 0xC0, 8])),
    program(
      "interrupts", [1, 27], device(0x6E, [4, 2, 0, 1, 5]), device(0x6E, [1, 2, 0, 1]),
      device(0x6E, [1, 2, 0, 0]), device(0x74, [0, 0, 0, 0, 5]), device(0x75, [0xC3, 0, 0, 5, 0]),
      (0..<9).flatMap { [17, 4, 8, UInt8($0), 0, 0, 64] }, [18, 4, 8, 7, 0x10, 0, 4]),
    program(
      "pages", [1], [26, 4, 7, 0x3A, 9, 3, 0x5A, 12, 2], map(16), dma(0, 0), [31, 8, 0xFF, 0xFF]),
    program(
      "raw", [1, 14, 3], le(0x3B85 as UInt32), [0xFF], le(UInt64.max), [14, 4, 0, 0, 0, 0, 0xF0]),
  ]

  /// A program of calls.
  private static func program(_ name: String, _ calls: [UInt8]...) -> Seed {
    Seed(name, calls.flatMap(\.self))
  }

  /// A stream table entry: translation with descriptors in page 1.
  private static let literal: [UInt8] = [0xC4] + le(0x2000_0000_0000_100B as UInt64) + [0, 0]

  /// A request of iommufd on the context by what follows 0x80, in its right size.
  private static func ioctl(_ number: UInt8, _ words: [UInt8]) -> [UInt8] {
    [3, number, 3, UInt8(min(words.count, 31))] + words + padding(words)
  }

  /// A token may take more than one byte, so that fewer words come of a list than it has bytes.
  private static func padding(_ words: [UInt8]) -> [UInt8] {
    var tokens = 0
    var at = 0
    while at < words.count {
      tokens += 1
      switch words[at] {
      case 0xC0, 0xC1, 0xC2, 0xC6, 0xC9...0xCD: at += 2
      case 0xC3: at += 5
      case 0xC4: at += 9
      default: at += 1
      }
    }
    return [UInt8](repeating: 0, count: max(min(words.count, 31) - tokens, 0))
  }

  private static func device(_ number: UInt8, _ words: [UInt8]) -> [UInt8] {
    [10, number - 0x64, 4, UInt8(words.count)] + words + padding(words)
  }

  private static func mock(_ words: [UInt8]) -> [UInt8] {
    [12, 3, UInt8(words.count)] + words + padding(words)
  }

  private static func put(_ place: UInt8, _ words: [UInt8]) -> [UInt8] {
    [24 | 3 << 5, place] + words + [UInt8](repeating: 0, count: 4)
  }

  private static func data(_ words: [UInt8]) -> [UInt8] {
    [24 | 7 << 5, 8] + words + [UInt8](repeating: 0, count: 8)
  }

  private static func map(_ pages: UInt8) -> [UInt8] {
    ioctl(5, [6, 2, 0, 0xC0, 8, 0xC2, pages, 0, 0])
  }

  /// A write, a read and a copy.
  private static func dma(_ endpoint: UInt8, _ pasid: UInt8) -> [UInt8] {
    [21, endpoint, pasid, 5] + le(64 as UInt16) + [20, endpoint, pasid, 5] + le(0x1100 as UInt16)
      + [22, endpoint, pasid, 5] + le(64 as UInt16) + [9]
  }

  /// Requests with the greatest numbers.
  private static var borders: [UInt8] {
    let structures: [[UInt8]] = [
      [0xC8, 0xC8, 0xC5, 0xC5, 0xC5, 0xC5], [2, 1, 0, 0xC5, 0xC5, 0xC5],
      [7, 2, 0, 0xC0, 8, 0xC5, 0xC5], [7, 2, 2, 0xC6, 200, 0xC6, 1, 0xC6, 255],
      [2, 0xC6, 0, 0xC1, 12],
    ]
    var program: [UInt8] = []
    for number: UInt8 in 0..<21 {
      for words in structures { program += ioctl(number, words) }
    }
    return program
  }
}
