import HostABI
import PCIe

/// Requests that one function answers by itself; structures move here, rules are the function's.
extension DeviceFile {
  func deviceRequest(
    _ request: VFIODeviceRequest?, _ address: UInt64, by caller: Caller, host: HostState
  ) throws(LinuxErrno) -> Int32 {
    let memory = caller.memory
    switch request {
    case .getInfo:
      let reply = try node.function.information(
        try memory.loadPart(DeviceInfoArgument.self, 16, at: address))
      try give(reply, address, memory)
    case .getRegionInfo:
      let reply = try node.function.regionInformation(
        try memory.load(RegionInfoArgument.self, at: address))
      try give(reply, address, memory)
    case .getIRQInfo:
      let argument = try memory.load(IRQInfoArgument.self, at: address)
      try memory.store(try node.function.irqInformation(argument), at: address)
    case .setIRQs: return try setIRQs(address, by: caller)
    case .reset: try reset(host)
    case .getHotResetInfo: try hotResetInfo(address, memory, host)
    case .hotReset: try hotReset(address, by: caller, host)
    case .ioEventFD: try ioEventFD(address, by: caller)
    case .feature: try feature(address, by: caller)
    case .bindIOMMUFD, .attach, .detach, nil: throw .ENOTTY
    }
    return 0
  }

  private func give<Argument: WireStructure>(
    _ reply: InformationReply<Argument>, _ address: UInt64, _ memory: any CallerMemory
  ) throws(LinuxErrno) {
    try memory.storePart(reply.argument, reply.byteCount, at: address)
    try memory.store(reply.capabilities, at: address &+ UInt64(Argument.byteCount))
  }

  private func setIRQs(_ address: UInt64, by caller: Caller) throws(LinuxErrno) -> Int32 {
    let header = try caller.memory.load(SetIRQsHeader.self, at: address)
    let count = try node.function.irqDataByteCount(header)
    let data = try caller.memory.load(
      count, at: address &+ UInt64(SetIRQsHeader.byteCount))
    return try node.function.setIRQs(header, data: data, resolve: caller.eventSink)
  }

  /// A reset parks the device's DMA; what was attached is there again afterwards.
  private func reset(_ host: HostState) throws(LinuxErrno) {
    node.device?.setResetting(true)
    defer { node.device?.setResetting(false) }
    host.drain()
    try node.function.reset()
    node.device?.endpoint.setBusMaster(node.function.isBusMaster)
  }

  private func hotResetInfo(
    _ address: UInt64, _ memory: any CallerMemory, _ host: HostState
  ) throws(LinuxErrno) {
    let header = try memory.load(HotResetInfoHeader.self, at: address)
    let reply = try node.function.hotResetInformation(header, scope: hotResetScope(host))
    for (index, dependent) in reply.dependents.enumerated() {
      try memory.store(
        dependent, index, of: address &+ UInt64(HotResetInfoHeader.byteCount))
    }
    try memory.store(reply.header, at: address)
    if let error = reply.error { throw error }
  }

  private func hotReset(
    _ address: UInt64, by caller: Caller, _ host: HostState
  ) throws(LinuxErrno) {
    let header = try caller.memory.load(HotResetHeader.self, at: address)
    if isThroughGroup {
      try checkHotResetGroups(header, address, by: caller, host)
    } else {
      try node.function.checkHotReset(header, scope: hotResetScope(host))
    }
    for sibling in host.functions where sibling.sharesBus(with: node) {
      sibling.device?.setResetting(true)
      host.drain()
      sibling.function.resetByBus()
      sibling.device?.setResetting(false)
    }
  }

  /// The functions that a reset of the bus resets; none for one that no bus leads to.
  private func hotResetScope(_ host: HostState) -> VFIOFunction.HotResetScope? {
    guard node.isBehindBus else { return nil }
    if isThroughGroup { return groupHotResetScope(host) }
    return VFIOFunction.HotResetScope(
      host.functions.filter { $0.sharesBus(with: node) }.map { sibling in
        HotResetDependent {
          $0.segment = UInt16(truncatingIfNeeded: sibling.address.domain)
          $0.bus = sibling.address.bus
          $0.function = sibling.address.device << 3 | sibling.address.function
          $0.deviceID = ownedID(of: sibling)
        }
      })
  }

  /// A function's number in this file's context; 0 when its group is the context's, all ones when not.
  private func ownedID(of sibling: VFIONode) -> UInt32 {
    if let bound = sibling.bound, bound.context === context { return bound.objectID ?? 0 }
    if let owner = sibling.device?.group.owner, owner === context { return 0 }
    return .max
  }

  private func ioEventFD(_ address: UInt64, by caller: Caller) throws(LinuxErrno) {
    let argument = try caller.memory.loadPart(IOEventFDArgument.self, 28, at: address)
    try node.function.setIOEvent(argument, resolve: caller.eventSink)
  }

  private func feature(_ address: UInt64, by caller: Caller) throws(LinuxErrno) {
    let header = try caller.memory.load(FeatureHeader.self, at: address)
    let count = try node.function.featureDataByteCount(header)
    let data = try caller.memory.load(count, at: address &+ UInt64(FeatureHeader.byteCount))
    try node.function.setFeature(header, data: data, resolve: caller.eventSink)
  }

  // MARK: Regions

  /// `pread(2)`.
  func read(
    _ address: UInt64, _ count: Int, at offset: UInt64, by caller: Caller
  ) throws(LinuxErrno) -> Int {
    guard context != nil else { throw .EINVAL }
    let bytes = try node.function.read(at: offset, count: count)
    try caller.memory.store(bytes, at: address)
    return bytes.count
  }

  /// `pwrite(2)`.
  func write(
    _ address: UInt64, _ count: Int, at offset: UInt64, by caller: Caller
  ) throws(LinuxErrno) -> Int {
    guard let context else { throw .EINVAL }
    let bytes = try caller.memory.load(
      min(count, VFIOFunction.transferLimit), at: address)
    let wasBusMaster = node.function.isBusMaster
    // Also when the write fails: its first part may have been taken.
    defer {
      node.device?.endpoint.setBusMaster(node.function.isBusMaster)
      // Who has stopped the function may use its memory for something else.
      if wasBusMaster, !node.function.isBusMaster { context.host.drain() }
    }
    let done = try node.function.write(bytes, at: offset)
    return done
  }
}

extension DeviceFile {
  /// The memory of a BAR that a program maps.
  ///
  /// It stays reachable when memory decode goes off; from Linux the program would get SIGBUS.
  func mappable(_ offset: UInt64, _ byteCount: Int) throws(LinuxErrno) -> MappableMemory {
    guard context != nil else { throw .EINVAL }
    let place = try node.function.checkMapping(
      at: offset, byteCount: UInt64(byteCount), isShared: true)
    return MappableMemory(
      memory: try node.function.mappedMemory(bar: place.bar), offset: Int(place.position),
      keeper: nil)
  }
}

extension Caller {
  /// The event counter of a descriptor: `EBADF` when it is not open, `EINVAL` when it is none.
  func eventSink(_ descriptor: Int32) throws(LinuxErrno) -> any EventSink {
    switch try file(descriptor).kind {
    case .counter(let counter): return counter
    case .event(let sink): return sink
    default: throw .EINVAL
    }
  }
}

extension VFIONode {
  /// Whether a bus leads to the function; root complex integrated endpoints have none.
  var isBehindBus: Bool {
    let config = function.description.config
    guard let express = config.walkCapabilities().first(Capability.pciExpressID, in: .legacy)
    else { return true }
    return config.read16(express.offset + 2) >> 4 & 0xF != 9
  }

  /// Whether a reset of one's bus resets the other.
  func sharesBus(with other: VFIONode) -> Bool {
    isBehindBus && address.domain == other.address.domain && address.bus == other.address.bus
  }
}
