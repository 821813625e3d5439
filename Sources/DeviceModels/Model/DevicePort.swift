public import Hardware

/// What a device model reaches its host through: memory, page requests, interrupts.
///
/// Models call ``wake()`` and ``epoch`` from anywhere, also while the host calls them, and the rest
/// only from ``DeviceModel/serve()``.
public protocol DevicePort: AnyObject, Sendable {
  /// A number that changes when the host stops the function's requests, and again when it lets them
  /// go on.
  ///
  /// Requests that name an older one are refused, so that what a device began before a reset never
  /// reaches memory after it.
  var epoch: UInt64 { get }

  /// Reads memory.
  ///
  /// - Parameters:
  ///   - address: Where the first byte is.
  ///   - buffer: What is filled.
  ///   - requester: Who asks.
  /// - Returns: How it ended.
  func read(
    _ address: IOVA, into buffer: inout MutableSpan<UInt8>, as requester: DMARequester
  ) -> DMAAnswer

  /// Writes memory.
  ///
  /// - Parameters:
  ///   - address: Where the first byte goes.
  ///   - buffer: The bytes.
  ///   - requester: Who asks.
  /// - Returns: How it ended.
  func write(_ address: IOVA, _ buffer: Span<UInt8>, as requester: DMARequester) -> DMAAnswer

  /// Copies memory to memory, from the lowest address up.
  ///
  /// - Parameters:
  ///   - byteCount: How many bytes, not less than zero.
  ///   - source: Where the first byte is.
  ///   - target: Where the first byte goes.
  ///   - requester: Who asks.
  /// - Returns: How it ended.
  func copy(
    _ byteCount: Int, from source: IOVA, to target: IOVA, as requester: DMARequester
  ) -> DMAAnswer

  /// Asks for a page (PCIe's Page Request Interface); ``DeviceModel/respond(_:)`` brings the answer,
  /// perhaps before this returns.
  ///
  /// - Parameter request: What is asked for; a group of its own.
  /// - Returns: Whether there will be an answer.
  func request(_ request: PageRequest) -> Bool

  /// Sends the message of an MSI-X vector.
  ///
  /// - Parameter vector: The vector.
  func interrupt(_ vector: Int)

  /// Work waits: ``DeviceModel/serve()`` is to be called soon, but not from in here.
  func wake()
}

/// Who makes a request of a device.
public struct DMARequester: Hashable, Sendable {
  /// The PASID, or none.
  public var pasid: PASID?
  /// Whether the request is one of privileged mode.
  public var isPrivileged: Bool
  /// Whether the device translates through ATS, so that the IOMMU does not report what it refuses.
  public var usesATS: Bool
  /// The port's ``DevicePort/epoch`` when the work began.
  public var epoch: UInt64

  /// Names a requester.
  ///
  /// - Parameters:
  ///   - pasid: The PASID, or none.
  ///   - isPrivileged: Whether its requests are those of privileged mode.
  ///   - usesATS: Whether it translates through ATS.
  ///   - epoch: The port's epoch when the work began.
  public init(
    pasid: PASID? = nil, isPrivileged: Bool = false, usesATS: Bool = false, epoch: UInt64 = 0
  ) {
    self.pasid = pasid
    self.isPrivileged = isPrivileged
    self.usesATS = usesATS
    self.epoch = epoch
  }
}

/// How a request of a device ended.
public enum DMAAnswer: Hashable, Sendable {
  /// All bytes were moved.
  case done
  /// A page is not there or forbids it; the first bytes were moved.
  case fault(at: IOVA, isWrite: Bool, doneBytes: Int)
  /// Nothing answers for the requester or the page; the first bytes were moved.
  case refused(at: IOVA, isWrite: Bool, doneBytes: Int)
}

/// A device asks for a page.
public struct PageRequest: Hashable, Sendable {
  /// The page; the low 12 bits are zero.
  public var address: IOVA
  /// The PASID, or none.
  public var pasid: PASID?
  /// What the device wants to do there.
  public var access: DMAAccess
  /// The group that the answer names, below 512.
  public var group: UInt16

  /// Describes a request that is a group of its own.
  ///
  /// - Parameters:
  ///   - address: The page.
  ///   - pasid: The PASID, or none.
  ///   - access: What the device wants to do there.
  ///   - group: The group, below 512.
  public init(_ address: IOVA, pasid: PASID?, _ access: DMAAccess, group: UInt16) {
    self.address = address
    self.pasid = pasid
    self.access = access
    self.group = group
  }
}

/// The answer to a page request.
public struct PageResponse: Hashable, Sendable {
  /// What the device may do (PCIe 10.4.2.2).
  public enum Code: Hashable, Sendable {
    /// Try again.
    case success
    /// The page will not come.
    case invalid
    /// Something went wrong for good.
    case failure
  }

  /// The group.
  public var group: UInt16
  /// What the device may do.
  public var code: Code

  /// Describes an answer.
  ///
  /// - Parameters:
  ///   - group: The group.
  ///   - code: What the device may do.
  public init(group: UInt16, _ code: Code) {
    self.group = group
    self.code = code
  }
}
