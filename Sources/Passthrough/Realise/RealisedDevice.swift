public import Hardware
import IOMMUClient
public import PCIe
public import VirtualIOMMU

/// A device that a guest has: what the host gave, what its IOMMU was told, and its config space.
///
/// It owns the device. When it ends, or at ``unrealise()``, the guest's IOMMU lets the device go
/// first, then everything that was attached is detached, and the device is closed. The VMM drives it
/// from one thread at a time, the one that also drives the guest's IOMMU.
public struct RealisedDevice: ~Copyable {
  /// What the operator calls it.
  public let name: String
  /// Who it is to the guest's IOMMU; `nil` while that does not have it: without one, without a host
  /// IOMMU, and until the guest has numbered the device's bus.
  public private(set) var requester: RequesterID?
  /// What the guest's IOMMU was told of the host; `nil` for a device without a host IOMMU.
  public let hostDevice: HostIOMMUDevice?
  /// How it is attached, and why.
  public let attachment: DeviceAttachment
  /// What the guest is shown of PASIDs, ATS and page requests, and why.
  public let synthesis: SynthesisDecision
  /// What carries out the guest's wishes; `nil` for a device without a host IOMMU.
  public let backend: IOMMUFDBackend?

  /// The guest's IOMMU, when it was told of the device.
  let iommu: (any GuestIOMMU)?
  /// The device, also one without a host IOMMU; whoever keeps it keeps it open.
  package let kept: KeptDevice?
  /// What a device without page tables is attached to.
  let space: DeviceSpace?
  var config: GuestConfigSpace

  init(
    _ name: String, _ parts: consuming RealisedParts,
    _ config: GuestConfigSpace, _ synthesis: SynthesisDecision
  ) {
    self.name = name
    requester = parts.requester
    hostDevice = parts.hostDevice
    attachment = parts.attachment
    self.synthesis = synthesis
    backend = parts.backend
    iommu = parts.iommu
    kept = parts.kept
    space = parts.space
    self.config = config
  }

  deinit {
    if let requester { iommu?.remove(requester) }
    backend?.end()
  }

  /// Takes the device away from the guest now, as at its hot-unplug.
  public consuming func unrealise() {}
}

// MARK: Config space

extension RealisedDevice {
  /// Answers a guest's read of config space.
  ///
  /// - Parameters:
  ///   - width: The number of bytes.
  ///   - offset: The offset of the lowest byte.
  /// - Returns: The little-endian value, zero beyond the width.
  public mutating func readConfig(_ width: AccessWidth, at offset: Int) -> UInt32 {
    config.space.read(width, at: offset)
  }

  /// Carries out a guest's write to config space.
  ///
  /// When the guest turns page requests on or off, the host follows before this returns. When it
  /// cannot, the guest reads that they are as before.
  ///
  /// - Parameters:
  ///   - value: The little-endian value.
  ///   - width: The number of bytes.
  ///   - offset: The offset of the lowest byte.
  /// - Returns: What changed, and why the host did not follow if it did not.
  @discardableResult
  public mutating func writeConfig(
    _ value: UInt32, _ width: AccessWidth, at offset: Int
  ) -> ConfigWriteOutcome {
    let wasOn = config.hasPageRequestsOn
    let changes = config.write(value, width, at: offset)
    return ConfigWriteOutcome(changes: changes, problem: followPageRequests(wasOn: wasOn))
  }

  /// The registers that are emulated, so that a VMM can add its own: interrupts, BARs.
  public var emulation: ConfigEmulation {
    get { config.space.emulation }
    set { config.space.emulation = newValue }
  }

  /// All of config space as the guest reads it now.
  public mutating func guestConfig() -> ConfigSpace {
    // Read at once, as each access to the device's own is a system call.
    let own = try? config.space.physical.snapshot()
    var copy = own.map { VirtualConfigSpace($0, emulation: config.space.emulation) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(ConfigSpace.extendedSize)
    for offset in stride(from: 0, to: ConfigSpace.extendedSize, by: 4) {
      let value =
        copy?.read(.dword, at: offset) ?? config.space.read(.dword, at: offset)
      for byte in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(8 * byte))) }
    }
    return ConfigSpace(unchecked: bytes)
  }

  /// Lets the host do what the guest wrote; puts the register back when it cannot.
  mutating func followPageRequests(wasOn: Bool) -> BackendRefusal? {
    let isOn = config.hasPageRequestsOn
    guard isOn != wasOn, let backend else { return nil }
    do {
      try backend.setPageRequests(isOn)
      return nil
    } catch {
      config.turnPageRequests(on: wasOn)
      return error
    }
  }
}

// MARK: Page requests

extension RealisedDevice {
  /// What to wait on for page requests; `nil` while the guest has them off.
  public var pageRequestDescriptor: Int32? { backend?.pageRequestDescriptor }

  /// Passes page requests that wait to the guest's IOMMU; never waits itself.
  ///
  /// The VMM calls it when ``pageRequestDescriptor`` can be read. A group that the guest will not
  /// answer is answered as one that cannot be had.
  ///
  /// - Returns: How many requests there were.
  /// - Throws: When the queue cannot be read.
  @discardableResult
  public func deliverPageRequests() throws(BackendRefusal) -> Int {
    guard let backend else { return 0 }
    let requests = try backend.takePageRequests()
    for request in requests {
      // A device that is withdrawn has nobody who answers, and the descriptor must not stay readable.
      let isTaken = requester.flatMap { iommu?.report(request, from: $0) } ?? false
      guard !isTaken, request.isLast else { continue }
      // Nothing happens when the unit has answered by itself.
      backend.respond(
        PageGroupResponse(pasid: request.pasid, group: request.group, code: .invalid))
    }
    return requests.count
  }
}

// MARK: Reset

extension RealisedDevice {
  /// Puts device and config space back to how they were when it was realised, as at a reset of the
  /// whole machine.
  ///
  /// The device is reset, PASIDs are detached and requests without one pass through; then the guest's
  /// IOMMU takes the device anew, and puts in place what the guest's tables say by then. Reset the
  /// IOMMU after its devices: one that still runs would reach memory past it. A guest's own reset of
  /// the function does not come here: it leaves alone what the IOMMU has.
  ///
  /// - Throws: ``RealiseError`` when the host refuses, or the guest's IOMMU does.
  public mutating func reset() throws(RealiseError) {
    config.space.emulation.reset()
    let place = requester
    withdraw()
    var problem: IOMMUError?
    // The device first: what it still does at addresses of the guest's must not pass through.
    do {
      if let kept, try kept.device.information().canReset { try kept.device.reset() }
    } catch {
      problem = error
    }
    do {
      try backend?.reset()
    } catch {
      problem = problem ?? error
    }
    if let place { try announce(at: place) }
    if let problem { throw .host(device: name, .attach, problem) }
  }
}

// MARK: Bus numbers

extension RealisedDevice {
  /// Follows the bus numbers that the guest gives: the guest's IOMMU finds the device under its new
  /// requester ID, and puts in place what the guest's tables say of that.
  ///
  /// When the guest renumbers several buses, ``withdraw()`` all devices behind them first, so that
  /// none stands where another goes.
  ///
  /// - Parameters:
  ///   - place: The device's function.
  ///   - topology: The hierarchy with its new numbers.
  /// - Throws: ``RealiseError`` when the guest's IOMMU has a device there already; then this device
  ///   is withdrawn, and what it had is taken away.
  public mutating func renumber(
    _ place: PCITopology.FunctionID, in topology: PCITopology
  ) throws(RealiseError) {
    let new = topology.requester(of: place).flatMap { $0.isNumbered ? $0.id : nil }
    guard new != requester else { return }
    withdraw()
    do {
      // What belonged to the old requester ID is none of the new one's.
      try backend?.reset(keepsPageRequests: true)
    } catch {
      throw .host(device: name, .attach, error)
    }
    if let new { try announce(at: new) }
  }

  /// Takes the device out of the guest's IOMMU, which calls nothing of it any more.
  public mutating func withdraw() {
    if let requester { iommu?.remove(requester) }
    requester = nil
  }

  private mutating func announce(at place: RequesterID) throws(RealiseError) {
    guard let iommu, let hostDevice else { return }
    do {
      try iommu.add(hostDevice, at: place)
      requester = place
    } catch {
      throw .refused(device: name, error)
    }
  }
}
