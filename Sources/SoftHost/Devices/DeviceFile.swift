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
  /// The file that the group's file gave for the function; another opening gets the same.
  weak var groupFile: OpenFile?

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

extension VFIONode {
  /// Checks the token that guards virtual functions (facts, 3.3), and takes a physical one's new one.
  func checkToken(_ given: [UInt8]?, _ host: HostState) throws(LinuxErrno) {
    let guardian: FunctionToken.Guardian
    if let token = parent?.function.token {
      guardian = .physicalFunction(token)
    } else if let token = function.token {
      guardian = .itself(
        token, hasOpenFunctions: host.functions.contains { $0.parent === self && $0.bound != nil })
    } else {
      guardian = .none
    }
    if let new = try FunctionToken.check(given, guardian) { function.token = new }
  }
}

/// One open of a VFIO device.
final class DeviceFile {
  let node: VFIONode
  /// Whether the group's file gave this one, which is then bound and attached from the start.
  let isThroughGroup: Bool
  /// The context that the file is bound to.
  private(set) var context: IOMMUContext?
  /// The bound device behind an IOMMU.
  private(set) var object: DeviceObject?
  /// The bound emulated device.
  private var access: AccessObject?
  /// Whether the RID is attached by this file.
  var isAttached = false
  /// The real file behind the descriptors, for programs of other processes.
  var mappableFile: (any MappableFile)? {
    didSet { if let mappableFile, context != nil { node.function.takeMemory(from: mappableFile) } }
  }
  /// PASIDs attached by this file.
  private var pasids = InPlace(IDAllocator())

  init(_ node: VFIONode, isThroughGroup: Bool = false) {
    self.node = node
    self.isThroughGroup = isThroughGroup
  }

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
    // A container moves its devices' tables, not a request on the device.
    case .attach where isThroughGroup, .detach where isThroughGroup: throw .ENOTTY
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
    guard argument.iommufd >= 0, argument.flags & ~1 == 0, !isThroughGroup else { throw .EINVAL }
    if let group = node.device?.group, group.nodeOpens > 0 { throw .EBUSY }
    guard context == nil else { throw .EINVAL }
    let token = argument.flags & 1 == 1 ? try memory.load(16, at: argument.tokenAddress) : nil
    try node.checkToken(token, host)
    let file = try caller.file(argument.iommufd)
    guard case .context(let context) = file.kind else { throw .EBADFD }
    guard node.bound == nil else { throw .EINVAL }
    try bind(to: context, host) { id throws(LinuxErrno) in
      try memory.store(DeviceNumber { $0.id = id }, at: address &+ 12)
    }
  }

  /// Binds the function to a context and opens it; what comes last may still undo that.
  func bind(
    to context: IOMMUContext, _ host: HostState,
    finishing: (UInt32) throws(LinuxErrno) -> Void
  ) throws(LinuxErrno) {
    let id = try take(context)
    context.holders += 1
    self.context = context
    node.bound = self
    if !isThroughGroup { node.device?.group.deviceNodeBinds += 1 }
    do {
      try node.function.open()
      if let mappableFile { node.function.takeMemory(from: mappableFile) }
      try finishing(id)
    } catch {
      close()
      host.release(context)
      throw error
    }
    node.device?.endpoint.setBusMaster(node.function.isBusMaster)
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
    if !isThroughGroup { node.device?.group.deviceNodeBinds -= 1 }
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
