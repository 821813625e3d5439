public import Hardware

/// A guest's IOMMU, as whoever realises devices behind it sees it.
public protocol GuestIOMMU: AnyObject {
  /// What it asks of the host; follows from the user's configuration alone.
  var flags: VIOMMUFlags { get }

  /// Bits of the PASIDs that it can translate, 0 for none; from the configuration.
  var pasidWidth: UInt8 { get }

  /// Whether it carries execute requests, and privileged ones.
  var honoursExecute: Bool { get }
  /// Whether it carries privileged requests.
  var honoursPrivileged: Bool { get }
  /// Whether a device's ATS reaches it.
  var supportsATS: Bool { get }
  /// Whether page requests reach its guest.
  var supportsPageRequests: Bool { get }

  /// Takes a device of the host that the guest will find at a requester ID.
  ///
  /// The device's RID passes through until then; its backend is called before this returns.
  ///
  /// - Throws: A reason when the host cannot do what the unit promises its guest.
  func add(_ device: HostIOMMUDevice, at requester: RequesterID) throws(HostDeviceRefusal)

  /// Lets a device go: nothing of it is called any more.
  func remove(_ requester: RequesterID)

  /// A page request of a device arrived from the host.
  ///
  /// - Returns: Whether the guest will answer; the unit answered itself otherwise.
  func report(_ request: GuestPageRequest, from requester: RequesterID) -> Bool
}

/// Why a guest's IOMMU does not take a device of the host.
public enum HostDeviceRefusal: Error, Hashable, Sendable {
  /// The host has an IOMMU of another kind.
  case otherKind(host: String, guest: String)
  /// The host's unit lacks something that the guest was promised.
  case missing(feature: String, device: String)
  /// The guest's unit was configured without something that devices of a host need.
  case guestLacks(feature: String, device: String)
  /// The host translates fewer bits of guest addresses than the guest was promised.
  case addressWidth(host: Int, guest: Int, device: String)
  /// The host's smallest page is larger than the guest's.
  case granule(host: UInt64, guest: UInt64, device: String)
  /// A device is at the requester ID already.
  case taken(RequesterID)
}

/// A device's request that a page be made present.
public struct GuestPageRequest: Hashable, Sendable {
  /// The PASID of the request; `nil` for the RID.
  public var pasid: PASID?
  /// The page's address, a multiple of 4,096.
  public var address: IOVA
  /// What the device wants to do.
  public var access: DMAAccess
  /// The group's index, 9 bits.
  public var group: UInt16
  /// Whether it is the last of its group, which asks for the answer.
  public var isLast: Bool

  /// Describes a request.
  ///
  /// - Parameters:
  ///   - pasid: The PASID of the request.
  ///   - address: The page's address.
  ///   - access: What the device wants to do.
  ///   - group: The group's index.
  ///   - isLast: Whether it is the last of its group.
  public init(
    pasid: PASID?, address: IOVA, access: DMAAccess, group: UInt16, isLast: Bool
  ) {
    self.pasid = pasid
    self.address = address
    self.access = access
    self.group = group
    self.isLast = isLast
  }
}
