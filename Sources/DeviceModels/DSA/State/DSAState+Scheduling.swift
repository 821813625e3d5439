import Hardware

/// Which descriptor is next, and what becomes of it.
extension DSAState {
  /// A descriptor comes to a portal.
  ///
  /// - Returns: Whether it was taken.
  mutating func submit(_ descriptor: DSADescriptor, to index: Int, isLimited: Bool) -> Bool {
    guard status == .enabled, queues.indices.contains(index), queues[index].isEnabled,
      !queues[index].isClosed, !queues[index].isFull
    else { return false }
    let configuration = queues[index].configuration
    // A threshold bounds what the limited portal of a shared queue takes.
    if isLimited, !configuration.isDedicated, queues[index].occupancy >= configuration.threshold {
      return false
    }
    queues[index].append(descriptor)
    return true
  }

  /// Whether the queue can be written with ENQCMD.
  func isShared(_ index: Int) -> Bool {
    queues.indices.contains(index) && queues[index].isEnabled
      && !queues[index].configuration.isDedicated
  }

  /// Takes the next job that can go on, and marks its engine.
  mutating func nextJob(epoch: UInt64) -> (engine: Int, job: DSAJob)? {
    for step in 1...engines.count {
      let index = (lastEngine + step) % engines.count
      switch engines[index].activity {
      case .running, .waiting: continue
      case .idle:
        guard let job = fetch(for: index, epoch: epoch) else { continue }
        engines[index].job = job
      case .ready: break
      }
      guard let job = engines[index].job, !mustWait(job) else {
        engines[index].activity = .ready
        continue
      }
      engines[index].activity = .running
      lastEngine = index
      return (index, job)
    }
    return nil
  }

  /// Drain waits for whatever came to its queue before.
  private func mustWait(_ job: DSAJob) -> Bool {
    guard job.isDrain else { return false }
    return engines.contains { other in
      guard let earlier = other.job else { return false }
      return earlier.queue == job.queue && earlier.sequence < job.sequence
    }
  }

  /// Takes a descriptor from a queue of the engine's group: the more often, the higher its priority.
  private mutating func fetch(for engine: Int, epoch: UInt64) -> DSAJob? {
    guard status == .enabled else { return nil }
    guard
      let group = (0..<DSARegister.groupCount).first(where: {
        self.members(of: $0).engines >> UInt64(engine) & 1 == 1
      })
    else { return nil }
    let shared = self.members(of: group).queues
    var best: Int?
    for index in queues.indices
    where shared >> UInt64(index) & 1 == 1 && queues[index].isEnabled
      && queues[index].occupancy > 0
    {
      queues[index].credit += queues[index].configuration.priority
      if best.map({ queues[index].credit > queues[$0].credit }) ?? true { best = index }
    }
    guard let best, let descriptor = queues[best].popFirst() else { return nil }
    queues[best].credit = 0
    sequence &+= 1
    return DSAJob(
      descriptor, queue: best, configuration: queues[best].configuration, sequence: sequence,
      controls: controls, permissions: vectorPermissions, epoch: epoch)
  }

  /// The worker gives a job back.
  ///
  /// - Returns: The page request to send, if the job waits for one.
  mutating func giveBack(
    _ job: DSAJob, _ step: DSAStep, _ effects: DSAEffects, of engine: Int, generation: UInt64
  ) -> PageRequest? {
    guard generation == self.generation else { return nil }
    defer { finishCommand() }
    guard !engines[engine].isAborted else {
      engines[engine] = DSAEngine()
      return nil
    }
    vectors |= effects.vectors
    if let error = effects.error { report(error) }
    switch step {
    case .again:
      engines[engine].job = job
      engines[engine].activity = .ready
    case .finished: engines[engine] = DSAEngine()
    case .page(let address, let access):
      pageGroup = freePageGroup
      engines[engine].job = job
      engines[engine].activity = .waiting(group: pageGroup)
      return PageRequest(
        IOVA(address.rawValue & ~0xFFF), pasid: job.requester.pasid, access, group: pageGroup)
    }
    return nil
  }

  /// A group that no engine waits for.
  private var freePageGroup: UInt16 {
    var group = pageGroup
    repeat {
      group = (group + 1) % 512
    } while engines.contains { engine in
      if case .waiting(group) = engine.activity { true } else { false }
    }
    return group
  }

  /// A page request was answered.
  mutating func take(_ response: PageResponse) {
    for index in engines.indices {
      guard case .waiting(response.group) = engines[index].activity else { continue }
      engines[index].job?.answer = response.code
      engines[index].activity = .ready
    }
  }
}
