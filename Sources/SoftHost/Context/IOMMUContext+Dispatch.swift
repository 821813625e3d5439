import HostABI

/// One request on its way: who makes it, and where its structure lies.
struct Call {
  /// The program that makes the request.
  let caller: Caller
  /// The address of the structure.
  let address: UInt64
  /// The size in bytes that the caller states.
  let size: UInt32

  var memory: any CallerMemory { caller.memory }
}

extension IOMMUContext {
  /// Answers a request on the context's descriptor, in the order of checks that Linux has.
  func ioctl(
    _ request: UInt32, _ address: UInt64, by caller: Caller
  ) throws(LinuxErrno) -> Int32 {
    let number = request & 0xFF
    guard number >= IOMMUFDRequest.destroy.rawValue, number <= lastNumber else {
      return try containerRequest(request, address, by: caller)
    }
    let size = try caller.memory.load(SizeField.self, at: address).size
    let call = Call(caller: caller, address: address, size: size)
    if number == (MockRequest.number & 0xFF) {
      guard let mock = host.mock, request == MockRequest.number else { throw .ENOTTY }
      return try mockRequest(call, of: mock)
    }
    guard let known = IOMMUFDRequest(rawValue: number), request == known.number else {
      throw .ENOTTY
    }
    guard size >= known.sizes.minimum else { throw .EINVAL }
    try checkTail(call, beyond: known.sizes.full)
    try perform(known, call)
    return 0
  }

  /// The highest number that is not a container request.
  private var lastNumber: UInt32 {
    host.mock != nil ? (MockRequest.number & 0xFF) : IOMMUFDRequest.hwQueueAlloc.rawValue
  }

  private func perform(_ request: IOMMUFDRequest, _ call: Call) throws(LinuxErrno) {
    switch request {
    case .destroy: try destroy(load(DestroyArgument.self, call).id)
    case .ioasAlloc: try allocateAddressSpace(call)
    case .ioasAllowIOVAs: try allowIOVAs(call)
    case .ioasCopy: try copy(call)
    case .ioasIOVARanges: try iovaRanges(call)
    case .ioasMap: try map(call)
    case .ioasMapFile: try mapFile(call)
    case .ioasUnmap: try unmap(call)
    case .ioasChangeProcess: try changeProcess(call)
    case .option: try option(call)
    case .vfioIOAS: try vfioIOAS(call)
    case .hwptAlloc: try allocateHWPT(call)
    case .getHardwareInfo: try hardwareInfo(call)
    case .setDirtyTracking: try setDirtyTracking(call)
    case .getDirtyBitmap: try getDirtyBitmap(call)
    case .hwptInvalidate: try invalidate(call)
    case .faultQueueAlloc: try allocateFaultQueue(call)
    case .viommuAlloc: try allocateVIOMMU(call)
    case .vdeviceAlloc: try allocateVDevice(call)
    case .veventqAlloc: try allocateEventQueue(call)
    case .hwQueueAlloc: try allocateHardwareQueue(call)
    }
  }

  /// Every byte that this kernel does not know must be zero.
  func checkTail(_ call: Call, beyond full: Int) throws(LinuxErrno) {
    var offset = UInt64(full)
    // The caller states up to 4 GiB; a page at a time bounds the memory that the look takes.
    while offset < UInt64(call.size) {
      let count = min(UInt64(call.size) - offset, Page.size)
      let (address, wraps) = call.address.addingReportingOverflow(offset)
      if wraps { throw .EFAULT }
      let bytes = try call.memory.load(Int(count), at: address)
      if bytes.contains(where: { $0 != 0 }) { throw .E2BIG }
      offset += count
    }
  }

  /// The request's structure; what the caller leaves out reads as zero.
  func load<Argument: WireStructure>(
    _ type: Argument.Type, _ call: Call
  ) throws(LinuxErrno) -> Argument {
    if call.size >= Argument.byteCount { return try call.memory.load(type, at: call.address) }
    return try call.memory.loadPart(type, Int(call.size), at: call.address)
  }

  /// Gives the structure back, cut at the size that the caller states.
  func store<Argument: WireStructure>(_ argument: Argument, _ call: Call) throws(LinuxErrno) {
    if call.size >= Argument.byteCount {
      return try call.memory.store(argument, at: call.address)
    }
    try call.memory.storePart(argument, Int(call.size), at: call.address)
  }
}

/// The first field of every request's structure.
struct SizeField: WireStructure {
  var size: UInt32 = 0

  init() {}
}
