/// What a server serves, and how it stands, at one moment.
///
/// The keys of its JSON are stable (docs/serve/Log.md); new ones may come.
public struct ServeStatus: Hashable, Sendable, Codable {
  /// Seconds since the start.
  public var seconds: UInt64
  /// The devices, in the order of the options.
  public var devices: [Device]
  /// The guest's IOMMU; `nil` when none is served.
  public var unit: Unit?

  /// Describes a server.
  ///
  /// - Parameters:
  ///   - seconds: Seconds since the start.
  ///   - devices: The devices.
  ///   - unit: The guest's IOMMU.
  public init(seconds: UInt64, devices: [Device], unit: Unit?) {
    self.seconds = seconds
    self.devices = devices
    self.unit = unit
  }

  /// A function behind its socket: what devices and the unit have in common.
  public struct Function: Hashable, Sendable, Codable {
    /// What the operator calls it.
    public var name: String
    /// Where the guest finds it, as `lspci` prints it.
    public var place: String
    /// The socket's path.
    public var socket: String
    /// The client that is connected, in words; `nil` when none is.
    public var client: String?
    /// How many mappings of guest memory the client has made.
    public var mappingCount: Int
    /// Their bytes together.
    public var mappedByteCount: UInt64
    /// What the guest has switched on, of `bus master`, `PASID`, `execute`, `privileged`, `ATS`, `PRI`.
    public var controls: [String]
    /// Interrupts that were signalled or sent as messages.
    public var interruptCount: UInt64

    /// Describes a function.
    ///
    /// - Parameters:
    ///   - name: What the operator calls it.
    ///   - place: Where the guest finds it.
    ///   - socket: The socket's path.
    ///   - client: The client that is connected.
    ///   - mappingCount: How many mappings of guest memory there are.
    ///   - mappedByteCount: Their bytes together.
    ///   - controls: What the guest has switched on.
    ///   - interruptCount: Interrupts so far.
    public init(
      name: String, place: String, socket: String, client: String? = nil, mappingCount: Int = 0,
      mappedByteCount: UInt64 = 0, controls: [String] = [], interruptCount: UInt64 = 0
    ) {
      self.name = name
      self.place = place
      self.socket = socket
      self.client = client
      self.mappingCount = mappingCount
      self.mappedByteCount = mappedByteCount
      self.controls = controls
      self.interruptCount = interruptCount
    }
  }

  /// A device.
  public struct Device: Hashable, Sendable, Codable {
    /// Name, place, socket, client.
    public var function: Function
    /// What it is: `dsa`, `dump`, `nic`, `vfio`.
    public var kind: String
    /// How many PASIDs the guest's tables give it; `nil` when nobody can tell.
    public var pasidCount: Int?
    /// The first of them.
    public var firstPASIDs: [UInt32]
    /// Reads of guest memory.
    public var dmaReadCount: UInt64
    /// Writes of guest memory.
    public var dmaWriteCount: UInt64
    /// Bytes that it moved.
    public var dmaByteCount: UInt64
    /// DMA that was refused.
    public var faultCount: UInt64
    /// The last of it, in words; `nil` when there was none.
    public var lastFault: String?
    /// Pages that it asked for.
    public var pageRequestCount: UInt64
    /// Page requests that wait for an answer; of a device of the host, groups of them.
    public var waitingPageRequestCount: UInt64
    /// What the host could not be made to do for it, in words.
    public var problems: [String]

    enum CodingKeys: String, CodingKey {
      case function, kind, pasidCount
      // What the decoder's strategy makes of the key in snake case.
      case firstPASIDs = "firstPasids"
      case dmaReadCount, dmaWriteCount, dmaByteCount, faultCount, lastFault
      case pageRequestCount
      case waitingPageRequestCount, problems
    }

    /// Describes a device.
    ///
    /// - Parameters:
    ///   - function: Name, place, socket, client.
    ///   - kind: What it is.
    ///   - pasidCount: How many PASIDs the guest's tables give it.
    ///   - firstPASIDs: The first of them.
    ///   - dmaReadCount: Reads of guest memory.
    ///   - dmaWriteCount: Writes of guest memory.
    ///   - dmaByteCount: Bytes that it moved.
    ///   - faultCount: DMA that was refused.
    ///   - lastFault: The last of it, in words.
    ///   - pageRequestCount: Pages that it asked for.
    ///   - waitingPageRequestCount: Page requests that wait for an answer.
    ///   - problems: What the host could not be made to do for it.
    public init(
      function: Function, kind: String, pasidCount: Int? = nil, firstPASIDs: [UInt32] = [],
      dmaReadCount: UInt64 = 0, dmaWriteCount: UInt64 = 0, dmaByteCount: UInt64 = 0,
      faultCount: UInt64 = 0, lastFault: String? = nil, pageRequestCount: UInt64 = 0,
      waitingPageRequestCount: UInt64 = 0, problems: [String] = []
    ) {
      self.function = function
      self.kind = kind
      self.pasidCount = pasidCount
      self.firstPASIDs = firstPASIDs
      self.dmaReadCount = dmaReadCount
      self.dmaWriteCount = dmaWriteCount
      self.dmaByteCount = dmaByteCount
      self.faultCount = faultCount
      self.lastFault = lastFault
      self.pageRequestCount = pageRequestCount
      self.waitingPageRequestCount = waitingPageRequestCount
      self.problems = problems
    }
  }

  /// The guest's IOMMU.
  public struct Unit: Hashable, Sendable, Codable {
    /// Name, place, socket, client.
    public var function: Function
    /// Where the guest finds the registers; `nil` before firmware placed them.
    public var registerBase: UInt64?
    /// Whether the function is hidden from the guest's PCI scan.
    public var isHidden: Bool
    /// GSTS.
    public var status: UInt32
    /// RTADDR.
    public var rootTable: UInt64
    /// IQA, and IQH and IQT in bytes.
    public var queueAddress: UInt64
    /// Where the unit reads next in its queue, in bytes.
    public var queueHead: UInt64
    /// Where the guest writes next, in bytes.
    public var queueTail: UInt64
    /// FSTS.
    public var faultStatus: UInt32
    /// Events that an operator may want to know of.
    public var eventCount: UInt64
    /// Translations that were found in the cache; `nil` when none is kept here.
    public var cacheHitCount: UInt64?
    /// Translations for which tables were walked.
    public var cacheMissCount: UInt64?

    /// Describes a unit.
    ///
    /// - Parameters:
    ///   - function: Name, place, socket, client.
    ///   - registerBase: Where the guest finds the registers.
    ///   - isHidden: Whether the function is hidden from the guest's PCI scan.
    ///   - status: GSTS.
    ///   - rootTable: RTADDR.
    ///   - queueAddress: IQA.
    ///   - queueHead: IQH.
    ///   - queueTail: IQT.
    ///   - faultStatus: FSTS.
    ///   - eventCount: Events that an operator may want to know of.
    ///   - cacheHitCount: Translations that were found in the cache.
    ///   - cacheMissCount: Translations for which tables were walked.
    public init(
      function: Function, registerBase: UInt64? = nil, isHidden: Bool = false, status: UInt32 = 0,
      rootTable: UInt64 = 0, queueAddress: UInt64 = 0, queueHead: UInt64 = 0,
      queueTail: UInt64 = 0, faultStatus: UInt32 = 0, eventCount: UInt64 = 0,
      cacheHitCount: UInt64? = nil, cacheMissCount: UInt64? = nil
    ) {
      self.function = function
      self.registerBase = registerBase
      self.isHidden = isHidden
      self.status = status
      self.rootTable = rootTable
      self.queueAddress = queueAddress
      self.queueHead = queueHead
      self.queueTail = queueTail
      self.faultStatus = faultStatus
      self.eventCount = eventCount
      self.cacheHitCount = cacheHitCount
      self.cacheMissCount = cacheMissCount
    }
  }
}
