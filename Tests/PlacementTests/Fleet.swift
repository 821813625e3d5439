import Hardware
import PCIe
import Placement
import TestSupport

/// A device of a made-up fleet.
struct Member: Hashable {
  let name: String
  let key: KeyedEvidence
  var evidence: PlacementEvidence { key.evidence }

  init(_ name: String, _ config: ConfigSpace) {
    self.name = name
    key = KeyedEvidence(Cases.evidence(config))
  }
}

/// Fleets whose devices all say that they are the same model.
enum Fleet {
  static let model = DeviceModel(vendorID: 0x1234, deviceID: 0x5678, revision: 1)

  /// The config space with the model's identity.
  static func disguised(_ config: ConfigSpace) -> ConfigSpace {
    var builder = ConfigSpaceBuilder(config)
    builder.put32(0x5678_1234, at: 0)
    builder.put8(1, at: 8)
    return builder.config
  }

  /// A few devices of few kinds, or many of many.
  static func random(using generator: inout SplitMix64) -> [Member] {
    let pool = Cases.all.map(\.config).filter {
      PlacementOracle.isUsable($0) || Int.random(in: 0..<12, using: &generator) == 0
    }
    let kinds = Int.random(in: 1...3, using: &generator)
    var configs = (0..<kinds).compactMap { _ in pool.randomElement(using: &generator) }
    if Bool.random(using: &generator) {
      for config in configs {
        for _ in 0..<Int.random(in: 0...12, using: &generator) {
          configs.append(Fixtures.mutated(config, using: &generator))
        }
      }
    }
    return (0..<Int.random(in: 1...40, using: &generator)).compactMap { index in
      configs.randomElement(using: &generator).map { Member("device \(index)", disguised($0)) }
    }
  }

  /// Like the sample without its PASID capability, with one stray register.
  static func sample(strayAt offsets: some Sequence<Int>) -> ConfigSpace {
    var builder = ConfigSpaceBuilder(SampleDevice.sapphireRapidsDSA)
    builder.putExtendedHeader(id: 0x0F, next: 0x240, at: 0x220)
    builder.put32(0, 0, at: 0x230)
    for offset in offsets { builder.put8(1, at: offset) }
    return disguised(builder.config)
  }

  /// Every dword of that device that nobody owns.
  static let sampleHoles: [Int] = {
    let claimed = LayoutMap(of: sample(strayAt: [])).claimed
    return stride(from: 0x100, to: 0x1000, by: 4).filter { !claimed.contains($0) }
  }()

  static func survey(_ members: some Sequence<Member>) -> ModelSurvey {
    var survey = ModelSurvey(of: model)
    for member in members { survey.add(member.key, names: [member.name]) }
    return survey
  }
}
