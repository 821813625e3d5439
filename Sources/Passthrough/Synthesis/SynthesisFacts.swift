public import PCIe
public import VirtualIOMMU

/// What the decisions about a guest's capabilities rest on, from all parties.
public struct SynthesisFacts: Sendable {
  /// The host: what its PASIDs can do, or why there is no host IOMMU to speak of.
  public enum Host: Hashable, Sendable {
    /// There is none.
    case absent(NoHostIOMMU)
    /// What PASIDs can do (`nil` for none), whether they can be attached, and whether ATS can be used.
    case present(
      pasids: HostIOMMUDevice.PASIDInfo?, canAttachPASIDs: Bool, supportsATS: Bool,
      nests: Bool)
  }

  /// The guest's IOMMU, from the user's configuration.
  public struct Guest: Hashable, Sendable {
    /// What it asks of the host.
    public var flags: VIOMMUFlags
    /// Bits of the PASIDs that it translates.
    public var pasidWidth: UInt8
    /// Whether it carries execute requests.
    public var honoursExecute: Bool
    /// Whether it carries privileged requests.
    public var honoursPrivileged: Bool
    /// Whether ATS reaches it.
    public var supportsATS: Bool
    /// Whether page requests reach its guest.
    public var supportsPageRequests: Bool

    /// Describes a guest's IOMMU.
    ///
    /// - Parameters:
    ///   - flags: What it asks of the host.
    ///   - pasidWidth: Bits of the PASIDs that it translates.
    ///   - honoursExecute: Whether it carries execute requests.
    ///   - honoursPrivileged: Whether it carries privileged requests.
    ///   - supportsATS: Whether ATS reaches it.
    ///   - supportsPageRequests: Whether page requests reach its guest.
    public init(
      flags: VIOMMUFlags, pasidWidth: UInt8, honoursExecute: Bool = false,
      honoursPrivileged: Bool = false, supportsATS: Bool = false,
      supportsPageRequests: Bool = false
    ) {
      self.flags = flags
      self.pasidWidth = pasidWidth
      self.honoursExecute = honoursExecute
      self.honoursPrivileged = honoursPrivileged
      self.supportsATS = supportsATS
      self.supportsPageRequests = supportsPageRequests
    }

    /// Asks a guest's IOMMU.
    ///
    /// - Parameter iommu: The IOMMU.
    public init(_ iommu: any GuestIOMMU) {
      self.init(
        flags: iommu.flags, pasidWidth: iommu.pasidWidth,
        honoursExecute: iommu.honoursExecute, honoursPrivileged: iommu.honoursPrivileged,
        supportsATS: iommu.supportsATS, supportsPageRequests: iommu.supportsPageRequests)
    }
  }

  /// The device's config space as VFIO shows it to the VMM.
  public var view: ConfigSpace
  /// The host.
  public var host: Host
  /// The guest's IOMMU; `nil` when there is none.
  public var guest: Guest?
  /// The way to the root, with the device as the guest sees it.
  public var path: PASIDPath
  /// Whether the device stands on a root bus, where only integrated endpoints do.
  public var isOnRootBus: Bool
  /// Whether the guest finds further functions in the same device.
  public var isMultiFunction: Bool

  /// Gathers the facts.
  ///
  /// - Parameters:
  ///   - view: The device's config space as VFIO shows it.
  ///   - host: The host.
  ///   - guest: The guest's IOMMU.
  ///   - path: The way to the root.
  ///   - isOnRootBus: Whether the device stands on a root bus.
  ///   - isMultiFunction: Whether there are further functions in the same device.
  public init(
    view: ConfigSpace, host: Host, guest: Guest?, path: PASIDPath, isOnRootBus: Bool = false,
    isMultiFunction: Bool = false
  ) {
    self.view = view
    self.host = host
    self.guest = guest
    self.path = path
    self.isOnRootBus = isOnRootBus
    self.isMultiFunction = isMultiFunction
  }
}
