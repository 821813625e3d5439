public import Hardware

/// What a guest wants a device's RID, or one of its PASIDs, to be translated by.
///
/// Decoded by the model of the guest's IOMMU; whoever carries it out never reads a guest's table.
public enum GuestTranslation: Hashable, Sendable {
  /// Guest physical addresses as they are (VT-d: PGTT 4, or translation off).
  case passThrough
  /// A first stage of the guest's own, in guest memory.
  case firstStage(VTdFirstStage)
}

/// A guest's first stage under VT-d (`struct iommu_hwpt_vtd_s1`).
public struct VTdFirstStage: Hashable, Sendable {
  /// Where the top table is, a multiple of 4,096.
  public var root: GuestPhysicalAddress
  /// The width of the addresses that it translates: 48 or 57 bits.
  public var addressWidth: UInt8
  /// Whether privileged requests are allowed (SRE).
  public var allowsSupervisor: Bool
  /// Whether the extended accessed flag is set by walks (EAFE).
  public var setsExtendedAccessed: Bool
  /// Whether privileged writes honour write protection (WPE).
  public var protectsWrites: Bool

  /// Describes a first stage.
  ///
  /// - Parameters:
  ///   - root: Where the top table is.
  ///   - addressWidth: 48 or 57 bits.
  ///   - allowsSupervisor: Whether privileged requests are allowed.
  ///   - setsExtendedAccessed: Whether the extended accessed flag is set by walks.
  ///   - protectsWrites: Whether privileged writes honour write protection.
  public init(
    root: GuestPhysicalAddress, addressWidth: UInt8 = 48, allowsSupervisor: Bool = false,
    setsExtendedAccessed: Bool = false, protectsWrites: Bool = false
  ) {
    self.root = root
    self.addressWidth = addressWidth
    self.allowsSupervisor = allowsSupervisor
    self.setsExtendedAccessed = setsExtendedAccessed
    self.protectsWrites = protectsWrites
  }
}

/// A range of a guest's first stage that the guest has invalidated
/// (`struct iommu_hwpt_vtd_s1_invalidate`).
@frozen
public struct FirstStageInvalidation: Hashable, Sendable, BitwiseCopyable {
  /// The first address, a multiple of 4,096; 0 when everything goes.
  public var address: UInt64
  /// How many pages of 4,096 bytes; all ones for everything.
  public var pageCount: UInt64
  /// Whether only leaf entries changed.
  public var isLeafOnly: Bool

  /// Everything of the first stage.
  public static var everything: Self { Self(address: 0, pageCount: .max, isLeafOnly: false) }

  /// Describes a range.
  ///
  /// - Parameters:
  ///   - address: The first address, a multiple of 4,096.
  ///   - pageCount: How many pages of 4,096 bytes.
  ///   - isLeafOnly: Whether only leaf entries changed.
  public init(address: UInt64, pageCount: UInt64, isLeafOnly: Bool) {
    self.address = address
    self.pageCount = pageCount
    self.isLeafOnly = isLeafOnly
  }
}

/// A guest's answer to a group of page requests.
public struct PageGroupResponse: Hashable, Sendable {
  /// How it ended (PCIe's response codes).
  public enum Code: UInt8, Hashable, Sendable {
    /// The pages are there.
    case success = 0
    /// Some page cannot be had.
    case invalid = 1
    /// The guest cannot answer any more.
    case failure = 15
  }

  /// The PASID of the requests; `nil` for the RID.
  public var pasid: PASID?
  /// The group's index, 9 bits.
  public var group: UInt16
  /// How it ended.
  public var code: Code

  /// Describes an answer.
  ///
  /// - Parameters:
  ///   - pasid: The PASID of the requests; `nil` for the RID.
  ///   - group: The group's index.
  ///   - code: How it ended.
  public init(pasid: PASID?, group: UInt16, code: Code) {
    self.pasid = pasid
    self.group = group
    self.code = code
  }
}

/// Why a backend did not do what it was told; the translation before stays in use.
public struct BackendRefusal: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was wanted, of which object, what the host answered, and what an operator can do.
  public var description: String
  /// The host's errno, if the host was asked.
  public var errno: Int32?

  /// Describes a refusal.
  ///
  /// - Parameters:
  ///   - description: What went wrong, for an operator.
  ///   - errno: The host's errno, if the host was asked.
  public init(_ description: String, errno: Int32? = nil) {
    self.description = description
    self.errno = errno
  }
}

/// What carries out a guest's wishes for one device: the second seam of the house.
///
/// The model of a guest's IOMMU calls it with decoded values only, on the thread of whoever drives
/// the model, one call at a time. Passthrough implements it with iommufd.
public protocol DeviceBackend: AnyObject, Sendable {
  /// Puts a translation in place of what the RID (`nil`) or a PASID has now.
  ///
  /// The new one is in use when the call returns, and the old one is used until then; there is no
  /// moment between with neither. Asking for what is in place already does nothing.
  ///
  /// - Throws: When the host refuses; what was in place stays.
  func setTranslation(
    _ translation: GuestTranslation, for pasid: PASID?
  ) throws(BackendRefusal)

  /// Takes the translation of a PASID away, or stops the RID's DMA (`nil`); none is no error.
  func removeTranslation(of pasid: PASID?)

  /// Drops what the host may have cached of a first stage.
  ///
  /// Returns when no device uses what was dropped. Ranges come in batches, one call a first stage
  /// and stretch of the guest's queue.
  ///
  /// - Parameters:
  ///   - ranges: What was invalidated; at most as many as the guest's queue has descriptors.
  ///   - pasid: Whose first stage; `nil` for the RID's.
  /// - Throws: When the host refuses.
  func invalidate(
    _ ranges: Span<FirstStageInvalidation>, of pasid: PASID?
  ) throws(BackendRefusal)

  /// Passes the guest's answer to a group of page requests on; one that nobody waits for is dropped.
  func respond(_ response: PageGroupResponse)
}
