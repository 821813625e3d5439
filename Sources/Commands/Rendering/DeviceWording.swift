import Hardware
import PCIe
import Placement

/// How reports name a device and what was decided about it; text and picture say the same.
extension InspectedDevice {
  /// What to call the device: its address and what its source calls it.
  var heading: String {
    let title = device.title.plainLine().trimmed
    let name = title.isEmpty ? ids : title
    return device.address.map { "\($0) \(name)" } ?? name
  }

  /// Vendor and device ID as `lspci -n` writes them.
  var ids: String {
    "\(device.config.vendorID.hex(digits: 4)):\(device.config.deviceID.hex(digits: 4))"
  }

  /// What the function is: its IDs, class and size.
  var facts: [String] {
    let config = device.config
    // Without a title the heading has the IDs.
    let isTitled = !device.title.plainLine().trimmed.isEmpty
    var facts = (isTitled ? [ids] : []) + ["revision \(config.revision.hex(digits: 2))"]
    let word = ClassWords.base(UInt8(config.classCode >> 16))
    facts.append("class \(config.classCode.hex(digits: 6))" + (word.map { " (\($0))" } ?? ""))
    if let subsystem { facts.append("subsystem \(subsystem)") }
    facts.append("\(config.size) bytes")
    return facts
  }

  private var subsystem: String? {
    let both = layout.walk.subsystem(in: device.config)
    guard both != 0 else { return nil }
    return "\((both >> 16).hex(digits: 4)):\((both & 0xFFFF).hex(digits: 4))"
  }

  /// Where the device was read from.
  var origin: String {
    device.source.plainLine() + (device.line.map { ", line \($0)" } ?? "")
  }

  /// The decision in one line.
  var verdict: String {
    switch decision.outcome {
    case .placed(let offset, let grade): "vPASID at \(offset.hex): \(grade)"
    case .present(let offset): "PASID at \(offset.hex): already present"
    case .refused: "vPASID: refused"
    }
  }

  /// What the PASID capability says that the guest sees; `nil` when it sees none.
  func promise(_ capability: PASIDCapability) -> String? {
    let register: UInt16
    switch decision.outcome {
    case .refused: return nil
    case .placed: register = capability.register
    case .present(let offset): register = base.read16(offset + 4)
    }
    let permissions = [(1, "execute"), (2, "privileged mode")].map { bit, name in
      (register >> bit & 1 == 1 ? "" : "no ") + name
    }
    return "\(register >> 8 & 0x1F) bits, " + permissions.joined(separator: ", ")
  }

  /// The capability whose pointer leads to the new one.
  var linkedFrom: String? {
    guard let link = insertion?.link else { return nil }
    let before = ExtendedHeader(rawValue: link.value).id
    let name = CapabilityCatalogue.kind(before, in: .extended).map { "\($0.short)" } ?? before.hex
    return addsPlaceholder
      ? "a placeholder at \(link.offset.hex), as the list is empty"
      : "\(name) at \(link.offset.hex)"
  }
}

extension String {
  /// The text without spaces at its ends.
  var trimmed: String {
    guard let first = firstIndex(where: { !$0.isWhitespace }),
      let last = lastIndex(where: { !$0.isWhitespace })
    else { return "" }
    return String(self[first...last])
  }
}

/// Base classes in words, PCI Code and ID Assignment Specification 1.
private enum ClassWords {
  static func base(_ code: UInt8) -> String? {
    switch code {
    case 0x01: "mass storage"
    case 0x02: "network"
    case 0x03: "display"
    case 0x04: "multimedia"
    case 0x05: "memory"
    case 0x06: "bridge"
    case 0x07: "communication"
    case 0x08: "system peripheral"
    case 0x09: "input"
    case 0x0A: "docking station"
    case 0x0B: "processor"
    case 0x0C: "serial bus"
    case 0x0D: "wireless"
    case 0x0E: "intelligent I/O"
    case 0x0F: "satellite"
    case 0x10: "encryption"
    case 0x11: "signal processing"
    case 0x12: "accelerator"
    case 0x13: "instrumentation"
    case 0x40: "coprocessor"
    default: nil
    }
  }
}
