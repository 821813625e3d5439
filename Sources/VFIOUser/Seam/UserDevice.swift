public import HostABI

/// A device behind a vfio-user socket, as the server calls it.
///
/// One client is connected at a time. Everything but ``attached(to:)`` and ``detached()`` answers a
/// message of that client, on the connection's thread, one call at a time. None may wait for a
/// request of ours to the same client (``UserPeer``): the client answers those after its own were.
/// What a device throws is the errno of the reply.
public protocol UserDevice: AnyObject, Sendable {
  /// What the device has; constant.
  var information: UserDeviceInformation { get }

  /// A client connected and agreed on a version.
  ///
  /// - Parameter peer: The way back to it.
  func attached(to peer: any UserPeer)

  /// The client is gone: no mapping and no interrupt of its is to be used any more when this returns.
  func detached()

  /// Reads a region; the server has checked that the range is in it and that it can be read.
  ///
  /// - Parameters:
  ///   - region: The region's number.
  ///   - offset: The first byte.
  ///   - buffer: What is to be filled.
  /// - Throws: The errno of the reply.
  func read(
    _ region: Int, at offset: UInt64, into buffer: inout MutableSpan<UInt8>
  ) throws(LinuxErrno)

  /// Writes a region; the server has checked that the range is in it and that it can be written.
  ///
  /// - Parameters:
  ///   - region: The region's number.
  ///   - offset: The first byte.
  ///   - bytes: What is written.
  /// - Throws: The errno of the reply.
  func write(_ region: Int, at offset: UInt64, _ bytes: Span<UInt8>) throws(LinuxErrno)

  /// The client has memory that the device may use.
  ///
  /// - Parameter mapping: The memory; it overlaps nothing that is mapped.
  /// - Throws: The errno of the reply and, for the log, why; then nothing is mapped.
  func map(_ mapping: UserMapping) throws(UserRefusal)

  /// The client takes memory away: nothing of it is used any more when this returns.
  ///
  /// - Parameter range: The addresses of exactly one mapping.
  func unmap(_ range: ClosedRange<UInt64>)

  /// The client says where interrupts go, masks or triggers them; checked against the information.
  ///
  /// - Parameter change: What is to change.
  /// - Throws: The errno of the reply; then nothing has changed.
  func setInterrupts(_ change: UserInterruptChange) throws(LinuxErrno)

  /// The client resets the function.
  func reset() throws(LinuxErrno)

  /// What the device can do of migration and dirty tracking; `nil` for nothing.
  var migration: (any UserMigration)? { get }
}

extension UserDevice {
  /// Nothing of migration.
  public var migration: (any UserMigration)? { nil }
}

/// What a device has, as it is told to clients.
public struct UserDeviceInformation: Sendable {
  /// One region, by its VFIO number (0 to 5 are the base address registers, 6 the ROM, 7 config space,
  /// 8 VGA).
  public struct Region: Sendable {
    /// Bytes; 0 when it is not there.
    public var byteCount: UInt64
    /// What a client may do (`VFIO_REGION_INFO_FLAG_*`).
    public var flags: VFIORegionFlags
    /// A file that clients may map instead of sending messages, and where in it the region starts.
    public var file: (file: ReceivedFile, offset: UInt64)?
    /// Parts of the region that may be mapped, as byte ranges of the region; empty for all of it.
    public var mappableParts: [Range<UInt64>]

    /// Describes a region.
    ///
    /// - Parameters:
    ///   - byteCount: Bytes; 0 when it is not there.
    ///   - flags: What a client may do.
    ///   - file: A file that clients may map, and where in it the region starts.
    ///   - mappableParts: Parts that may be mapped; empty for all of it.
    public init(
      byteCount: UInt64 = 0, flags: VFIORegionFlags = [],
      file: (file: ReceivedFile, offset: UInt64)? = nil, mappableParts: [Range<UInt64>] = []
    ) {
      self.byteCount = byteCount
      self.flags = flags
      self.file = file
      self.mappableParts = mappableParts
    }
  }

  /// One kind of interrupt, by its VFIO number (0 INTx, 1 MSI, 2 MSI-X, 3 errors, 4 requests).
  public struct Interrupts: Sendable {
    /// How many there are.
    public var count: UInt32
    /// `VFIO_IRQ_INFO_*`: 1 eventfd, 2 maskable, 4 automasked, 8 not resizable.
    public var flags: UInt32

    /// Describes a kind of interrupt.
    ///
    /// - Parameters:
    ///   - count: How many there are.
    ///   - flags: `VFIO_IRQ_INFO_*`.
    public init(count: UInt32 = 0, flags: UInt32 = 0) {
      self.count = count
      self.flags = flags
    }
  }

  /// What the operator calls the device.
  public var name: String
  /// By number; nine for a PCI function.
  public var regions: [Region]
  /// By number; five for a PCI function.
  public var interrupts: [Interrupts]

  /// Describes a device.
  ///
  /// - Parameters:
  ///   - name: What the operator calls it.
  ///   - regions: By number.
  ///   - interrupts: By number.
  public init(name: String, regions: [Region], interrupts: [Interrupts]) {
    self.name = name
    self.regions = regions
    self.interrupts = interrupts
  }
}

/// Memory of a client that a device may use (`VFIO_USER_DMA_MAP`).
public struct UserMapping: Sendable {
  /// How many a client may have at a time, as it is told in `max_dma_maps`.
  ///
  /// The next one is refused with `ENOSPC` and no device hears of it. It is what the protocol has where
  /// nothing is told, and what a guest behind an IOMMU of its VMM's may need, which makes a mapping of
  /// each page. What one holds is the device's to bound: a descriptor, say, when it came with one.
  public static let limit = 65_535

  /// Addresses as the device uses them, both ends included; whole pages of 4,096 bytes.
  public var range: ClosedRange<UInt64>
  /// Whether the device may read.
  public var isReadable: Bool
  /// Whether the device may write.
  public var isWritable: Bool
  /// The file that holds the memory and where in it the first byte is; `nil` when every access is a
  /// message.
  public var file: (file: ReceivedFile, offset: UInt64)?

  /// Describes memory.
  ///
  /// - Parameters:
  ///   - range: Addresses as the device uses them.
  ///   - isReadable: Whether the device may read.
  ///   - isWritable: Whether the device may write.
  ///   - file: The file that holds the memory and where in it the first byte is.
  public init(
    range: ClosedRange<UInt64>, isReadable: Bool, isWritable: Bool,
    file: (file: ReceivedFile, offset: UInt64)?
  ) {
    self.range = range
    self.isReadable = isReadable
    self.isWritable = isWritable
    self.file = file
  }
}

/// What a client wants of a range of interrupts (`VFIO_USER_DEVICE_SET_IRQS`).
public struct UserInterruptChange: Sendable {
  /// What is to be done with one interrupt.
  public enum Action: Sendable {
    /// Signal this eventfd from now on, or nobody.
    case trigger(ReceivedFile?)
    /// Send it now, as if the device had.
    case fire
    /// Hold it back.
    case mask
    /// Let it through.
    case unmask
    /// As ``unmask`` whenever this eventfd is signalled.
    case unmaskBy(ReceivedFile?)
    /// Leave it as it is.
    case none
  }

  /// The kind of interrupt: 0 INTx, 1 MSI, 2 MSI-X, 3 errors, 4 requests.
  public var kind: Int
  /// The first interrupt.
  public var start: Int
  /// One for each interrupt from the first on; empty: all of the kind are switched off.
  public var actions: [Action]

  /// Describes a change.
  ///
  /// - Parameters:
  ///   - kind: The kind of interrupt.
  ///   - start: The first interrupt.
  ///   - actions: One for each; empty to switch off the kind.
  public init(kind: Int, start: Int, actions: [Action]) {
    self.kind = kind
    self.start = start
    self.actions = actions
  }
}

/// Migration and dirty tracking of a device (`VFIO_USER_DEVICE_FEATURE`, `VFIO_USER_MIG_DATA_*`).
public protocol UserMigration: AnyObject, Sendable {
  /// `VFIO_DEVICE_FEATURE_MIGRATION` flags: 1 stop-copy, 2 P2P, 4 pre-copy; 0 for no migration.
  var migrationFlags: UInt64 { get }
  /// The state now, as `enum vfio_device_mig_state`.
  var state: UInt32 { get }
  /// Goes to a state over one transition; the server goes longer ways step by step.
  ///
  /// - Parameter state: The state, as `enum vfio_device_mig_state`.
  /// - Throws: The errno of the reply; then ``state`` says where the device is.
  func enter(_ state: UInt32) throws(LinuxErrno)
  /// Reads the next bytes of the device's state, while it is one that is read.
  ///
  /// - Parameter limit: How many bytes at most; at least one, and at most a transfer of 1,048,576.
  /// - Returns: The bytes; none at the end of the state.
  /// - Throws: The errno of the reply.
  func readState(_ limit: Int) throws(LinuxErrno) -> [UInt8]
  /// Takes the next bytes of another device's state, while this one's is one that is written.
  ///
  /// - Parameter bytes: The bytes; at most a transfer of 1,048,576.
  /// - Throws: The errno of the reply, such as `EINVAL` for what no device's state is.
  func writeState(_ bytes: Span<UInt8>) throws(LinuxErrno)
  /// Whether the pages that the device writes can be tracked.
  var canTrackWrites: Bool { get }
  /// Starts or stops to note which pages the device writes.
  ///
  /// - Parameters:
  ///   - ranges: Of which addresses; `nil` stops.
  ///   - pageSize: Bytes that one bit stands for.
  /// - Throws: The errno of the reply.
  func trackWrites(_ ranges: [ClosedRange<UInt64>]?, pageSize: UInt64) throws(LinuxErrno)
  /// Which pages were written since the last time.
  ///
  /// - Parameters:
  ///   - range: Of which addresses.
  ///   - pageSize: Bytes that one bit stands for.
  /// - Returns: One bit a page, the lowest address first, in words of 64.
  /// - Throws: The errno of the reply.
  func takeWrites(
    _ range: ClosedRange<UInt64>, pageSize: UInt64
  ) throws(LinuxErrno) -> [UInt64]
}
