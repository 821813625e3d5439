package import HostABI

/// An iommufd context on a bench, with one method a request.
///
/// The methods send what they are told without looking at it; a case that wants a field which no
/// parameter names fills the argument itself through ``send(_:_:_:)``.
package struct Context {
  package let bench: Bench
  package let descriptor: Int32

  /// Carries out a request.
  package func send<Argument: WireStructure>(
    _ request: IOMMUFDRequest, _ type: Argument.Type = Argument.self,
    _ fill: (inout Argument) -> Void
  ) throws(LinuxErrno) -> Argument {
    var argument = Argument(fill)
    try send(request, &argument)
    return argument
  }

  /// Carries out a request whose argument is looked at also after an error.
  package func send<Argument: WireStructure>(
    _ request: IOMMUFDRequest, _ argument: inout Argument
  ) throws(LinuxErrno) {
    bench.lastRequest = "\(request.name) \(words(argument))"
    _ = try bench.kernel.perform(request.number, on: descriptor, &argument)
  }

  /// Closes the context's descriptor.
  package func close() throws(LinuxErrno) {
    bench.detachPASIDs(on: descriptor)
    try bench.close(descriptor)
  }

  /// `IOMMU_DESTROY`.
  package func destroy(_ id: UInt32) throws(LinuxErrno) {
    bench.detachPASIDs(of: id, on: descriptor)
    _ = try send(.destroy, DestroyArgument.self) { $0.id = id }
  }
}

// MARK: Address spaces

extension Context {
  /// `IOMMU_IOAS_ALLOC`.
  package func ioas() throws(LinuxErrno) -> UInt32 {
    try send(.ioasAlloc, IOASAllocArgument.self) { _ in }.outID
  }

  /// `IOMMU_IOAS_MAP`, with a chosen IOVA or an automatic one.
  @discardableResult
  package func map(
    _ ioas: UInt32, _ address: UInt64, _ length: UInt64,
    _ flags: MapFlags = [.readable, .writeable], at iova: UInt64? = nil
  ) throws(LinuxErrno) -> UInt64 {
    try send(.ioasMap, IOASMapArgument.self) {
      $0.flags = flags.rawValue | (iova == nil ? 0 : MapFlags.fixedIOVA.rawValue)
      $0.ioasID = ioas
      $0.userAddress = address
      $0.length = length
      $0.iova = iova ?? 0
    }.iova
  }

  /// `IOMMU_IOAS_MAP_FILE`.
  @discardableResult
  package func map(
    _ ioas: UInt32, file: Int32, start: UInt64 = 0, _ length: UInt64,
    _ flags: MapFlags = [.readable, .writeable], at iova: UInt64? = nil
  ) throws(LinuxErrno) -> UInt64 {
    try send(.ioasMapFile, IOASMapFileArgument.self) {
      $0.flags = flags.rawValue | (iova == nil ? 0 : MapFlags.fixedIOVA.rawValue)
      $0.ioasID = ioas
      $0.descriptor = file
      $0.start = start
      $0.length = length
      $0.iova = iova ?? 0
    }.iova
  }

  /// `IOMMU_IOAS_COPY`.
  @discardableResult
  package func copy(
    _ length: UInt64, from source: UInt32, _ sourceIOVA: UInt64, to destination: UInt32,
    _ flags: MapFlags = [.readable, .writeable], at iova: UInt64? = nil
  ) throws(LinuxErrno) -> UInt64 {
    try send(.ioasCopy, IOASCopyArgument.self) {
      $0.flags = flags.rawValue | (iova == nil ? 0 : MapFlags.fixedIOVA.rawValue)
      $0.sourceID = source
      $0.destinationID = destination
      $0.length = length
      $0.sourceIOVA = sourceIOVA
      $0.destinationIOVA = iova ?? 0
    }.destinationIOVA
  }

  /// `IOMMU_IOAS_UNMAP`; returns how many bytes went.
  @discardableResult
  package func unmap(
    _ ioas: UInt32, _ iova: UInt64, _ length: UInt64
  ) throws(LinuxErrno) -> UInt64 {
    try send(.ioasUnmap, IOASUnmapArgument.self) {
      $0.ioasID = ioas
      $0.iova = iova
      $0.length = length
    }.length
  }

  /// `IOMMU_IOAS_IOVA_RANGES` with room for 64 ranges.
  package func ranges(
    _ ioas: UInt32
  ) throws(LinuxErrno) -> (ranges: [ClosedRange<UInt64>], alignment: UInt64) {
    let array = try bench.memory(4096)
    let answer = try send(.ioasIOVARanges, IOVARangesArgument.self) {
      $0.ioasID = ioas
      $0.count = 64
      $0.ranges = array
    }
    let bytes = try bench.kernel.load(array, Int(min(answer.count, 64)) * 16)
    try bench.release(array)
    return (Self.ranges(in: bytes), answer.outAlignment)
  }

  /// `IOMMU_IOAS_ALLOW_IOVAS`.
  package func allow(_ ioas: UInt32, _ ranges: [(UInt64, UInt64)]) throws(LinuxErrno) {
    let array = try bench.stored(ranges.flatMap { $0.0.littleEndianBytes + $0.1.littleEndianBytes })
    _ = try send(.ioasAllowIOVAs, AllowIOVAsArgument.self) {
      $0.ioasID = ioas
      $0.count = UInt32(ranges.count)
      $0.ranges = array
    }
  }

  /// The alignment that an IOAS asks for now.
  package func alignment(_ ioas: UInt32) throws(LinuxErrno) -> UInt64 {
    try ranges(ioas).alignment
  }

  static func ranges(in bytes: [UInt8]) -> [ClosedRange<UInt64>] {
    stride(from: 0, to: bytes.count, by: 16).map { at in
      let start = bytes.little(UInt64.self, at: at)
      let last = bytes.little(UInt64.self, at: at + 8)
      return start...max(start, last)
    }
  }

  /// `IOMMU_OPTION` with operation 1.
  package func getOption(_ option: UInt32, of id: UInt32 = 0) throws(LinuxErrno) -> UInt64 {
    try send(.option, OptionArgument.self) {
      $0.optionID = option
      $0.operation = 1
      $0.objectID = id
    }.value
  }

  /// `IOMMU_OPTION` with operation 0.
  package func setOption(
    _ option: UInt32, of id: UInt32 = 0, to value: UInt64
  ) throws(LinuxErrno) {
    _ = try send(.option, OptionArgument.self) {
      $0.optionID = option
      $0.objectID = id
      $0.value = value
    }
  }

  /// `IOMMU_VFIO_IOAS`: 0 gets, 1 sets, 2 clears.
  @discardableResult
  package func compatIOAS(_ operation: UInt16, _ ioas: UInt32 = 0) throws(LinuxErrno) -> UInt32 {
    try send(.vfioIOAS, VFIOIOASArgument.self) {
      $0.operation = operation
      $0.ioasID = ioas
    }.ioasID
  }
}
