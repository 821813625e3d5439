import HostABI
import Hardware
import IOMMUClient
import PCIe
import VirtualIOMMU

/// What the steps of realising a device have got so far; what is left when one fails is undone.
struct RealisedParts: ~Copyable {
  let kept: KeptDevice?
  var backend: IOMMUFDBackend?
  var attachment: DeviceAttachment
  /// What a device without page tables is attached to.
  var space: DeviceSpace?
  var hostDevice: HostIOMMUDevice?
  /// The guest's IOMMU, once it has taken the device or said that it would.
  var iommu: (any GuestIOMMU)?
  /// Where the guest's IOMMU has the device; `nil` while the guest has not numbered its bus.
  var requester: RequesterID?
}

extension PassthroughMachine {
  /// Gives a device to the guest.
  ///
  /// In this order, so that nothing asks for a fact before it exists: the flags of the guest's IOMMU,
  /// which follow from the user's configuration alone; binding, what the host can do, and the page
  /// table with the flags that both call for; only then the ``HostIOMMUDevice``, which the guest's
  /// IOMMU may refuse; and last the capabilities that the guest is shown.
  ///
  /// A device without a host IOMMU (mediated, emulated, of a legacy container) is realised without
  /// PASIDs and without harm.
  ///
  /// - Parameters:
  ///   - request: The device and its place.
  ///   - topology: The hierarchy that the guest sees.
  /// - Returns: The device.
  /// - Throws: ``RealiseError``; then nothing of the device is left.
  public func realise(
    _ request: DeviceRequest, in topology: PCITopology
  ) throws(RealiseError) -> RealisedDevice {
    guard let requester = topology.requester(of: request.place) else {
      throw .noSuchPlace(device: request.name)
    }
    var parts = try attach(request, for: requester)
    var function: HostFunction
    switch request.source {
    case .foreign(let config): function = HostFunction(foreign: config)
    case .node, .descriptor:
      guard let kept = parts.kept else { throw .noSuchPlace(device: request.name) }
      do {
        function = try HostFunction(kept)
      } catch {
        parts.backend?.end()
        throw .host(device: request.name, .config, error)
      }
    }
    let view: ConfigSpace
    do {
      view = try function.snapshot()
    } catch {
      parts.backend?.end()
      throw Self.error(error, request.name)
    }
    if let iommu = requester.iommu, let hostDevice = parts.hostDevice {
      do {
        try Self.tell(iommu, hostDevice, requester, parts.backend)
      } catch {
        parts.backend?.end()
        throw error
      }
      parts.iommu = iommu
      parts.requester = requester.isNumbered ? requester.id : nil
    }
    let facts = Self.facts(view, parts, requester, request.place, in: topology)
    let guest = Synthesis.view(of: facts, request.synthesis)
    return RealisedDevice(
      request.name, parts, GuestConfigSpace(function, guest, of: view),
      guest.decision)
  }

  /// An ID that no function has: the last one of the last bus, which a guest would reach last.
  private static let probe = RequesterID(segment: .max, bus: .max, devfn: .max)

  /// Hands the device to the guest's IOMMU, or asks whether that would take it while the guest has
  /// not numbered its bus: firmware does so long after devices are realised.
  private static func tell(
    _ iommu: any GuestIOMMU, _ device: HostIOMMUDevice, _ requester: Requester,
    _ backend: IOMMUFDBackend?
  ) throws(RealiseError) {
    do {
      try iommu.add(device, at: requester.isNumbered ? requester.id : Self.probe)
    } catch {
      throw .refused(device: device.name, error)
    }
    guard !requester.isNumbered else { return }
    iommu.remove(Self.probe)
    do {
      try backend?.reset()
    } catch {
      throw .host(device: device.name, .attach, error)
    }
  }

  private static func error(_ error: RealiseSnapshotError, _ name: String) -> RealiseError {
    switch error {
    case .host(let error): .host(device: name, .config, error)
    case .size(let count): .noConfigSpace(device: name, byteCount: count)
    }
  }

  /// What the decisions about capabilities rest on, with the device's own word on what it is.
  private static func facts(
    _ view: ConfigSpace, _ parts: borrowing RealisedParts, _ requester: Requester,
    _ place: PCITopology.FunctionID, in topology: PCITopology
  ) -> SynthesisFacts {
    var topology = topology
    let isOnRootBus = topology.isOnRootBus(place)
    let isMultiFunction = topology.isMultiFunction(place)
    var own = PCIFunction(reading: view)
    if isOnRootBus, own.kind == .endpoint { own.kind = .integratedEndpoint }
    own.isMultiFunction = isMultiFunction
    topology.update(own, of: place)
    return SynthesisFacts(
      view: view, host: Self.host(parts), guest: requester.iommu.map { .init($0) },
      path: topology.pasidPath(of: place), isOnRootBus: isOnRootBus,
      isMultiFunction: isMultiFunction)
  }

  private static func host(_ parts: borrowing RealisedParts) -> SynthesisFacts.Host {
    guard let device = parts.hostDevice, let backend = parts.backend else {
      return .absent(parts.kept == nil ? .foreign : .emulated)
    }
    let options = backend.parentOptions
    return .present(
      pasids: device.pasidInfo, canAttachPASIDs: options.contains(.pasid),
      supportsATS: device.supportsATS, nests: options.contains(.nestParent))
  }
}
