public import Hardware
public import IOMMU

/// A refused request, as a unit tells its guest of it.
public struct VTdFault: Hashable, Sendable {
  /// What kind of request it was: the fields AT, T1 and T2.
  public enum Request: Hashable, Sendable {
    /// An untranslated request.
    case untranslated
    /// A request for a translation (ATS).
    case translation
    /// A request with an address that was translated before (ATS).
    case translated
    /// A request for a page.
    case page
    /// An interrupt, by its index in the remapping table.
    case interrupt(index: UInt16)
  }

  /// The requester's 16 bits.
  public var source: UInt16
  /// Why it was refused.
  public var reason: VTdFaultReason
  /// What kind of request it was.
  public var request: Request
  /// Its address.
  public var address: IOVA
  /// Its PASID, if it had one.
  public var pasid: PASID?
  /// What it wanted.
  public var access: DMAAccess

  /// Describes a refused request.
  ///
  /// - Parameters:
  ///   - reason: Why it was refused.
  ///   - source: The requester's 16 bits.
  ///   - request: What kind of request it was.
  ///   - address: Its address.
  ///   - pasid: Its PASID, if it had one.
  ///   - access: What it wanted.
  public init(
    _ reason: VTdFaultReason, source: UInt16, request: Request = .untranslated,
    address: IOVA = IOVA(0), pasid: PASID? = nil, access: DMAAccess = .read
  ) {
    self.source = source
    self.reason = reason
    self.request = request
    self.address = address
    self.pasid = pasid
    self.access = access
  }

  /// The recording register, F included (VT-d §11.4.9.6).
  public var record: (low: UInt64, high: UInt64) {
    var low = address.rawValue & ~0xFFF
    var high = UInt64(source) | UInt64(reason.rawValue) << 32 | 1 << 63
    if let pasid { high |= UInt64(pasid.rawValue) << 40 | 1 << 31 }
    if access.contains(.execute) { high |= 1 << 30 }
    if access.contains(.privileged) { high |= 1 << 29 }
    let isRead = access.isDisjoint(with: .write)
    switch request {
    case .untranslated: high |= isRead ? 1 << 62 : 0
    case .translation: high |= 1 << 60 | (isRead ? 1 << 62 : 0)
    case .translated: high |= 2 << 60 | (isRead ? 1 << 62 : 0)
    // T2 without T1.
    case .page: high |= 1 << 28
    case .interrupt(let index): low = UInt64(index) << 48
    }
    return (low, high)
  }
}
