public import PCIe
import Placement

/// Inspects devices together, so that dumps of one model speak for each other.
public enum Inspection {
  /// A device with what is known of it before the decision.
  private struct Examined {
    let device: LoadedDevice
    let view: ConfigSpace?
    let layout: LayoutMap
    let evidence: PlacementEvidence
  }

  /// Finds out where the capability goes on each device.
  ///
  /// - Parameters:
  ///   - devices: The devices; those of one model count as each other's further dumps.
  ///   - views: Config spaces as VFIO shows them, by the index of their device.
  ///   - request: What is asked.
  /// - Returns: One result a device, in the same order.
  public static func inspect(
    _ devices: [LoadedDevice], views: [Int: ConfigSpace] = [:], request: InspectRequest
  ) -> [InspectedDevice] {
    let examined = devices.enumerated().map { index, device in
      examine(device, view: views[index])
    }
    var models: [DeviceModel: ModelGround] = [:]
    for one in examined where one.evidence.space == .usable {
      let ground = Ground(one.evidence)
      models[one.evidence.model, default: ModelGround()].add(ground, name: one.device.name)
    }
    return examined.map { decide($0, among: models[$0.evidence.model], request) }
  }

  private static func examine(_ device: LoadedDevice, view: ConfigSpace?) -> Examined {
    let layout = LayoutMap(of: device.config)
    let evidence =
      view.map { PlacementEvidence(layout: layout, of: device.config, view: $0) }
      ?? PlacementEvidence(layout: layout, of: device.config)
    return Examined(device: device, view: view, layout: layout, evidence: evidence)
  }

  private static func decide(
    _ examined: Examined, among model: ModelGround?, _ request: InspectRequest
  ) -> InspectedDevice {
    let placer = Placer(examined.evidence, model: model, declarations: request.declarations)
    var decision = placer.decide(asked: request.offset)
    let base = examined.view ?? examined.device.config
    let own = examined.evidence.hiddenPASID.map {
      PASIDCapability(register: examined.device.config.read16(Int($0.offset) + 4))
    }
    let capability = request.capability ?? own ?? PASIDCapability()
    var insertion: CapabilityInsertion?
    if case .placed(let offset, _) = decision.outcome {
      let layout = examined.view.map { LayoutMap(of: $0) } ?? examined.layout
      do {
        insertion = try layout.inserting(
          capability.extendedCapability, at: offset, in: base)
      } catch {
        // Placement knows less than the insertion: what cannot be written is refused.
        decision = PlacementDecision(
          outcome: .refused, reasons: [.refusal(error)], alternatives: decision.alternatives)
      }
    }
    return InspectedDevice(
      device: examined.device, base: base, layout: examined.layout, evidence: examined.evidence,
      decision: decision, capability: capability, own: own, insertion: insertion)
  }
}
