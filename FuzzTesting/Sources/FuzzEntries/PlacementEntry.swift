@testable import Commands
import Hardware
import PCIe
import Placement

/// Devices of one model, declared ranges and an offset to ask for.
///
/// Byte 0: bit 0 a second device, bit 1 a view through VFIO of the first one, bit 2 an offset is
/// asked for, bit 3 it is any number; then a config space each, the ranges and the offset.
enum PlacementEntry {
  static func run(_ bytes: [UInt8]) {
    var feed = ByteFeed(bytes)
    let flags = feed.byte()
    let first = ConfigRecipe.config(&feed)
    var configs = [first]
    if flags & 1 == 1 { configs.append(ofSameModel(ConfigRecipe.config(&feed), as: first)) }
    let view = flags & 2 == 2 ? ConfigRecipe.changed(first, &feed) : nil
    let declarations = Declarations(user: ranges(&feed), quirks: [])
    let asked: Int? =
      switch flags >> 2 & 3 {
      case 0: nil
      case 1: 4 * Int(feed.integer(UInt16.self) & 0x3FF)
      default: feed.integer(Int.self)
      }
    inspect(configs, view: view, asked: asked, declarations)
    let evidence = configs.map { PlacementEvidence(layout: LayoutMap(of: $0), of: $0) }
    for one in evidence { decide(one, asked: asked, declarations) }
    FleetCheck(evidence, configs, declarations).run()
  }

  private static func ofSameModel(_ config: ConfigSpace, as other: ConfigSpace) -> ConfigSpace {
    var builder = ConfigSpaceBuilder(config)
    for offset in [0, 8] { builder.put32(other.read32(offset), at: offset) }
    return builder.config
  }

  private static func ranges(_ feed: inout ByteFeed) -> [DeclaredRange] {
    (0..<feed.byte() & 7).compactMap { _ in
      let (start, length) = (feed.integer(UInt16.self), Int(feed.integer(UInt16.self) & 0x7FF))
      let first = Int(start & 0xFFF)
      return try? DeclaredRange(
        first...first + length, start >> 12 & 1 == 1 ? .forbidden : .free, source: "fuzz")
    }
  }

  /// What `passage inspect` does: a placed capability can be walked to and stands on free bytes.
  private static func inspect(
    _ configs: [ConfigSpace], view: ConfigSpace?, asked: Int?, _ declarations: Declarations
  ) {
    let devices = configs.enumerated().map {
      LoadedDevice(address: nil, source: "\($0.offset)", config: $0.element)
    }
    let results = Inspection.inspect(
      devices, views: view.map { [0: $0] } ?? [:],
      request: InspectRequest(offset: asked, declarations: declarations))
    for result in results {
      require(result.decision.reasons.allSatisfy { !"\($0)".isEmpty }, "a reason without words")
      guard case .placed(let offset, let grade) = result.decision.outcome else { continue }
      require(grade != .refused && asked ?? offset == offset, "placed at \(offset), \(grade)")
      let place = offset..<offset + PASIDCapability.length
      for config in [result.device.config, result.base] {
        let isFree = place.allSatisfy {
          config.read8($0) == 0 || offset == 0x100 && (0x100..<0x104).contains($0)
        }
        require(isFree, "\(offset) is not free")
      }
      for range in declarations.user where range.verdict == .forbidden {
        require(!range.bytes.overlaps(place), "\(offset) is forbidden")
      }
      guard let guest = result.guestConfig else { fatalError("placed, and no insertion") }
      let found = guest.walkCapabilities().first(Capability.pasidID, in: .extended)
      require(found?.offset == offset, "the guest finds \(String(describing: found))")
      let check = InsertionCheck(result.base, LayoutMap(of: result.base))
      let refusal = check.run(PASIDCapability().extendedCapability, at: offset)
      require(refusal == nil, "the insertion is refused: \(String(describing: refusal))")
    }
  }

  /// What a decision offers can be had.
  private static func decide(
    _ evidence: PlacementEvidence, asked: Int?, _ declarations: Declarations
  ) {
    let placer = Placer(evidence, declarations: declarations)
    let best = placer.decide()
    let decision = placer.decide(asked: asked)
    require(decision.reasons.allSatisfy { !"\($0)".isEmpty }, "a reason without words")
    for offered in best.alternatives + decision.alternatives where evidence.pasid == nil {
      let outcome = placer.decide(asked: offered.offset).outcome
      require(
        outcome == .placed(offset: offered.offset, offered.grade),
        "\(offered) was offered, and is \(outcome)")
    }
    guard case .placed(let offset, let grade) = best.outcome else { return }
    require(
      placer.decide(asked: offset).outcome == .placed(offset: offset, grade), "asked is not best")
    if case .placed(_, let other) = decision.outcome {
      require(grade <= other, "\(other) was to be had and \(grade) chosen")
    }
  }
}
