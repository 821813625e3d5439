import Hardware
import VirtualIOMMU

/// The guest's driver of the unit: it programs registers, queues and tables in the order in which
/// Linux's does.
final class GuestDriver {
  let memory: GuestMemory
  /// The unit's register page; another one after a migration, which the driver does not notice.
  var unit: WitnessUnit
  var pages: GuestPages

  /// The root table.
  let root: GuestPhysicalAddress
  /// The invalidation queue: one page, with 128 descriptors of 32 bytes.
  private let queue: GuestPhysicalAddress
  private var tail: UInt64 = 0
  /// Where waits write.
  private let status: GuestPhysicalAddress
  private var lastStatus: UInt32 = 0
  /// The page request queue: one page, with 128 descriptors of 32 bytes.
  let requests: GuestPhysicalAddress

  /// What the unit said that it can do.
  private(set) var capability = VTdCapability(rawValue: 0)
  private(set) var extended = VTdExtendedCapability(rawValue: 0)

  /// The domain of first stages and of what passes through (Linux's `FLPT_DEFAULT_DID`).
  static let domain: UInt64 = 1
  private static let queueSize: UInt64 = 4096
  private static let descriptorSize: UInt64 = 32

  init(_ unit: WitnessUnit, _ memory: GuestMemory) {
    self.unit = unit
    self.memory = memory
    pages = GuestPages(of: memory)
    root = pages.take()
    queue = pages.take()
    status = pages.take()
    requests = pages.take()
  }

  /// Bits of the PASIDs that the unit takes.
  var pasidBits: Int { extended[.pasid] ? Int(extended.pasidBits) + 1 : 0 }
}

/// Why a driver goes no further.
enum GuestProblem: Error, CustomStringConvertible {
  /// A command's status did not come.
  case noStatus(String)
  /// The queue has stopped, with IQER.
  case queueStopped(error: UInt64)
  /// A wait did not complete.
  case noCompletion

  var description: String {
    switch self {
    case .noStatus(let name): "the unit did not confirm \(name)"
    case .queueStopped(let error): "the invalidation queue stopped with error \(error)"
    case .noCompletion: "a wait descriptor did not complete"
    }
  }
}

// MARK: Start

extension GuestDriver {
  /// Reads what the unit is.
  func probe() -> UInt64 {
    let version = unit.read(VTdRegister.version)
    capability = VTdCapability(rawValue: unit.read(VTdRegister.capability, size: 8))
    extended = VTdExtendedCapability(
      rawValue: unit.read(VTdRegister.extendedCapability, size: 8))
    return version
  }

  /// Turns the queue on: descriptors of 32 bytes, since the unit has scalable mode.
  func startQueue() throws {
    unit.write(0, at: VTdRegister.queueTail)
    unit.write(queue.rawValue | 1 << 11, at: VTdRegister.queueAddress, size: 8)
    try command("QIE") { $0.queuedInvalidation = true }
  }

  /// Sets the root table, in scalable mode, and drops all that may be cached.
  func setRoot() throws {
    unit.write(root.rawValue | 1 << 10, at: VTdRegister.rootTable, size: 8)
    try command("SRTP") { $0.rootPointer = true }
    try submit([.allContexts, .allPASIDs, .allTranslations])
  }

  /// Turns the page request queue on.
  func startPageRequests() {
    unit.write(0, at: VTdRegister.requestHead, size: 8)
    unit.write(0, at: VTdRegister.requestTail, size: 8)
    unit.write(requests.rawValue, at: VTdRegister.requestAddress, size: 8)
    startInterrupt(.pageRequest, at: VTdRegister.requestEvent)
  }

  /// Lets faults be told, and forgets those that were there.
  func startFaults() {
    startInterrupt(.fault, at: VTdRegister.faultEvent)
    unit.write(unit.read(VTdRegister.faultStatus), at: VTdRegister.faultStatus)
  }

  /// Turns translation on.
  func startTranslation() throws { try command("TE") { $0.translation = true } }

  private func startInterrupt(_ source: WitnessInterrupts.Source, at control: Int) {
    unit.write(UInt64(source.rawValue), at: control + 4)
    unit.write(0xFEE0_0000, at: control + 8)
    unit.write(0, at: control + 12)
    // The mask goes last.
    unit.write(0, at: control)
  }

  /// Gives one command, and waits until the status says that it is done.
  private func command(
    _ name: String, _ change: (inout VTdGlobalCommand) -> Void
  ) throws(GuestProblem) {
    var command = globalStatus
    // What is set once does not repeat (VT-d §11.4.4).
    command.rootPointer = false
    command.interruptPointer = false
    change(&command)
    unit.write(UInt64(command.rawValue), at: VTdRegister.command)
    let now = globalStatus
    guard now.rawValue & command.rawValue == command.rawValue else { throw .noStatus(name) }
  }

  var globalStatus: VTdGlobalCommand {
    VTdGlobalCommand(rawValue: UInt32(truncatingIfNeeded: unit.read(VTdRegister.status)))
  }
}

// MARK: Queue

extension GuestDriver {
  /// Queues a handful of descriptors and a wait behind them, which may drain page requests too, and
  /// waits for it; throws ``GuestProblem`` when the unit does not understand one.
  func submit(_ descriptors: [GuestDescriptor], draining: Bool = false) throws {
    lastStatus += 1
    for descriptor in descriptors { try put(descriptor) }
    try put(.wait(lastStatus, at: status, drains: draining))
    unit.write(tail, at: VTdRegister.queueTail)
    guard try memory.word(status) & 0xFFFF_FFFF != UInt64(lastStatus) else { return }
    let faults = unit.read(VTdRegister.faultStatus)
    guard VTdFaultStatus(rawValue: UInt32(truncatingIfNeeded: faults)).queueError else {
      throw GuestProblem.noCompletion
    }
    throw GuestProblem.queueStopped(error: unit.read(VTdRegister.queueError, size: 8) & 0xF)
  }

  /// Puts a wait in the place of the descriptor that the unit stopped at, and lets it go on.
  ///
  /// - Returns: Whether the wait behind it completed then.
  func repairQueue() throws -> Bool {
    let head = unit.read(VTdRegister.queueHead, size: 8)
    let wait = GuestDescriptor.wait(lastStatus, at: status)
    try store(wait, at: GuestPhysicalAddress(queue.rawValue + head))
    var clear = VTdFaultStatus(rawValue: 0)
    clear.queueError = true
    unit.write(UInt64(clear.rawValue), at: VTdRegister.faultStatus)
    return unit.read(VTdRegister.queueHead, size: 8) == tail
  }

  private func put(_ descriptor: GuestDescriptor) throws {
    try store(descriptor, at: GuestPhysicalAddress(queue.rawValue + tail))
    tail = (tail + Self.descriptorSize) % Self.queueSize
  }

  private func store(_ descriptor: GuestDescriptor, at place: GuestPhysicalAddress) throws {
    for (index, word) in [descriptor.low, descriptor.high, 0, 0].enumerated() {
      try memory.store(word, GuestPhysicalAddress(place.rawValue + UInt64(8 * index)))
    }
  }
}
