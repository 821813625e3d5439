import HostABI
import PCIe

/// What a device node `vfioN` opens: a function behind an IOMMU, or an emulated one.
final class VFIONode {
  let index: Int
  /// The device, unless it is emulated.
  let device: PhysicalDevice?
  var function: VFIOFunction
  /// Where the function is.
  let address: PCIAddress
  /// The node of a virtual function's physical one.
  let parent: VFIONode?
  /// The open file that has the function bound.
  var bound: DeviceFile?

  init(
    index: Int, device: PhysicalDevice?, function: VFIOFunction, address: PCIAddress,
    parent: VFIONode?
  ) {
    self.index = index
    self.device = device
    self.function = function
    self.address = address
    self.parent = parent
  }
}

/// One open of a VFIO device.
final class DeviceFile {
  let node: VFIONode
  /// The context that the file is bound to.
  private(set) var context: IOMMUContext?
  /// The bound device behind an IOMMU.
  private var object: DeviceObject?
  /// The bound emulated device.
  private var access: AccessObject?
  /// Whether the RID is attached by this file.
  private var isAttached = false
  /// The real file behind the descriptors, for programs of other processes.
  var mappableFile: (any MappableFile)?
  /// PASIDs attached by this file.
  private var pasids = InPlace(IDAllocator())

  init(_ node: VFIONode) { self.node = node }

  /// The number of the bound device in its context.
  var objectID: UInt32? { object?.id ?? access?.id }

  /// Answers a request.
  func ioctl(
    _ request: UInt32, _ address: UInt64, by caller: Caller, host: HostState
  ) throws(LinuxErrno) -> Int32 {
    if request == VFIODeviceRequest.bindIOMMUFD.number {
      try bind(address, by: caller, host: host)
      return 0
    }
    guard context != nil else { throw .EINVAL }
    switch VFIODeviceRequest(rawValue: request) {
    case .attach: try attach(address, caller.memory)
    case .detach: try detach(address, caller.memory)
    case let known: return try deviceRequest(known, address, by: caller, host: host)
    }
    return 0
  }

  // MARK: Bind and close

  private func bind(
    _ address: UInt64, by caller: Caller, host: HostState
  ) throws(LinuxErrno) {
    let memory = caller.memory
    let size = try memory.load(SizeField.self, at: address).size
    guard size >= 16 else { throw .EINVAL }
    var tail = UInt64(BindArgument.byteCount)
    while tail < UInt64(size) {
      let count = min(UInt64(size) - tail, Page.size)
      let bytes = try memory.load(Int(count), at: address &+ tail)
      if bytes.contains(where: { $0 != 0 }) { throw .E2BIG }
      tail += count
    }
    let argument = try memory.loadPart(BindArgument.self, Int(size), at: address)
    guard argument.iommufd >= 0, argument.flags & ~1 == 0 else { throw .EINVAL }
    if let group = node.device?.group, group.nodeOpens > 0 { throw .EBUSY }
    guard context == nil else { throw .EINVAL }
    try checkToken(argument, memory, host)
    let file = try caller.file(argument.iommufd)
    guard case .context(let context) = file.kind else { throw .EBADFD }
    guard node.bound == nil else { throw .EINVAL }
    let id = try take(context)
    context.holders += 1
    self.context = context
    node.bound = self
    do {
      try node.function.open()
      if let mappableFile { node.function.takeMemory(from: mappableFile) }
      try memory.store(DeviceNumber { $0.id = id }, at: address &+ 12)
    } catch {
      close()
      host.release(context)
      throw error
    }
    node.device?.endpoint.setBusMaster(node.function.isBusMaster)
  }

  /// Checks the token that guards virtual functions (facts, 3.3), and takes a physical one's new one.
  private func checkToken(
    _ argument: BindArgument, _ memory: any CallerMemory, _ host: HostState
  ) throws(LinuxErrno) {
    let given = argument.flags & 1 == 1 ? try memory.load(16, at: argument.tokenAddress) : nil
    let guardian: FunctionToken.Guardian
    if let token = node.parent?.function.token {
      guardian = .physicalFunction(token)
    } else if let token = node.function.token {
      guardian = .itself(
        token, hasOpenFunctions: host.functions.contains { $0.parent === node && $0.bound != nil })
    } else {
      guardian = .none
    }
    if let new = try FunctionToken.check(given, guardian) { node.function.token = new }
  }

  /// Makes the context's object for the device.
  private func take(_ context: IOMMUContext) throws(LinuxErrno) -> UInt32 {
    guard let device = node.device else {
      let access = try context.create { id in
        let access = AccessObject(id: id, pageSize: Page.size)
        return (access, .access(access))
      }
      access.uses = 1
      self.access = access
      return access.id
    }
    let object = try context.bind(device)
    self.object = object
    return object.id
  }

  /// The last descriptor went: the device is stopped and goes back to the host.
  func close() {
    guard let context else { return }
    node.function.close()
    if let object {
      object.physical.endpoint.setBusMaster(false)
      for pasid in pasids.value { object.detach(pasid: pasid) }
      pasids.value.removeAll()
      object.detach(pasid: 0)
      context.unbind(object)
    }
    if let access {
      access.detach()
      context.remove(access.id)
    }
    object = nil
    access = nil
    isAttached = false
    node.bound = nil
    self.context = nil
  }

  // MARK: Attach and detach

  private func attach(_ address: UInt64, _ memory: any CallerMemory) throws(LinuxErrno) {
    // What lies behind a short structure is read if it can be, and not used.
    let whole = memory.loadIfPresent(AttachArgument.self, at: address)
    let argument: AttachArgument
    if let whole {
      argument = whole
    } else {
      argument = try memory.loadPart(AttachArgument.self, 12, at: address)
    }
    guard argument.argumentSize >= 12, argument.flags & ~1 == 0 else { throw .EINVAL }
    guard let object else { return try attachAccess(argument, address, memory) }
    let tableID: UInt32
    var pasid: UInt32 = 0
    if argument.flags & 1 == 1 {
      guard argument.argumentSize >= 16 else { throw .EINVAL }
      guard whole != nil else { throw .EFAULT }
      pasid = argument.pasid
      tableID = try attach(object, argument.tableID, pasid: pasid)
    } else {
      tableID = try object.attach(argument.tableID, pasid: 0, replacing: isAttached)
      isAttached = true
    }
    do { try memory.store(DeviceNumber { $0.id = tableID }, at: address &+ 8) } catch {
      // Linux detaches the RID here even for a PASID; what was attached is what goes.
      if argument.flags & 1 == 1 {
        object.detach(pasid: pasid)
        _ = pasids.value.free(pasid)
      } else {
        object.detach(pasid: 0)
        isAttached = false
      }
      throw error
    }
  }

  /// Attaches a PASID, noting it in the file's set first.
  private func attach(
    _ object: DeviceObject, _ tableID: UInt32, pasid: UInt32
  ) throws(LinuxErrno) -> UInt32 {
    guard pasid < 1 << 31 || pasids.value.exists(pasid) else { throw .ENOSPC }
    guard pasids.value.take(pasid) else {
      return try object.attach(tableID, pasid: pasid, replacing: true)
    }
    do { return try object.attach(tableID, pasid: pasid, replacing: false) } catch {
      _ = pasids.value.free(pasid)
      throw error
    }
  }

  private func attachAccess(
    _ argument: AttachArgument, _ address: UInt64, _ memory: any CallerMemory
  ) throws(LinuxErrno) {
    guard argument.flags & 1 == 0 else { throw .EOPNOTSUPP }
    guard let access, let context else { throw .EINVAL }
    try access.attach(to: try context.ioas(argument.tableID))
    try memory.store(DeviceNumber { $0.id = argument.tableID }, at: address &+ 8)
  }

  private func detach(_ address: UInt64, _ memory: any CallerMemory) throws(LinuxErrno) {
    let whole = memory.loadIfPresent(DetachArgument.self, at: address)
    let argument: DetachArgument
    if let whole {
      argument = whole
    } else {
      argument = try memory.loadPart(DetachArgument.self, 8, at: address)
    }
    guard argument.argumentSize >= 8, argument.flags & ~1 == 0 else { throw .EINVAL }
    guard argument.flags & 1 == 1 else {
      if isAttached { object?.detach(pasid: 0) }
      isAttached = false
      access?.detach()
      return
    }
    guard let object else { throw .EOPNOTSUPP }
    guard argument.argumentSize >= 12 else { throw .EINVAL }
    guard whole != nil else { throw .EFAULT }
    if pasids.value.free(argument.pasid) { object.detach(pasid: argument.pasid) }
  }
}

/// One number that goes back to the caller.
private struct DeviceNumber: WireStructure {
  var id: UInt32 = 0

  init() {}
}

extension IOMMUContext {
  /// Makes the object of a device, whose group the context then owns.
  func bind(_ device: PhysicalDevice) throws(LinuxErrno) -> DeviceObject {
    let group = device.group
    if let owner = group.owner, owner !== self { throw .EPERM }
    let attachments = groups[group.number] ?? GroupAttachments(group)
    let object = try create { id throws(LinuxErrno) in
      let object = DeviceObject(
        id: id, context: self, physical: device, attachments: attachments)
      try attachments.add(object)
      return (object, .device(object))
    }
    groups[group.number] = attachments
    group.owner = self
    group.boundCount += 1
    device.object = object
    return object
  }

  /// Ends the object of a device; a vDEVICE that is left goes too, and its number stays taken.
  func unbind(_ object: DeviceObject) {
    object.isEnding = true
    if let vdevice = object.vdevice {
      vdevice.tearDown()
      remove(vdevice.id, retire: true)
    }
    object.attachments.remove(object)
    let group = object.physical.group
    group.boundCount -= 1
    if group.boundCount == 0 {
      group.owner = nil
      groups[group.number] = nil
    }
    object.physical.object = nil
    // What the device began to ask for is not for its next owner.
    object.physical.partialFaults = []
    remove(object.id)
  }
}
