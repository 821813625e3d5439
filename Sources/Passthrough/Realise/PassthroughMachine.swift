public import HostABI
public import Hardware
public import IOMMUClient
import Synchronization

/// What a virtual machine has of the host: its iommufd context, and guest memory as devices reach it.
///
/// Devices are realised in it, with ``realise(_:in:)``. The VMM tells it which guest-physical
/// addresses exist, before and after devices are realised; every address space follows. Memory is
/// pinned once, however many devices there are, and only from the first device on.
///
/// All calls may be made from several threads.
public final class PassthroughMachine: Sendable {
  private struct WeakSpace {
    weak var space: DeviceSpace?
  }

  private struct State {
    /// Mapped regions, ascending.
    var regions: [GuestMemoryRegion] = []
    var spaces: [WeakSpace] = []
    /// Whether tables that can track what devices write do so.
    var isTracking = false

    var liveSpaces: [DeviceSpace] { spaces.compactMap(\.space) }

    /// The first region that ends at an address or behind it.
    func index(of address: GuestPhysicalAddress) -> Int {
      var low = 0
      var high = regions.count
      while low < high {
        let middle = (low + high) / 2
        if regions[middle].range.upperBound < address { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }

  /// The iommufd context.
  public let context: IOMMUContext
  /// What all address spaces copy from; no table exists in it, so that it pins nothing.
  private let original: IOAddressSpace
  private let state = Mutex(State())

  /// Opens a context.
  ///
  /// - Parameters:
  ///   - kernel: The kernel that answers.
  ///   - path: The node.
  /// - Throws: ``IOMMUError``.
  public convenience init(
    on kernel: any HostKernel, path: String = "/dev/iommu"
  ) throws(IOMMUError) {
    try self.init(in: IOMMUContext(on: kernel, path: path))
  }

  /// Uses a context that is open already.
  ///
  /// - Parameter context: The context; nobody else maps guest memory in it.
  /// - Throws: ``IOMMUError``.
  public init(in context: IOMMUContext) throws(IOMMUError) {
    self.context = context
    original = try IOAddressSpace(in: context)
  }

  /// The regions that are mapped, ascending.
  public var regions: [GuestMemoryRegion] { state.withLock { $0.regions } }
}

// MARK: Changes

extension PassthroughMachine {
  /// Lets devices reach a region.
  ///
  /// - Parameter region: The region; it overlaps none that is mapped.
  /// - Throws: ``GuestMemoryError``; then no device reaches it.
  public func map(_ region: GuestMemoryRegion) throws(GuestMemoryError) {
    try state.withLock { (state) throws(GuestMemoryError) in
      let place = state.index(of: region.range.lowerBound)
      if place < state.regions.count, state.regions[place].range.overlaps(region.range) {
        throw .overlaps(region.range, state.regions[place].range)
      }
      do throws(IOMMUError) {
        try add(region)
        try copy(region, to: state.liveSpaces.filter { $0.takes(region) })
      } catch {
        throw .host(region.range, error)
      }
      state.regions.insert(region, at: place)
    }
  }

  /// Takes a region away from devices: none reaches it when the call returns.
  ///
  /// - Parameter range: The addresses of a region that was mapped.
  /// - Throws: ``GuestMemoryError``; then all devices reach it as before.
  public func unmap(
    _ range: ClosedRange<GuestPhysicalAddress>
  ) throws(GuestMemoryError) {
    try state.withLock { (state) throws(GuestMemoryError) in
      let place = state.index(of: range.lowerBound)
      guard place < state.regions.count, state.regions[place].range == range else {
        throw .noRegion(range)
      }
      let region = state.regions[place]
      let spaces = state.liveSpaces.filter { $0.takes(region) }
      var done = 0
      do throws(IOMMUError) {
        for space in spaces {
          try space.space.unmap(region.addresses)
          done += 1
        }
        try original.unmap(region.addresses)
      } catch {
        // Our own copy is whole, so what was taken away can be given back.
        for space in spaces.prefix(done) { try? copy(region, into: space) }
        throw .host(range, error)
      }
      state.regions.remove(at: place)
    }
  }

  private func add(_ region: GuestMemoryRegion) throws(IOMMUError) {
    let start = region.addresses.lowerBound
    switch region.backing {
    case .memory(let address):
      try original.map(
        address, byteCount: region.byteCount, at: start, access: region.access)
    case .file(let descriptor, let offset):
      try original.mapFile(
        descriptor, offset: offset, byteCount: region.byteCount, at: start,
        access: region.access)
    }
  }

  /// Copies a new region to all spaces, or takes it away everywhere.
  private func copy(
    _ region: GuestMemoryRegion, to spaces: [DeviceSpace]
  ) throws(IOMMUError) {
    var done = 0
    do throws(IOMMUError) {
      for space in spaces {
        try copy(region, into: space)
        done += 1
      }
    } catch {
      for space in spaces.prefix(done) {
        Self.insist { _ = try space.space.unmap(region.addresses) }
      }
      Self.insist { _ = try self.original.unmap(region.addresses) }
      throw error
    }
  }

  private func copy(_ region: GuestMemoryRegion, into space: DeviceSpace) throws(IOMMUError) {
    try space.space.copy(
      region.addresses, from: original, at: region.addresses.lowerBound, access: region.access)
  }

  /// Undoes something that cannot fail twice: another thread may be in the way for a moment.
  private static func insist(_ body: () throws -> Void) {
    for _ in 0..<2 where (try? body()) != nil { return }
  }
}

// MARK: Spaces for devices

extension PassthroughMachine {
  /// Finds the space that devices without nested tables share, or makes one of a device's own.
  ///
  /// - Parameters:
  ///   - isExclusive: Whether no other device shares it.
  ///   - omitsReadOnly: Whether regions that devices may only read are left out.
  /// - Returns: The space, with all memory mapped.
  /// - Throws: ``IOMMUError``; then there is no new space.
  func space(isExclusive: Bool, omitsReadOnly: Bool) throws(IOMMUError) -> DeviceSpace {
    try state.withLock { (state) throws(IOMMUError) in
      state.spaces.removeAll { $0.space == nil }
      let found = state.liveSpaces.first {
        !isExclusive && !$0.isExclusive && $0.omitsReadOnly == omitsReadOnly
      }
      if let found { return found }
      let made = try DeviceSpace(
        in: context, omitsReadOnly: omitsReadOnly, isExclusive: isExclusive)
      for region in state.regions where made.takes(region) { try copy(region, into: made) }
      state.spaces.append(WeakSpace(space: made))
      return made
    }
  }

  /// Whether tables that can track what devices write do so.
  var isTracking: Bool {
    get { state.withLock { $0.isTracking } }
    set { state.withLock { $0.isTracking = newValue } }
  }

  /// The page tables that devices are attached to, in all spaces.
  var tables: [KeptTable] {
    let spaces = state.withLock { $0.liveSpaces }
    return spaces.flatMap(\.pool.tables)
  }
}
