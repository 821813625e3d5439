import Commands
import HostSystem
import PCIe
import Placement

/// The input files, written to standard output.
enum Inputs {
  /// What `lspci -xxxx` would print for some devices.
  static func dump(_ count: Int) throws {
    var sink = ByteSink()
    for (index, config) in Zoo.herd(count, of: Zoo.layouts(40)).enumerated() {
      var text: [UInt8] = []
      DumpTextWriter.append(
        address: address(index), title: "Ethernet controller: model \(index % 40)",
        config: config, to: &text)
      try sink.write(text)
    }
    try sink.flush()
  }

  /// What `passage survey` would print for the devices of many hosts: 200 models in 400 shapes.
  ///
  /// - Parameters:
  ///   - count: The number of lines.
  ///   - isSpaced: Whether a space follows each colon between keys and values, as other writers of
  ///     JSON do it.
  /// - Throws: What keeps standard output from being written.
  static func lines(_ count: Int, isSpaced: Bool) throws {
    let models = Zoo.layouts(200, seed: 2)
    let shapes = models + models.map(Zoo.rearranged)
    var random = SplitMix64(seed: 3)
    var sink = ByteSink()
    var json = JSONText()
    for index in 0..<count {
      let config = shapes[Int.random(in: 0..<shapes.count, using: &random)]
      let device = LoadedDevice(
        address: address(index % 8192), source: "rack\(index / 8192)/host\(index / 16).txt",
        config: config)
      SurveyLine(device).write(of: device, to: &json)
      try sink.write(isSpaced ? spaced(json.takeBytes()) : json.takeBytes())
    }
    try sink.flush()
  }

  /// The line with a space behind each key's colon.
  private static func spaced(_ line: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    for byte in line {
      let endsKey = byte == UInt8(ascii: ":") && result.last == UInt8(ascii: "\"")
      result.append(byte)
      if endsKey { result.append(UInt8(ascii: " ")) }
    }
    return result
  }

  private static func address(_ index: Int) -> PCIAddress {
    PCIAddress(
      domain: UInt32(index / 65536), bus: UInt8(index / 256 % 256), device: UInt8(index / 8 % 32),
      function: UInt8(index % 8))
  }
}

extension Zoo {
  /// Another shape of the same model: a register where there was none.
  static func rearranged(_ config: ConfigSpace) -> ConfigSpace {
    var builder = ConfigSpaceBuilder(config)
    builder.put32(0x0BAD_CAFE, at: 0xE80)
    return builder.config
  }
}
