public import PCIe
public import VirtualIOMMU

/// What a migration carries of a realised device besides the device's own state.
///
/// What its PASIDs go through is not in it: that is the state of the guest's IOMMU, which puts
/// translations in place again on the other side.
public struct DeviceState: Hashable, Sendable, Codable {
  /// The version of this form.
  public static let version = 1

  /// The form's version.
  public let version: Int
  /// The layout of config space as the guest sees it.
  public let layout: ConfigLayout
  /// The emulated registers.
  public let registers: [EmulatedValue]

  /// Describes a device's state.
  ///
  /// - Parameters:
  ///   - layout: The layout of config space.
  ///   - registers: The emulated registers.
  public init(layout: ConfigLayout, registers: [EmulatedValue]) {
    version = Self.version
    self.layout = layout
    self.registers = registers
  }
}

/// Why a device's state cannot be taken over; nothing has changed then.
public enum RestoreError: Error, Hashable, Sendable {
  /// The state is of another form.
  case version(Int, device: String)
  /// The guest would find other bytes than before.
  case layout([LayoutDifference], device: String)
  /// The two sides do not emulate the same registers.
  case registers(EmulatedStateError, device: String)
  /// The host could not do what the state calls for.
  case host(BackendRefusal, device: String)
}

extension RestoreError: CustomStringConvertible {
  /// The error in words, with the bytes and what can be done.
  public var description: String {
    switch self {
    case .version(let version, let device):
      "\(device): its state has form \(version), and this side reads form "
        + "\(DeviceState.version): use the same version on both sides"
    case .layout(let differences, let device):
      "\(device): its guest would find other bytes of config space: "
        + differences.map { "\($0)" }.joined(separator: "; ")
        + ". Give both sides the same plan (passage plan) and the same configuration"
    case .registers(let error, let device): "\(device): \(error)"
    case .host(let refusal, let device): "\(device): \(refusal)"
    }
  }
}

extension RealisedDevice {
  /// What a migration carries of the device.
  public mutating func state() -> DeviceState {
    DeviceState(layout: ConfigLayout(of: guestConfig()), registers: emulation.state)
  }

  /// Takes over the state that the device had on another host.
  ///
  /// - Parameter state: The state.
  /// - Returns: The emulated registers that have another value than before, such as
  ///   `changes.pasidControl`.
  /// - Throws: ``RestoreError``, which names the bytes that differ; nothing has changed then.
  @discardableResult
  public mutating func restore(_ state: DeviceState) throws(RestoreError) -> [RegisterChange] {
    guard state.version == DeviceState.version else {
      throw .version(state.version, device: name)
    }
    let differences = ConfigLayout(of: guestConfig()).differences(from: state.layout)
    guard differences.isEmpty else { throw .layout(differences, device: name) }
    let before = emulation
    let wasOn = config.hasPageRequestsOn
    let changes: [RegisterChange]
    do {
      changes = try config.space.emulation.restore(state.registers)
    } catch {
      throw .registers(error, device: name)
    }
    if let refusal = followPageRequests(wasOn: wasOn) {
      emulation = before
      throw .host(refusal, device: name)
    }
    return changes
  }
}
