import Hardware
public import IOMMUClient
public import VirtualIOMMU

/// Why a device was not realised; nothing of it is left then.
public enum RealiseError: Error, Hashable, Sendable {
  /// What was being done.
  public enum Step: String, Hashable, Sendable {
    /// Opening the device and giving it to the context.
    case bind
    /// Asking what the host's IOMMU can do.
    case information
    /// Making an address space with the guest's memory.
    case memory
    /// Attaching the device to a page table.
    case attach
    /// Reading config space.
    case config
  }

  /// The hierarchy does not have the place.
  case noSuchPlace(device: String)
  /// The host refused.
  case host(device: String, Step, IOMMUError)
  /// The guest's VT-d unit would have to nest a requester that several functions share.
  case belowConventionalBridge(device: String, bridge: String)
  /// The guest's IOMMU did not take the device.
  case refused(device: String, HostDeviceRefusal)
  /// The host answers with something that is no config space.
  case noConfigSpace(device: String, byteCount: Int)
}

extension RealiseError: CustomStringConvertible {
  /// The error in words, with what can be done.
  public var description: String {
    switch self {
    case .noSuchPlace(let device):
      "\(device): its place is not in the PCI hierarchy: add the function before it is realised"
    case .host(let device, let step, let error): "\(device), \(step.words): \(error)"
    case .belowConventionalBridge(let device, let bridge):
      "\(device) is below \(bridge), and a VT-d unit that nests first stages cannot tell the "
        + "functions below a conventional bridge apart: put it behind a root port"
    case .refused(let device, let refusal):
      "\(device): the guest's IOMMU does not take it: \(refusal.reason)"
    case .noConfigSpace(let device, let byteCount):
      "\(device): VFIO shows \(byteCount) bytes of config space, and a function has 256 or 4096"
    }
  }
}

extension RealiseError.Step {
  fileprivate var words: String {
    switch self {
    case .bind: "binding it to iommufd"
    case .information: "asking for its IOMMU"
    case .memory: "mapping guest memory"
    case .attach: "attaching it"
    case .config: "reading its config space"
    }
  }
}

extension HostDeviceRefusal {
  /// The refusal in words, with what can be done.
  var reason: String {
    switch self {
    case .otherKind(let host, let guest):
      "the host has \(host) and the guest was given \(guest): give the guest the host's kind"
    case .missing(let feature, let device):
      "the host's unit has no \(feature) for \(device): configure the guest's IOMMU without it"
    case .guestLacks(let feature, let device):
      "it was configured without \(feature), which \(device) needs: configure it with that"
    case .addressWidth(let host, let guest, _):
      "the host translates \(host) bits and the guest was promised \(guest): give the guest's "
        + "IOMMU narrower addresses"
    case .granule(let host, let guest, _):
      "the host's smallest page has \(host) bytes and the guest's \(guest)"
    case .taken(let requester):
      "requester \(requester.sourceID.hex(digits: 4)) has a device already"
    }
  }
}
