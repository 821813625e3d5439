import HostABI
import HostSystem
import LogText
import PCIe
import SoftHost
import Synchronization

/// Answers a program's trapped system calls from a software host.
///
/// One thread runs ``run()``; another one ``keep()``, which tells the host of last closes that no
/// call shows.
final class Trap: Sendable {
  let host: SoftwareHost
  let filter: Filter
  let listener: Int32
  let files: OpenFiles
  let spaces: ForeignSpaces
  let shared = SharedFiles()
  let isRoot: Bool
  /// The paths of our device nodes, as the program's kernel tells files apart.
  let nodes: [FileIdentity: String]
  /// The device number that each path is said to have.
  let numbers: [String: UInt64]
  let log: RequestLog?
  let faults: FaultInjector
  let clock: RunClock
  let running: RunningDevices
  /// Where the devices are, by number.
  let addresses: [PCIAddress]

  private struct State: Sendable {
    /// The call that is being answered.
    var call: UInt64 = 0
    /// How long its answer is to wait.
    var delay: Duration?
    /// Whether a descriptor that it makes closes at `exec`.
    var closesOnExec = true
    var processes: [Int32: ProgramProcess] = [:]
    /// Who called last: mostly the same one calls again.
    var last: (thread: Int32, process: ProgramProcess, asked: UInt64)?
    /// Which process a thread belongs to, and when that was asked.
    var threads: [Int32: (process: Int32, asked: UInt64)] = [:]
    /// Threads that are about to close a descriptor of ours.
    var closing: Set<Int32> = []
    /// Processes that are about to replace themselves: the thread of each that asked for it, and what
    /// tells whether it came to that.
    var replacing: [Int32: (thread: Int32, values: [UInt8])] = [:]
    var count: UInt64 = 0
    /// Whether it was said that there are too many processes.
    var hasComplained = false
  }

  private let state = Mutex(State())

  init(
    _ host: SoftwareHost, filter: Filter, listener: Int32, spaces: ForeignSpaces, isRoot: Bool,
    nodes: [FileIdentity: String], numbers: [String: UInt64], log: RequestLog?,
    faults: FaultInjector, clock: RunClock, running: RunningDevices, addresses: [PCIAddress]
  ) throws(CallFailure) {
    self.host = host
    self.filter = filter
    self.listener = listener
    self.spaces = spaces
    self.isRoot = isRoot
    self.nodes = nodes
    self.numbers = numbers
    self.log = log
    self.faults = faults
    self.clock = clock
    self.running = running
    self.addresses = addresses
    let list = ProgramList()
    files = try OpenFiles(programs: { list.numbers })
    programs = list
  }

  private let programs: ProgramList
  private let registers = Mutex<AccessTracer?>(nil)

  /// What carries out accesses to mapped registers, once a program maps some.
  func tracer() throws(CallFailure) -> AccessTracer {
    if let known = registers.withLock({ $0 }) { return known }
    let made = try AccessTracer(
      devices: MappedRegisters(host, files), firstTrappedOffset: RegionOffset.fileSize,
      log: { [weak self] in self?.say($0) })
    registers.withLock { $0 = made }
    return made
  }

  /// Says something that an operator should know, in the log or else on standard error.
  func say(_ text: String) {
    if let log { log.record(.message(text), at: clock.nanoseconds) } else { HostRun.complain(text) }
  }

  /// The processes that were seen, for whoever asks what they have mapped.
  private final class ProgramList: Sendable {
    let state = Mutex<Set<Int32>>([])
    var numbers: [Int32] { Array(state.withLock { $0 }) }
  }

  // MARK: The loop

  /// Answers calls until nobody is left who could make one.
  func run() {
    Notifications.takeTurns(listener)
    var call = TrappedCall()
    while true {
      do throws(CallFailure) {
        try Notifications.take(listener, into: &call)
      } catch {
        // The program was killed meanwhile, or is gone altogether.
        let hangUp: Int16 = 0x10
        if let events = try? Calls.poll(listener), events & hangUp != 0 { return }
        continue
      }
      let answer = answer(call)
      if faults.isActive, let delay = state.withLock({ $0.delay.take() }) {
        // Others are answered meanwhile.
        Task.detached { [listener, id = call.id] in
          try? await Task.sleep(for: delay)
          Notifications.answer(listener, id, answer)
        }
      } else {
        Notifications.answer(listener, call.id, answer)
      }
    }
  }

  /// The answer to the call waits.
  func holdBack(by delay: Duration) { state.withLock { $0.delay = delay } }

  /// Tells the host of last closes, for ever.
  func keep() {
    while true {
      files.waitForCloses()
      tellCloses()
    }
  }

  /// Tells the host of the last closes so far.
  func tellCloses() {
    files.tellCloses { file in
      host.released(file.number)
      shared.forgetUnused()
      log?.record(
        .released(TracedFile(file.role, number: file.number)), at: clock.nanoseconds)
    }
  }

  /// Whether a new descriptor closes at `exec`.
  var closesOnExec: Bool { state.withLock { $0.closesOnExec } }

  func setClosesOnExec(_ closes: Bool) { state.withLock { $0.closesOnExec = closes } }

  /// Gives the program that waits a descriptor.
  func inject(
    _ source: Int32, as number: Int32?, closesOnExec: Bool
  ) throws(LinuxErrno) -> Int32 {
    let id = state.withLock { $0.call }
    do {
      return try Notifications.inject(
        listener, id, source, as: number, closesOnExec: closesOnExec)
    } catch { throw LinuxErrno(rawValue: error.errno) }
  }

  // MARK: Who calls

  /// Our own descriptor of one of the host's files, by way of whoever has it.
  func copy(of file: Int) -> Int32? {
    let processes = state.withLock { Array($0.processes.values) }
    for process in processes {
      if let copy = process.copy(of: file) { return copy }
    }
    return nil
  }

  /// A process that has called before.
  func known(_ process: Int32) -> ProgramProcess? { state.withLock { $0.processes[process] } }

  /// Begins to answer a call: what its thread closed before is closed.
  ///
  /// - Returns: Whose it is; `nil` when the process is gone.
  func begin(_ call: TrappedCall) -> ProgramProcess? {
    let thread = call.thread
    let (known, hasClosed) = state.withLock { state -> (ProgramProcess?, Bool) in
      state.call = call.id
      state.closesOnExec = true
      state.count &+= 1
      let hasClosed = !state.closing.isEmpty && state.closing.remove(thread) != nil
      // A thread's number may pass to another process, though hardly within so few calls.
      if let last = state.last, last.thread == thread, state.count &- last.asked < 4096,
        state.replacing.isEmpty
      {
        return (last.process, hasClosed)
      }
      guard let entry = state.threads[thread], state.count &- entry.asked < 4096,
        let process = state.processes[entry.process], state.replacing[entry.process] == nil
      else { return (nil, hasClosed) }
      state.last = (thread, process, entry.asked)
      return (process, hasClosed)
    }
    if hasClosed { tellCloses() }
    if let found = known ?? look(up: thread) { return found }
    complainOfLimit()
    return nil
  }

  /// Says once that there are too many processes for the descriptors that this one may have.
  private func complainOfLimit() {
    let tooManyFiles: Int32 = 24
    do throws(CallFailure) { try Calls.close(try Calls.open("/proc/self/stat", flags: 0)) } catch {
      let isFirst = state.withLock { state in
        defer { state.hasComplained = true }
        return !state.hasComplained
      }
      guard error.errno == tooManyFiles, isFirst else { return }
      say("the limit of open files leaves no room for another process: it finds no devices")
    }
  }

  private func look(up thread: Int32) -> ProgramProcess? {
    state.withLock { $0.last = nil }
    guard let number = Self.process(of: thread) else { return nil }
    var found = state.withLock { state in
      state.threads[thread] = (number, state.count)
      if state.threads.count > 4096 { state.threads = [:] }
      return state.processes[number]
    }
    let replacer = state.withLock { $0.replacing[number] }
    let isReplaced =
      replacer.map { replacer in
        replacer.values != Self.startValues(of: number) || found?.memory.isReplaced ?? true
      } ?? false
    // Other threads may still call before the process is replaced; the one that asked calls again
    // only when that failed.
    if isReplaced || replacer?.thread == thread {
      state.withLock { $0.replacing[number] = nil }
    }
    if let old = found, old.isGone || isReplaced {
      old.end()
      found = nil
    }
    if let found { return found }
    guard let made = try? ProgramProcess(number, self) else { return nil }
    state.withLock { state in
      // What has ended is let go now and then.
      if state.processes.count > 64 {
        for (number, process) in state.processes where process.isGone {
          process.end()
          state.processes[number] = nil
          state.replacing[number] = nil
        }
      }
      state.processes[number] = made
    }
    programs.state.withLock { programs in
      if programs.count > 64 { programs = programs.filter { MemoryList.exists($0) } }
      programs.insert(number)
    }
    return made
  }

  /// The process number of a thread (`Tgid` of its status).
  private static func process(of thread: Int32) -> Int32? {
    guard let text = MemoryList.text("/proc/\(thread)/status") else { return nil }
    for line in text.split(separator: UInt8(ascii: "\n")) {
      guard line.starts(with: "Tgid:".utf8) else { continue }
      return Int32(
        String(decoding: line.dropFirst(5).filter { $0 > UInt8(ascii: " ") }, as: UTF8.self))
    }
    return nil
  }

  /// A thread is about to close a descriptor.
  func noteClosing(_ thread: Int32) {
    let isLarge = state.withLock { state in
      // Threads that ended after a close are not seen again.
      let isLarge = state.closing.count > 4096
      if isLarge { state.closing = [] }
      state.closing.insert(thread)
      return isLarge
    }
    if isLarge { tellCloses() }
  }

  /// A process is about to replace itself, if there is what it wants to become.
  func noteReplacing(_ process: Int32, by thread: Int32) {
    let values = Self.startValues(of: process)
    state.withLock { $0.replacing[process] = (thread, values) }
  }

  /// What the kernel told a process at its start: other addresses at each `execve`.
  ///
  /// The memory before may live on: a child of `vfork` shares its parent's.
  private static func startValues(of process: Int32) -> [UInt8] {
    MemoryList.text("/proc/\(process)/auxv") ?? []
  }
}
