import PCIe

/// What a guest is told of where the device is, which is not where the host has it.
extension SynthesisPlan {
  /// Where the PCI Express Capabilities register is.
  private var expressRegister: Int? {
    walk.first(Capability.pciExpressID, in: .legacy).map { $0.offset + 2 }
  }

  /// Whether the function has to say that it is integrated: software looks for nothing else on a
  /// root bus, and takes an endpoint there to have no End-End TLP prefixes.
  var isShownAsIntegrated: Bool {
    guard facts.isOnRootBus, walk.isIntact(.legacy), let type = walk.port.portType else {
      return false
    }
    return type == 0 || type == 1
  }

  /// Device/Port Type, and the bit that says whether the device has further functions.
  func positionRows() -> [EmulatedRegister] {
    var rows: [EmulatedRegister] = []
    if isShownAsIntegrated, let register = expressRegister {
      // Version and interrupt message number stay; an integrated endpoint has no slot.
      let value = UInt32(facts.view.read16(register)) & ~0x00F0 & ~0x0100 | 9 << 4
      rows.append(EmulatedRegister(offset: register, width: .word, reset: value))
    }
    let header = facts.view.read8(0x0E)
    let shown = header & 0x7F | (facts.isMultiFunction ? 0x80 : 0)
    if shown != header {
      rows.append(EmulatedRegister(offset: 0x0E, width: .byte, reset: UInt32(shown)))
    }
    return rows
  }
}
