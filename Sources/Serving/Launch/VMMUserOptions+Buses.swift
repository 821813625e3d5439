extension VMMUserOptions {
  /// Functions with a bus behind them, by QEMU's names.
  private static let bridges: Set = [
    "pcie-root-port", "ioh3420", "cxl-rp", "x3130-upstream", "xio3130-downstream", "cxl-upstream",
    "cxl-downstream", "pcie-pci-bridge", "pci-bridge", "pci-bridge-seat", "i82801b11-bridge",
    "dec-21154-p2p-bridge", "simba", "pxb", "pxb-pcie", "pxb-cxl",
  ]

  /// Finds a bridge whose bus would take a number from those behind the plan's root ports.
  ///
  /// Firmware numbers buses slot by slot, and what is behind a port before the next port; the plan's
  /// ports have to be the first ones of bus 0.
  func checkBuses(_ plan: VMMPlan) throws(VMMCommandError) {
    guard let last = plan.ports.last else { return }
    for (option, properties) in devices where Self.bridges.contains(properties["driver"] ?? "") {
      let isAllowed: Bool
      if ["pcie.0", "pci.0", nil].contains(properties["bus"]) {
        // Without a slot it gets the first that is free.
        let slot = properties["addr"].flatMap(Self.place)?.device
        isAllowed = slot.map { $0 > last } ?? false
      } else {
        // Behind another one of the user's, it is numbered behind that.
        isAllowed = !plan.ports.indices.map(VMMCommand.portID).contains(properties["bus"] ?? "")
      }
      // An expander's bus has the number that the user gives it.
      let number = properties["bus_nr"].flatMap { UInt8($0) }
      guard isAllowed, number.map({ Int($0) > plan.ports.count }) ?? true else {
        throw .busNumbers(option: option.text, slot: last, count: plan.ports.count)
      }
    }
  }
}
