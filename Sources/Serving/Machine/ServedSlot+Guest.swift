import Hardware
import PCIe
import VirtualIOMMU

extension ServedSlot {
  /// Who the function is to the unit.
  var requester: RequesterID {
    RequesterID(bus: place.bus, devfn: (place.device & 31) << 3 | place.function & 7)
  }

  /// The way there, as a DMAR table tells it: a root port stands for all behind it.
  var scope: DMARScope {
    if let port {
      return DMARScope(
        .bridge, path: [DMARScope.Hop(device: port.device, function: port.function)])
    }
    return DMARScope(
      .endpoint, path: [DMARScope.Hop(device: place.device, function: place.function)])
  }

  /// The function as a VMM's options name it.
  var planned: VMMPlan.Function {
    VMMPlan.Function(
      name: name,
      place: VMMPlace(port: port?.device, device: place.device, function: place.function),
      socket: socketPath)
  }
}
