import Commands
import PCIe
import TestSupport

/// Devices that the reports are made of.
enum Devices {
  /// The sample device: it shows a PASID capability.
  static let sample = LoadedDevice(
    address: SampleDevice.address, source: "sample", config: SampleDevice.sapphireRapidsDSA)

  /// The sample without its PASID capability.
  static let withoutPASID: LoadedDevice = {
    var builder = ConfigSpaceBuilder(SampleDevice.sapphireRapidsDSA)
    builder.putExtendedHeader(id: 0x0F, next: 0x240, at: 0x220)
    builder.put32(0, 0, at: 0x230)
    return LoadedDevice(
      address: SampleDevice.address, source: "fleet.txt", line: 12,
      title: "System peripheral: Intel Corporation Device 0b25", config: builder.config)
  }()

  /// A placeholder at the head, a capability of unknown length with registers behind it, stray
  /// bytes, and a pointer that leads nowhere good.
  static let oddities: LoadedDevice = {
    var builder = ConfigSpaceBuilder()
    builder.put32(0x5678_1234, 0x0010_0000, 0x0200_0001, at: 0)
    builder.put8(0x40, at: 0x34)
    builder.put32(0x0003_FC01, at: 0x40)
    builder.putExtendedHeader(id: 0, next: 0x200, at: 0x100)
    builder.putExtendedHeader(id: 0x2B, next: 0x300, at: 0x200)
    builder.put32(0xABCD, at: 0x210)
    builder.putExtendedHeader(id: 0xBEEF, next: 0x400, at: 0x300)
    builder.putExtendedHeader(id: 0x03, next: 0, at: 0x400)
    builder.put8(0x5A, at: 0x801)
    builder.put32(0xFFFF_FFFF, at: 0xFFC)
    return LoadedDevice(address: nil, source: "odd.bin", config: builder.config)
  }()

  /// A space with no list but registers in it: the list has to be started.
  static let emptyList: LoadedDevice = {
    var builder = ConfigSpaceBuilder()
    builder.put32(0x1448_1022, 0, 0x0600_0000, at: 0)
    builder.put32(0x1234, at: 0x208)
    return LoadedDevice(
      address: PCIAddress(bus: 0, device: 0x18, function: 0), source: "empty",
      config: builder.config)
  }()

  /// A function that does not answer.
  static let lost = LoadedDevice(
    address: PCIAddress(bus: 0x2F, device: 0, function: 0), source: "lost",
    config: filled(with: 0xFF, size: 4096))

  /// 300 capabilities, one right behind the other, and room behind them.
  static let crowded: LoadedDevice = {
    var builder = ConfigSpaceBuilder()
    builder.put32(0x1234_8086, at: 0)
    for index in 0..<300 {
      let offset = 0x100 + 8 * index
      // Kinds that have eight bytes.
      let id = [0x18, 0x0E, 0x0F, 0x1C][index % 4]
      builder.putExtendedHeader(id: UInt16(id), next: index == 299 ? 0 : offset + 8, at: offset)
    }
    return LoadedDevice(address: nil, source: "crowded", config: builder.config)
  }()

  /// Names that would steer a terminal, close an element, or cannot stand in XML.
  static let hostile = LoadedDevice(
    address: nil, source: "a\nb\u{1B}[2J<&>\"'\u{FFFF}\u{0}\u{85}\u{202E}",
    title: "]]><script>alert(1)</script>\u{1B}]0;x\u{7} e\u{301} 漢字 "
      + String(repeating: "long", count: 500),
    config: filled(with: 0, size: 256))

  /// The real dumps that stand beside the project, and the spaces that other tests are made of.
  static let spaces =
    RealDumps.all.map {
      LoadedDevice(address: SampleDevice.address, source: $0.file, config: $0.config)
    }
    + Fixtures.all.map {
      LoadedDevice(address: nil, source: "\($0)", config: $0.config)
    }

  static let all = [sample, withoutPASID, oddities, emptyList, lost, crowded, hostile]

  static func filled(with byte: UInt8, size: Int) -> ConfigSpace {
    var builder = ConfigSpaceBuilder(size: size)
    for offset in 0..<size { builder.put8(byte, at: offset) }
    return builder.config
  }

  /// A space of noise: sparse, dense, or with a list of noise.
  static func noise(seed: UInt64) -> LoadedDevice {
    var noise = SplitMix64(seed: seed)
    let size = ConfigSpace.sizes.randomElement(using: &noise) ?? 4096
    var builder = ConfigSpaceBuilder(size: size)
    let count = [10, 200, 6000].randomElement(using: &noise) ?? 0
    for _ in 0..<count {
      builder.put8(.random(in: 0...255, using: &noise), at: .random(in: 0..<size, using: &noise))
    }
    // Most lists end at once in noise: these go on for a while.
    if size == 4096 {
      var offset = 0x100
      for _ in 0..<Int.random(in: 0...60, using: &noise) {
        let next = 4 * Int.random(in: 0x40...0x3FF, using: &noise)
        builder.putExtendedHeader(id: .random(in: 0...0x3F, using: &noise), next: next, at: offset)
        offset = next
      }
    }
    // What is no scalar becomes a hyphen: control characters and marks stay in.
    let text = String(
      String.UnicodeScalarView(
        (0..<40).map { _ in Unicode.Scalar(UInt16.random(in: 0...0x2FFF, using: &noise)) ?? "-" }))
    return LoadedDevice(address: nil, source: "noise", title: text, config: builder.config)
  }

  static func inspect(
    _ device: LoadedDevice, view: ConfigSpace? = nil, offset: Int? = nil
  ) -> InspectedDevice? {
    Inspection.inspect(
      [device], views: view.map { [0: $0] } ?? [:], request: InspectRequest(offset: offset)
    ).first
  }
}
