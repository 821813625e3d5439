import PCIe

/// A config space as `ConfigRecipe` reads it.
struct Recipe {
  /// The template, bits 4:2 of the first byte.
  enum Template: UInt8 {
    case zeros = 1
    case endpoint = 3
    case sample = 5
  }

  private let first: UInt8
  private var changes: [UInt8] = []
  private var count: UInt8 = 0

  /// Starts with a template; `size` is 0 to 3 for 4,096, 256, 128 and 64 bytes.
  init(_ template: Template, size: UInt8 = 0) { first = template.rawValue << 2 | size }

  var bytes: [UInt8] { [first, count] + changes }

  /// The bytes of a config space as they are.
  static func raw(_ config: ConfigSpace, prefix: Int) -> [UInt8] {
    let size = UInt8([4096, 256, 128, 64].firstIndex(of: config.size) ?? 0)
    return [size] + le(UInt16(prefix)) + config.bytes.prefix(prefix)
  }

  func dword(_ value: UInt32, at offset: Int) -> Recipe { with(0, value, offset) }

  func legacy(_ id: UInt32, at offset: Int, upper: UInt32 = 0) -> Recipe {
    with(3, upper << 16 | id, offset)
  }

  /// One more entry of the extended list; `high` says which half of its first register is given.
  func entry(
    _ id: UInt32, at offset: Int, version: UInt32 = 1, register: UInt32 = 0, high: Bool = true
  ) -> Recipe {
    with(4, id | version << 8 | (high ? 1 << 12 : 0) | register << 16, offset)
  }

  func fill(_ value: UInt32, from offset: Int) -> Recipe { with(6, value, offset) }

  func row(_ count: UInt32, of id: UInt32, from offset: Int, step: UInt32 = 4) -> Recipe {
    with(7, id | (step / 4 - 1) << 8 | (count - 1) << 16, offset)
  }

  private func with(_ kind: UInt16, _ value: UInt32, _ offset: Int) -> Recipe {
    var copy = self
    copy.changes += le(kind << 10 | UInt16(offset / 4)) + le(value)
    copy.count += 1
    return copy
  }
}

/// Inputs of the targets that start with a config space.
enum ConfigSeeds {
  /// Config spaces with a name.
  static let configs: [Seed] = [
    Seed("sample", Recipe(.sample).bytes),
    Seed("empty-list", Recipe(.endpoint).bytes),
    Seed("all-zeros", Recipe(.zeros).bytes),
    Seed("all-ones", Recipe(.zeros).fill(.max & ~7, from: 0).dword(.max, at: 0).bytes),
    Seed("size-64", Recipe(.endpoint, size: 3).bytes),
    Seed("size-128", Recipe(.endpoint, size: 2).legacy(0x11, at: 0x78).bytes),
    Seed("size-256", Recipe(.endpoint, size: 1).legacy(0x10, at: 0x40, upper: 2).bytes),
    Seed("placeholder-head", Recipe(.endpoint).entry(0, at: 0x100).entry(3, at: 0x300).bytes),
    Seed("lone-placeholder", Recipe(.endpoint).entry(0, at: 0x100).bytes),
    Seed(
      "loop",
      Recipe(.endpoint).entry(0xF, at: 0x100).entry(3, at: 0x200).entry(0x18, at: 0x100)
        .bytes),
    Seed("unaligned", Recipe(.endpoint).dword(0x2021_000F, at: 0x100).bytes),
    Seed("dangling", Recipe(.endpoint).dword(0x3001_000F, at: 0x100).bytes),
    Seed("below-0x100", Recipe(.endpoint).dword(0x0401_000F, at: 0x100).bytes),
    Seed(
      "overlap",
      Recipe(.endpoint).entry(1, at: 0x100).entry(0xF, at: 0x120).entry(0x18, at: 0x124).bytes),
    Seed(
      "backward",
      Recipe(.endpoint).entry(0x18, at: 0x100).entry(0xF, at: 0xFF8).entry(3, at: 0x800)
        .entry(0x13, at: 0x110).bytes),
    Seed(
      "tail-registers",
      Recipe(.endpoint).entry(0x18, at: 0x100).dword(1, at: 0xFF0).dword(1 << 31, at: 0xFFC)
        .bytes),
    Seed(
      "long-vsec",
      Recipe(.endpoint).entry(0xF, at: 0x100).entry(0xB, at: 0xF00, register: 0x2001)
        .bytes),
    Seed("short-dvsec", Recipe(.endpoint).entry(0x23, at: 0x100, register: 0xB0).bytes),
    Seed(
      "unknown-length",
      Recipe(.endpoint).entry(0xF, at: 0x100).entry(0x7F, at: 0x200)
        .entry(3, at: 0x300).bytes),
    Seed(
      "ide-past-end",
      Recipe(.endpoint).entry(0x18, at: 0x100).entry(0x30, at: 0xF80).dword(0x1_0002, at: 0xF84)
        .dword(0xF, at: 0xFA0).bytes),
    Seed("resizable-bar-nothing", Recipe(.endpoint).entry(0x15, at: 0x100).bytes),
    Seed("many-kinds", manyKinds.bytes),
    Seed("full-479", Recipe(.endpoint).row(479, of: 0x7F, from: 0x100).bytes),
    Seed("full-480", Recipe(.endpoint).row(480, of: 0x7F, from: 0x100).bytes),
    Seed("full-481", Recipe(.endpoint).row(481, of: 0x7F, from: 0x100).bytes),
    Seed("aliased", Recipe(.endpoint).fill(0x5678_1230 | 6, from: 0).bytes),
    Seed(
      "legacy-loop",
      Recipe(.endpoint).legacy(1, at: 0x80).legacy(3, at: 0x60).legacy(5, at: 0x80).bytes),
    Seed("legacy-kinds", manyLegacyKinds.bytes),
    Seed("raw-sample", Recipe.raw(SampleDevice.sapphireRapidsDSA, prefix: 0x250)),
    Seed("raw-64", Recipe.raw(small, prefix: 64)),
  ]

  private static let manyKinds: Recipe = {
    var recipe = Recipe(.endpoint)
    for id in 0..<0x3D as Range<UInt32> {
      recipe = recipe.entry(id, at: 0x100 + 0x38 * Int(id), register: 0x0101, high: id & 1 == 1)
    }
    return recipe
  }()

  private static let manyLegacyKinds: Recipe = {
    var recipe = Recipe(.endpoint)
    for id in 1..<0x16 as Range<UInt32> {
      recipe = recipe.legacy(id, at: 0x38 + 8 * Int(id), upper: 0x182)
    }
    return recipe
  }()

  private static let small: ConfigSpace = {
    var device = ConfigSpaceBuilder(size: 64)
    device.put32(0x5678_1234, 0x0010_0006, 0x0604_0001, 0x0001_0000, at: 0)
    device.put8(0x3C, at: 0x34)
    return device.config
  }()

  static let walks = configs.enumerated().map { index, seed in
    // A PASID capability at another place each, or a longer one.
    let tail = [UInt8(index & 0x3F)] + le(UInt16(index % 3 == 0 ? 0x10 : 0))
    return Seed(seed.name, seed.bytes + tail + le(Int16(0x100 + 0x78 * index)) + [UInt8(index)])
  }

  static let placements =
    configs.map { Seed($0.name, [0] + $0.bytes) } + [
      Seed("two-devices", [1] + plain + Recipe(.endpoint).entry(3, at: 0x100).bytes),
      Seed("view-hides-pasid", [2] + Recipe(.sample).bytes + plain.dropFirst()),
      Seed("forbidden-end", [0] + Recipe(.endpoint).bytes + range(0x1FF0, 15)),
      Seed("forbidden-head", [4] + Recipe(.endpoint).bytes + range(0x1100, 3) + [90, 0]),
      Seed("free-and-contradicted", [4] + registersAtE10 + range(0xE00, 0x1FF) + [0xFE, 3]),
      Seed("free-and-asked", [4] + registersAtE10 + range(0xF00, 0xFF) + [0xFE, 3]),
      Seed(
        "asked-anything", [8] + Recipe(.endpoint).entry(3, at: 0x100).bytes + [0] + le(Int.max - 7)),
      Seed("placeholders-of-two", [1] + Recipe(.endpoint).bytes + placeholderAndTail),
    ]

  private static let registersAtE10 =
    Recipe(.endpoint).entry(3, at: 0x100).dword(1, at: 0xE10).bytes

  private static let placeholderAndTail =
    Recipe(.endpoint).entry(0, at: 0x100).entry(3, at: 0xFF0).bytes

  /// One declared range: bits 11:0 of `start` where it starts, bit 12 that it is forbidden.
  private static func range(_ start: UInt16, _ length: UInt16) -> [UInt8] {
    [1] + le(start) + le(length)
  }

  /// The sample device without its PASID capability.
  private static let plain = Recipe(.sample).dword(0x2401_000F, at: 0x220).dword(0, at: 0x230)
    .dword(0, at: 0x234).bytes

  static let virtual: [Seed] = [
    Seed("enable", pasid(0xD08C) + [0, 0x14, 1, 0, 0, 0] + le(0x236 as Int16)),
    Seed("at-end", pasid(0xD3FE) + [0] + operations),
    Seed("in-place", pasid(0xD08C) + [0] + operations),
    Seed("not-there", pasid(0xD040) + [0] + operations),
    Seed("empty-list", pasid(0xC3FE, in: Recipe(.endpoint).bytes) + [0] + operations),
    Seed(
      "placeholder",
      pasid(0xC040, in: Recipe(.endpoint).entry(0, at: 0x100).bytes) + [0] + operations),
    Seed("rows", pasid(0xD08C) + [3] + rows + operations),
    Seed("restore-rubbish", restoreRubbish),
    Seed("edges", edges),
  ]

  private static func pasid(_ choice: UInt16, in config: [UInt8] = plain) -> [UInt8] {
    config + le(choice)
  }

  private static let restoreRubbish: [UInt8] = {
    var bytes = pasid(0xD08C) + [0, 14, 2]
    bytes += le(0x220) + [4] + le(UInt32.max)
    bytes += le(Int.min) + [0x80] + le(0 as UInt32)
    return bytes
  }()

  private static let edges: [UInt8] = {
    var bytes = pasid(0xD3FF) + [0, 0x22] + le(0xFFE as Int16)
    bytes += [0x25] + le(UInt32.max) + le(-1 as Int16)
    bytes += [15] + le(Int.max) + [15] + le(Int.min)
    return bytes
  }()

  /// Reads, writes, resets and restored states, near registers and elsewhere.
  private static let operations: [UInt8] = {
    var bytes: [UInt8] = []
    for index in 0..<24 as Range<UInt8> {
      let near = index &* 37
      bytes += [0x28, near, 0x19] + le(UInt32(index) &* 0x0101_0107)
      bytes += [near, 0x2A] + le(UInt32.max)
      bytes += [near &+ 1]
      bytes += index % 6 == 5 ? [12] : [13, near] + le(UInt32(1) << UInt32(index))
    }
    return bytes
  }()

  private static let rows: [UInt8] = {
    var bytes: [UInt8] = []
    for place in [0x0050, 0x2062, 0x4FFC] as [UInt16] {
      bytes += le(place)
      for mask in [0x1234_5678, 0x00FF_00FF, 0xFF00, 0x0F00_0000, 0xF] as [UInt32] {
        bytes += le(mask)
      }
    }
    return bytes
  }()
}
