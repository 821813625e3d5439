import Hardware

/// A descriptor, or a whole batch, at work: a value that goes on where it stopped.
struct DSAJob: Sendable {
  /// A batch that is being gone through.
  struct Batch: Sendable {
    let count: UInt32
    /// The descriptor that is being done.
    var index: UInt32 = 0
    /// Whether one did not succeed.
    var hasFailed = false
  }

  /// What comes next.
  enum Phase: Sendable {
    case start
    /// Read the next descriptor of the batch.
    case fetch
    case execute
    case complete
  }

  /// The descriptor as it was taken from its queue.
  let submitted: DSADescriptor
  let queue: Int
  let sequence: UInt64
  let requester: DMARequester
  let configuration: DSAQueueConfiguration
  /// Whether page requests can be made.
  let canRequestPages: Bool
  /// Whether privileged requests can be made.
  let allowsPrivileged: Bool
  /// What MSI-X vectors may be used for, as it was when the descriptor was taken.
  let permissions: [UInt32]

  /// The descriptor that is being done: the submitted one, or one of its batch.
  var current: DSADescriptor
  var batch: Batch?
  var phase = Phase.start
  /// Bytes of the operation that are done.
  var done: UInt64 = 0
  var record = DSACompletion()
  /// What the page request was answered.
  var answer: PageResponse.Code?
  /// The checksum so far, and whether its seed is in it.
  var checksum: UInt32?
  /// Bytes of a delta record written, or one more than the last offset applied.
  var delta: UInt32 = 0

  init(
    _ descriptor: DSADescriptor, queue: Int, configuration: DSAQueueConfiguration,
    sequence: UInt64, controls: FunctionControls, permissions: [UInt32], epoch: UInt64
  ) {
    submitted = descriptor
    current = descriptor
    self.queue = queue
    self.sequence = sequence
    self.configuration = configuration
    self.permissions = permissions
    let pasid = DSAState.identity(descriptor, configuration)
    let isPrivileged =
      configuration.isDedicated ? configuration.isPrivileged : descriptor.isPrivileged
    let usesATS = controls.contains(.ats) && !configuration.disablesATS
    requester = DMARequester(
      pasid: pasid, isPrivileged: pasid != nil && isPrivileged, usesATS: usesATS, epoch: epoch)
    canRequestPages =
      usesATS && controls.contains(.pageRequests) && !configuration.disablesPageRequests
    allowsPrivileged = controls.contains(.privileged)
  }

  /// Whether the job is the Drain operation.
  var isDrain: Bool { submitted.opcode == DSAOperation.drain.rawValue }

  /// PASID and privilege as the requests carry them, for error reports.
  var identity: UInt32 {
    (requester.pasid?.rawValue ?? 0) | (requester.isPrivileged ? 1 << 31 : 0)
  }

  /// Whether an interrupt may be sent (MSIXPERM).
  func allows(_ vector: UInt16) -> Bool {
    guard Int(vector) < permissions.count else { return false }
    let entry = permissions[Int(vector)]
    if entry >> 2 & 1 == 1 { return true }
    guard entry >> 3 & 1 == 1 else { return requester.pasid == nil }
    return requester.pasid?.rawValue == entry >> 12
  }
}

/// How a piece of work ended.
enum DSAStep: Sendable {
  /// There is more to do.
  case again
  /// The job is over.
  case finished
  /// A page has to come first.
  case page(IOVA, DMAAccess)
}

/// What a piece of work leaves for the registers.
struct DSAEffects: Sendable {
  /// MSI-X vectors to send, one bit each.
  var vectors: UInt64 = 0
  var error: DSASoftwareError?
}

/// What ended an operation, or a part of it.
enum DSAProgress {
  /// A piece is done; more are left.
  case more
  /// The operation is over.
  case done(DSAStatus)
  /// A request was not answered with all its bytes.
  case stopped(DMAAnswer)
}
