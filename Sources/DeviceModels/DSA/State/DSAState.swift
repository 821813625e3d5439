import Hardware
import PCIe

/// All that a data streaming accelerator knows, behind its one lock.
///
/// Registers, work queues and engines; nothing in here makes DMA. What is to be done outside of the
/// lock is collected: ``vectors`` to send, and jobs that ``nextJob(epoch:)`` hands out.
struct DSAState: Sendable {
  let options: DSAOptions
  var controls: FunctionControls = []
  var status = DSADeviceState.disabled
  /// GENSTS, bits 3:2: what it takes to leave the halt state; 1 is a function reset.
  var neededReset: UInt32 = 0
  var generalConfiguration: UInt32 = 0
  var generalControl: UInt32 = 0
  var causes: DSAInterruptCause = []
  /// The command at work, and how the last one ended.
  var command: DSACommand?
  var commandError = DSACommandError.none
  var softwareError: (UInt64, UInt64, UInt64) = (0, 0, 0)
  var vectorPermissions: [UInt32]
  /// 16 dwords a group.
  var groups: [UInt32]
  var queues: [DSAQueue]
  var engines: [DSAEngine]
  /// The MSI-X table as memory: the host has the vectors.
  var vectorTable: [UInt32]
  var gathering = DSAGathering()
  /// Changes with each reset of the function; results of work from before are dropped.
  var generation: UInt64 = 0
  /// How many descriptors were handed to engines.
  var sequence: UInt64 = 0
  /// The group of the last page request.
  var pageGroup: UInt16 = 0
  /// MSI-X vectors that are to be sent, one bit each.
  var vectors: UInt64 = 0
  /// The engine that was served last.
  var lastEngine = 0

  init(_ options: DSAOptions) {
    self.options = options
    vectorPermissions = Array(repeating: 0, count: DSARegister.vectorCount)
    groups = Array(repeating: 0, count: 16 * DSARegister.groupCount)
    queues = Array(repeating: DSAQueue(), count: options.workQueues)
    engines = Array(repeating: DSAEngine(), count: options.engines)
    vectorTable = (0..<4 * DSARegister.vectorCount).map { $0 % 4 == 3 ? 1 : 0 }
  }

  /// Whether ``nextJob(epoch:)`` or ``vectors`` may have something.
  var hasWork: Bool {
    vectors != 0 || engines.contains { $0.job != nil } || queues.contains { $0.occupancy > 0 }
  }

  /// Everything as after power-on but for the controls, which are config space's.
  mutating func reset() {
    var new = DSAState(options)
    new.controls = controls
    new.generation = generation &+ 1
    new.pageGroup = pageGroup
    self = new
  }
}

/// A work queue.
struct DSAQueue: Sendable {
  var configuration = DSAQueueConfiguration()
  var isEnabled = false
  /// Whether new descriptors are refused until a command is done.
  var isClosed = false
  /// Descriptors that wait, oldest first, as a ring of the configured size.
  private var ring: [DSADescriptor] = []
  private var head = 0
  private(set) var occupancy = 0
  /// What makes the choice between queues fair.
  var credit = 0

  init() {}

  /// Makes room for as many descriptors as are configured.
  mutating func open() {
    ring = Array(repeating: DSADescriptor(), count: configuration.size)
    head = 0
    occupancy = 0
    isEnabled = true
    isClosed = false
  }

  /// Turns the queue off; what waits is forgotten.
  mutating func close() {
    isEnabled = false
    isClosed = false
    ring = []
    clear()
  }

  /// Forgets what waits.
  mutating func clear() {
    head = 0
    occupancy = 0
  }

  var isFull: Bool { occupancy >= ring.count }

  /// Adds a descriptor; there must be room.
  mutating func append(_ descriptor: DSADescriptor) {
    ring[(head + occupancy) % ring.count] = descriptor
    occupancy += 1
  }

  /// Takes the oldest descriptor.
  mutating func popFirst() -> DSADescriptor? {
    guard occupancy > 0 else { return nil }
    let first = ring[head]
    head = (head + 1) % ring.count
    occupancy -= 1
    return first
  }

  /// Forgets the waiting descriptors of a PASID.
  mutating func removeAll(where isMeant: (DSADescriptor) -> Bool) {
    var kept: [DSADescriptor] = []
    while let first = popFirst() { if !isMeant(first) { kept.append(first) } }
    clear()
    for descriptor in kept { append(descriptor) }
  }

  /// Whether a descriptor that is meant waits.
  func contains(where isMeant: (DSADescriptor) -> Bool) -> Bool {
    (0..<occupancy).contains { isMeant(ring[(head + $0) % ring.count]) }
  }
}

/// An engine: it has one descriptor, or batch, at a time.
struct DSAEngine: Sendable {
  enum Activity: Sendable {
    /// Nothing to do.
    case idle
    /// A job that can go on.
    case ready
    /// The worker has the job.
    case running
    /// A page request is out.
    case waiting(group: UInt16)
  }

  var activity = Activity.idle
  var job: DSAJob?
  /// Whether the job is to be dropped when the worker gives it back.
  var isAborted = false

  init() {}
}
