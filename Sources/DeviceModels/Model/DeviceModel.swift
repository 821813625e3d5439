public import PCIe

/// A PCI function in software: registers, and work that it does by DMA.
///
/// A model knows no host. A host shows its config space and regions to a program, passes accesses
/// on, and gives it a ``DevicePort``; any host that does so can have the device.
///
/// **Accesses** come from any thread and return at once: they never wait for DMA and never call the
/// port but for ``DevicePort/wake()``. **Work** is done in ``serve()``, which the host calls, on
/// one thread at a time, whenever the model asked for it; everything else that the model wants of its
/// port happens there.
public protocol DeviceModel: AnyObject, Sendable {
  /// Config space as the function comes out of reset.
  var config: ConfigSpace { get }

  /// The base address registers in order of number.
  var regions: [DeviceRegion] { get }

  /// Gives the model its host; once, before anything else.
  ///
  /// - Parameter port: The host's side; the model keeps it.
  func connect(_ port: any DevicePort)

  /// Reads registers.
  ///
  /// - Parameters:
  ///   - byteCount: 1, 2, 4 or 8.
  ///   - offset: Where, in bytes from the start of the region, naturally aligned.
  ///   - region: The region's number; all ones for one that is not there, or behind its end.
  /// - Returns: The little-endian value.
  func read(_ byteCount: Int, at offset: UInt64, of region: Int) -> UInt64

  /// Writes registers.
  ///
  /// - Parameters:
  ///   - value: The little-endian value; bits above `byteCount` bytes are ignored.
  ///   - byteCount: 1, 2, 4 or 8.
  ///   - offset: Where, in bytes from the start of the region, naturally aligned.
  ///   - region: The region's number; without effect for one that is not there.
  func write(_ value: UInt64, _ byteCount: Int, at offset: UInt64, of region: Int)

  /// A posted write of 64 bytes, as the MOVDIR64B instruction makes it.
  ///
  /// - Parameters:
  ///   - block: The bytes.
  ///   - offset: Where, a multiple of 64.
  ///   - region: The region's number.
  func store(_ block: WideBlock, at offset: UInt64, of region: Int)

  /// A write of 64 bytes that is answered, as ENQCMD and ENQCMDS make it (PCIe's Deferrable Memory
  /// Write).
  ///
  /// - Parameters:
  ///   - block: The bytes; their first four hold PASID and privilege.
  ///   - offset: Where, a multiple of 64.
  ///   - region: The region's number.
  /// - Returns: Whether the device took it; otherwise the answer is "retry".
  func enqueue(_ block: WideBlock, at offset: UInt64, of region: Int) -> Bool

  /// The function was reset: registers are as at first, and work that was begun is forgotten.
  ///
  /// The host has stopped the function's DMA (see ``DevicePort/epoch``).
  func reset()

  /// Controls of config space changed.
  ///
  /// - Parameter controls: All of them, as they are now.
  func controlsChanged(_ controls: FunctionControls)

  /// A page request was answered.
  ///
  /// - Parameter response: The answer; one that nobody waits for is ignored.
  func respond(_ response: PageResponse)

  /// Does a bounded piece of the work that waits, about a millisecond at most.
  ///
  /// - Returns: Whether work is left that can go on now.
  func serve() -> Bool
}

/// One base address register of a model.
public struct DeviceRegion: Hashable, Sendable {
  /// The address space that the register decodes.
  public enum Kind: Hashable, Sendable {
    /// Memory below 4 GiB.
    case memory32
    /// Memory anywhere.
    case memory64
  }

  /// What answers accesses.
  public enum Content: Hashable, Sendable {
    /// The model, at each access.
    case registers
    /// Bytes that keep what is written; the host has them, and the model never hears of it.
    case memory
  }

  /// The register's number, 0 to 5.
  public let index: Int
  /// The address space.
  public let kind: Kind
  /// Whether reads have no side effects.
  public let isPrefetchable: Bool
  /// The size in bytes, a power of two.
  public let byteCount: UInt64
  /// What answers accesses.
  public let content: Content

  /// Describes a register.
  ///
  /// - Parameters:
  ///   - index: The register's number, 0 to 5.
  ///   - kind: The address space.
  ///   - isPrefetchable: Whether reads have no side effects.
  ///   - byteCount: The size in bytes, a power of two.
  ///   - content: What answers accesses.
  public init(
    index: Int, kind: Kind = .memory64, isPrefetchable: Bool = false, byteCount: UInt64,
    content: Content = .registers
  ) {
    self.index = index
    self.kind = kind
    self.isPrefetchable = isPrefetchable
    self.byteCount = byteCount
    self.content = content
  }
}
