import HostABI
import Hardware
import IOMMU

/// All that a software host knows, behind its one lock: units, devices, groups, open contexts.
///
/// Translations do not come here: they take their endpoint's lock only.
final class HostState {
  let units: [IOMMUUnit]
  private(set) var groups: [IOMMUGroup] = []
  private(set) var devices: [PhysicalDevice] = []
  /// What the device nodes `vfioN` open, by N.
  private(set) var functions: [VFIONode] = []
  /// The mock-device requests, if the host answers them.
  let mock: MockHost?
  /// Contexts that are open, or held open.
  private(set) var contexts: [IOMMUContext] = []
  private var charges: [UInt32: Charge] = [:]
  private var callers: [Caller?] = []
  /// Open files of programs in other processes, by numbers that are never given again.
  var numberedFiles: [Int: OpenFile] = [:]
  var lastFileNumber = 0
  /// The tag given last, and whether all have been given once.
  var lastTag: UInt32 = 0
  private var tagsRepeat = false

  init(units: [IOMMUUnit], mock: MockHost?) {
    self.units = units
    self.mock = mock
  }

  /// Notes a program, and gives its number.
  func addCaller(_ caller: Caller) -> Int {
    if let free = callers.firstIndex(where: { $0 == nil }) {
      callers[free] = caller
      return free
    }
    callers.append(caller)
    return callers.count - 1
  }

  /// The program with a number.
  func caller(_ number: Int) -> Caller? { callers[number] }

  /// A program ends: its descriptors close, where the host keeps them.
  func removeCaller(_ number: Int) {
    guard let caller = callers[number] else { return }
    callers[number] = nil
    guard let table = caller.files as? DescriptorTable else { return }
    for descriptor in table.descriptors { try? close(descriptor, by: caller) }
  }

  deinit {
    // Groups and their devices know each other.
    for group in groups { group.devices = [] }
  }

  /// A tag that no other table has.
  func nextTag() -> UInt32 {
    repeat {
      lastTag &+= 1
      if lastTag == 0 { tagsRepeat = true }
    } while tagsRepeat && isTag(lastTag)
    return lastTag
  }

  /// Whether a table has a tag; one that ends leaves nothing in caches.
  private func isTag(_ tag: UInt32) -> Bool {
    contexts.contains { context in
      context.slots.contains { slot in
        switch slot {
        case .paging(let table): table.tag == tag
        case .nested(let table): table.tag == tag
        case .viommu(let viommu): viommu.tag == tag
        default: false
        }
      }
    }
  }

  /// Who is charged for the memory that a user's programs lock.
  func userCharge(of caller: Caller) -> Charge {
    let user = caller.credentials.user
    if let charge = charges[user] {
      charge.limit = caller.credentials.pageLimit
      return charge
    }
    let charge = Charge(limit: caller.credentials.pageLimit)
    charges[user] = charge
    return charge
  }

  /// Pages that are charged to anybody.
  var chargedPages: Int { charges.values.reduce(0) { $0 + $1.pageCount } }

  /// The group with a number, made if need be.
  func group(_ number: Int) -> IOMMUGroup {
    if let group = groups.first(where: { $0.number == number }) { return group }
    let group = IOMMUGroup(number: number)
    groups.append(group)
    return group
  }

  /// Adds a device to its group.
  func add(_ device: PhysicalDevice) {
    devices.append(device)
    device.group.devices.append(device)
  }

  /// Takes a device out of its group.
  func remove(_ device: PhysicalDevice) {
    devices.removeAll { $0 === device }
    device.group.devices.removeAll { $0 === device }
    if device.group.devices.isEmpty { groups.removeAll { $0 === device.group } }
  }

  /// Adds a device node.
  func add(_ node: VFIONode) { functions.append(node) }

  // MARK: Translations of all units

  /// Waits until requests that may still use what was dropped are over.
  func drain() {
    for unit in units { unit.translation.drain() }
  }
}

// MARK: Open files

extension HostState {
  /// Opens a path for a program.
  func open(_ path: String, by caller: Caller) throws(LinuxErrno) -> Int32 {
    let file = try open(path)
    do { return try caller.add(file) } catch {
      release(file)
      throw error
    }
  }

  /// Opens a path; whoever gets the file holds it.
  func open(_ path: String) throws(LinuxErrno) -> OpenFile {
    let kind: OpenFile.Kind
    // As with Linux's iommufd container option, the container node opens a context too.
    if path == "/dev/iommu" || path == "/dev/vfio/vfio" {
      let context = IOMMUContext(host: self)
      context.isTypeOneContainer = path == "/dev/vfio/vfio"
      contexts.append(context)
      kind = .context(context)
    } else if let number = Self.number(after: "/dev/vfio/devices/vfio", in: path) {
      guard number < functions.count else { throw .ENOENT }
      kind = .device(DeviceFile(functions[number]))
    } else if let number = Self.number(after: "/dev/vfio/", in: path) {
      guard let group = groups.first(where: { $0.number == number }) else { throw .ENOENT }
      guard group.deviceNodeBinds == 0, group.nodeOpens == 0 else { throw .EBUSY }
      group.nodeOpens += 1
      kind = .group(group)
    } else {
      throw .ENOENT
    }
    return OpenFile(kind)
  }

  /// Opens a queue of a context, whose descriptor the caller is told before it can be used.
  func open(
    _ kind: OpenFile.Kind, for context: IOMMUContext, by caller: Caller,
    telling: (Int32) throws(LinuxErrno) -> Void
  ) throws(LinuxErrno) -> Int32 {
    let number = try caller.add(OpenFile(kind))
    do { try telling(number) } catch {
      _ = try caller.remove(number)
      throw error
    }
    context.holders += 1
    return number
  }

  /// Closes a descriptor; the last one of a file ends it.
  func close(_ descriptor: Int32, by caller: Caller) throws(LinuxErrno) {
    release(try caller.remove(descriptor))
  }

  /// One holder of a file less.
  func release(_ file: OpenFile) {
    file.holders -= 1
    guard file.holders == 0 else { return }
    switch file.kind {
    case .context(let context): release(context)
    case .device(let device):
      let context = device.context
      device.close()
      if let context { release(context) }
    case .group(let group): close(group)
    case .faults(let queue):
      queue.uses -= 1
      if let context = queue.context { release(context) }
    case .events(let queue):
      queue.uses -= 1
      release(queue.viommu.context)
    case .access(let access):
      access.close()
      release(access.context)
    case .counter, .event, .memory, .buffer, .other: break
    }
  }

  /// One holder of a context less; the last one ends all of its objects.
  func release(_ context: IOMMUContext) {
    context.holders -= 1
    guard context.holders == 0 else { return }
    context.close()
    contexts.removeAll { $0 === context }
  }

  private static func number(after prefix: String, in path: String) -> Int? {
    guard path.hasPrefix(prefix) else { return nil }
    let digits = path.dropFirst(prefix.count)
    guard !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
    return Int(digits)
  }
}
