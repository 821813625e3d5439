public import HostABI
public import Hardware

/// A set of mappings from I/O virtual addresses to memory (IOAS).
///
/// Page tables that are made in it carry all its mappings, present and future. When the owner ends,
/// the kernel's object and its mappings go too, or as soon as the last page table in it has gone.
public struct IOAddressSpace: ~Copyable, Sendable {
  let object: KernelObject

  /// Makes an address space without mappings (`IOMMU_IOAS_ALLOC`).
  ///
  /// - Parameter context: Where it is made.
  /// - Throws: ``IOMMUError``.
  public init(in context: IOMMUContext) throws(IOMMUError) {
    var argument = IOASAllocArgument()
    try context.perform(.ioasAlloc, &argument, about: [.context(path: context.path)])
    object = KernelObject(.addressSpace(argument.outID), id: argument.outID, in: context)
  }

  /// The kernel's number for it.
  public var id: UInt32 { object.id }

  /// The context that it is in.
  public var context: IOMMUContext { object.context }

  /// Destroys the address space and its mappings now.
  ///
  /// - Throws: ``IOMMUError`` with `EBUSY` while page tables exist in it; it then goes with the
  ///   last of them.
  public consuming func destroy() throws(IOMMUError) { try object.destroy() }
}

extension IOAddressSpace {
  /// Maps memory for devices (`IOMMU_IOAS_MAP`); its pages stay pinned until they are unmapped.
  ///
  /// While no page table exists in the address space nothing is pinned yet, and a bad address shows
  /// only when the first table is made.
  ///
  /// - Parameters:
  ///   - address: Where the memory starts in this process.
  ///   - byteCount: Its size in bytes, a multiple of the alignment that ``usableAddresses()`` says.
  ///   - iova: Where devices are to find it; without it the kernel chooses.
  ///   - access: What devices may do.
  /// - Returns: Where devices find it.
  /// - Throws: ``IOMMUError``.
  @discardableResult
  public func map(
    _ address: UInt64, byteCount: UInt64, at iova: IOVA? = nil,
    access: MapFlags = [.readable, .writeable]
  ) throws(IOMMUError) -> IOVA {
    var argument = IOASMapArgument()
    argument.flags = Self.flags(access, at: iova)
    argument.ioasID = id
    argument.userAddress = address
    argument.length = byteCount
    argument.iova = iova?.rawValue ?? 0
    try context.perform(
      .ioasMap, &argument, iova == nil ? [] : .fixed, about: [object.name])
    return IOVA(argument.iova)
  }

  /// Maps part of a file in memory, or of a device's memory that was exported as a dma-buf
  /// (`IOMMU_IOAS_MAP_FILE`).
  ///
  /// - Parameters:
  ///   - descriptor: The file; the kernel keeps it, so it may be closed afterwards.
  ///   - offset: The first byte.
  ///   - byteCount: The size in bytes.
  ///   - iova: Where devices are to find it; without it the kernel chooses.
  ///   - access: What devices may do.
  /// - Returns: Where devices find it.
  /// - Throws: ``IOMMUError``.
  @discardableResult
  public func mapFile(
    _ descriptor: Int32, offset: UInt64, byteCount: UInt64, at iova: IOVA? = nil,
    access: MapFlags = [.readable, .writeable]
  ) throws(IOMMUError) -> IOVA {
    var argument = IOASMapFileArgument()
    argument.flags = Self.flags(access, at: iova)
    argument.ioasID = id
    argument.descriptor = descriptor
    argument.start = offset
    argument.length = byteCount
    argument.iova = iova?.rawValue ?? 0
    try context.perform(
      .ioasMapFile, &argument, iova == nil ? [] : .fixed, about: [object.name])
    return IOVA(argument.iova)
  }

  /// Maps what another address space maps, or this one elsewhere (`IOMMU_IOAS_COPY`).
  ///
  /// Pages are pinned once. Each mapping of the source becomes one here, which can be unmapped by
  /// itself, and unmapping the source leaves it.
  ///
  /// - Parameters:
  ///   - range: The source's addresses, covered by mappings without a gap.
  ///   - source: The address space to copy from.
  ///   - iova: Where devices are to find it; without it the kernel chooses.
  ///   - access: What devices may do; no writing where the source allows none.
  /// - Returns: Where devices find it.
  /// - Throws: ``IOMMUError``.
  @discardableResult
  public func copy(
    _ range: ClosedRange<IOVA>, from source: borrowing IOAddressSpace, at iova: IOVA? = nil,
    access: MapFlags = [.readable, .writeable]
  ) throws(IOMMUError) -> IOVA {
    guard source.context === context else {
      throw IOMMUError(
        .iommufd(.ioasCopy), refused: .otherContext, [object.name, source.object.name])
    }
    var argument = IOASCopyArgument()
    argument.flags = Self.flags(access, at: iova)
    argument.destinationID = id
    argument.sourceID = source.id
    argument.length = try Self.byteCount(range, for: .ioasCopy, object)
    argument.destinationIOVA = iova?.rawValue ?? 0
    argument.sourceIOVA = range.lowerBound.rawValue
    let (destination, origin) = (object.name, source.object.name)
    try context.perform(
      .ioasCopy, &argument, iova == nil ? [] : .fixed, about: [destination, origin])
    return IOVA(argument.destinationIOVA)
  }

  /// Removes the mappings in a range (`IOMMU_IOAS_UNMAP`).
  ///
  /// Mappings go whole. When one lies only partly in the range the call fails, and those below it
  /// are gone.
  ///
  /// - Parameter range: The addresses, both ends included.
  /// - Returns: How many bytes were mapped there.
  /// - Throws: ``IOMMUError`` with `ENOENT` when nothing is mapped there, or a mapping lies only
  ///   partly in the range.
  @discardableResult
  public func unmap(_ range: ClosedRange<IOVA>) throws(IOMMUError) -> UInt64 {
    var argument = IOASUnmapArgument()
    argument.ioasID = id
    argument.iova = range.lowerBound.rawValue
    argument.length = try Self.byteCount(range, for: .ioasUnmap, object)
    try context.perform(.ioasUnmap, &argument, about: [object.name])
    return argument.length
  }

  /// Removes all mappings.
  ///
  /// - Returns: How many bytes were mapped; none is no error.
  /// - Throws: ``IOMMUError``.
  @discardableResult
  public func unmapAll() throws(IOMMUError) -> UInt64 {
    var argument = IOASUnmapArgument()
    argument.ioasID = id
    argument.length = .max
    try context.perform(.ioasUnmap, &argument, about: [object.name])
    return argument.length
  }

  private static func flags(_ access: MapFlags, at iova: IOVA?) -> UInt32 {
    let chosen = access.subtracting(.fixedIOVA)
    return (iova == nil ? chosen : chosen.union(.fixedIOVA)).rawValue
  }

  /// The length of a range; the whole address space has none that 64 bits can hold.
  private static func byteCount(
    _ range: ClosedRange<IOVA>, for request: IOMMUFDRequest, _ object: KernelObject
  ) throws(IOMMUError) -> UInt64 {
    let distance = range.upperBound.rawValue - range.lowerBound.rawValue
    // One less than 2^64 means everything to the kernel, so that no range may have that length.
    guard distance < .max - 1 else {
      throw IOMMUError(.iommufd(request), refused: .range, [object.name])
    }
    return distance + 1
  }
}
