import Hardware
public import PCIe
public import VirtualIOMMU

/// What a guest's write to config space changed.
public struct ConfigWriteOutcome: Sendable {
  /// Emulated registers with another value than before, such as `changes.pasidControl`.
  public let changes: RegisterChanges
  /// Why the host did not follow; the register was put back then.
  public let problem: BackendRefusal?
}

/// A device's config space as the guest sees it, with the ATS and PRI registers acting as hardware.
struct GuestConfigSpace {
  var space: VirtualConfigSpace<HostFunction>
  let ats: Int?
  let pri: Int?
  /// Where Device Control is, when a write there can reset the function.
  let resetControl: Int?

  init(_ physical: HostFunction, _ view: GuestView, of config: ConfigSpace) {
    space = VirtualConfigSpace(physical, emulation: view.emulation)
    ats = view.atsOffset
    pri = view.priOffset
    let express = config.walkCapabilities().first(Capability.pciExpressID, in: .legacy)
    // Device Capabilities bit 28: Function Level Reset.
    resetControl = express.flatMap {
      config.read32($0.offset + 4) >> 28 & 1 == 1 ? $0.offset + 8 : nil
    }
  }

  /// Whether the guest turned page requests on.
  var hasPageRequestsOn: Bool {
    guard let pri else { return false }
    let control = space.emulation.value(at: pri + TranslationServices.priControl) ?? 0
    return control & TranslationServices.priEnable != 0
  }

  /// Carries out a write, and keeps the status bits of PRI true.
  mutating func write(_ value: UInt32, _ width: AccessWidth, at offset: Int) -> RegisterChanges {
    let changes = space.write(value, width, at: offset)
    if resets(value, width, at: offset) { space.emulation.reset() }
    if let pri, changes.contains(where: { $0.offset == pri + TranslationServices.priControl }) {
      setStatus(isOn: hasPageRequestsOn)
    }
    return changes
  }

  /// Turns page requests off, as the VMM's answer to a host that does not follow.
  mutating func turnPageRequests(on isOn: Bool) {
    guard let pri else { return }
    space.emulation.set(
      isOn ? TranslationServices.priEnable : 0, at: pri + TranslationServices.priControl)
    setStatus(isOn: isOn)
  }

  /// Stopped is clear while page requests are on; turning them on clears the errors.
  private mutating func setStatus(isOn: Bool) {
    guard let pri else { return }
    let place = pri + TranslationServices.priStatus
    let old = space.emulation.value(at: place) ?? 0
    let new =
      isOn
      ? old & ~(TranslationServices.priStopped | TranslationServices.priErrors)
      : old | TranslationServices.priStopped
    space.emulation.set(new, at: place)
  }

  /// Whether a write sets Initiate Function Level Reset, Device Control bit 15.
  private func resets(_ value: UInt32, _ width: AccessWidth, at offset: Int) -> Bool {
    // A guest may ask for any offset; what is outside reaches no register.
    guard let resetControl, (0..<ConfigSpace.extendedSize).contains(offset) else { return false }
    let byte = resetControl + 1 - offset
    return (0..<width.rawValue).contains(byte) && value >> UInt32(8 * byte + 7) & 1 == 1
  }
}
