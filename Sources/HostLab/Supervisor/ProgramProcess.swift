import HostABI
import HostSystem
import SoftHost
import Synchronization

/// One process of the supervised program: its memory, and which of its numbers are descriptors of ours.
///
/// Only the thread that answers calls uses it, but for the memory and for events of queues.
final class ProgramProcess: ForeignDescriptors {
  let number: Int32
  let memory: ProgramMemory
  private let supervisor: Trap
  /// Stands for the process.
  private let handle: Int32

  /// A file of the host's, as far as its calls need to know.
  struct KnownFile: Sendable {
    let number: Int
    /// The device that it is, if it is one.
    let device: Int?
    let isQueue: Bool

    init(_ file: OpenFiles.RealFile) {
      number = file.number
      device = if case .device(let index) = file.role { index } else { nil }
      isQueue = file.isQueue
    }
  }

  private struct State: Sendable {
    /// What our numbers lead to, where that is known, from the window's first on.
    var known: [KnownFile?]
    /// Numbers that changed hands in a way that is not seen; they are looked up each time.
    var unsure: Set<Int32> = []
  }

  private let state: Mutex<State>
  private let entry = Mutex<SupervisedProcess?>(nil)

  /// The program as the host knows it.
  var program: SupervisedProcess {
    entry.withLock { entry in
      if let entry { return entry }
      let made = SupervisedProcess(supervisor.host, memory: memory, descriptors: self)
      entry = made
      return made
    }
  }

  init(_ number: Int32, _ supervisor: Trap) throws(CallFailure) {
    self.number = number
    self.supervisor = supervisor
    handle = try OtherProcess.open(number)
    state = Mutex(State(known: Array(repeating: nil, count: supervisor.filter.window.count)))
    let files = supervisor.files
    memory = ProgramMemory(
      number, spaces: supervisor.spaces, files: supervisor.shared,
      deviceFile: { files.file($0) })
  }

  deinit { try? Calls.close(handle) }

  /// The process is over, or is another program now: nobody asks through this object any more.
  func end() {
    memory.end()
    // The host's note of the program holds this object.
    entry.withLock { $0 = nil }
  }

  /// Whether the process has ended.
  var isGone: Bool { ((try? Calls.poll(handle)) ?? 1) & 1 != 0 }

  // MARK: What descriptors lead to

  /// A number's place in the window.
  private func place(_ descriptor: Int32) -> Int? {
    let window = supervisor.filter.window
    return window.contains(descriptor) ? Int(descriptor - window.lowerBound) : nil
  }

  /// The host's file behind a number; `nil` for any other file, `EBADF` for none.
  func file(_ descriptor: Int32) throws(LinuxErrno) -> Int? {
    try knownFile(descriptor)?.number
  }

  /// The host's file behind a number, and what it is.
  func knownFile(_ descriptor: Int32) throws(LinuxErrno) -> KnownFile? {
    let place = place(descriptor)
    if let place, let known = state.withLock({ $0.known[place] }) { return known }
    let copy = try copy(descriptor)
    defer { try? Calls.close(copy) }
    guard let facts = try? Calls.facts(of: copy), let file = supervisor.files.file(facts.identity)
    else { return nil }
    // Numbers outside of the window change hands unseen.
    let known = KnownFile(file)
    if let place {
      state.withLock { state in
        if !state.unsure.contains(descriptor) { state.known[place] = known }
      }
    }
    return known
  }

  /// Our own descriptor of one of the host's files, if this process is known to have one.
  func copy(of file: Int) -> Int32? {
    let place = state.withLock { $0.known.firstIndex { $0?.number == file } }
    guard let place else { return nil }
    return try? copy(supervisor.filter.window.lowerBound + Int32(place))
  }

  /// Our own descriptor of one of the process's files.
  func copy(_ descriptor: Int32) throws(LinuxErrno) -> Int32 {
    do { return try OtherProcess.descriptor(descriptor, of: handle) } catch {
      throw LinuxErrno(rawValue: error.errno)
    }
  }

  /// A number leads elsewhere soon: it is looked up each time, until we give it away again.
  func forget(_ descriptor: Int32) {
    let place = place(descriptor)
    state.withLock { state in
      guard let place else { return }
      state.known[place] = nil
      state.unsure.insert(descriptor)
    }
  }

  /// All numbers may lead elsewhere soon.
  func forgetAll() {
    let first = supervisor.filter.window.lowerBound
    state.withLock { state in
      for place in state.known.indices where state.known[place] != nil {
        state.unsure.insert(first + Int32(place))
        state.known[place] = nil
      }
    }
  }

  func resolve(_ descriptor: Int32) throws(LinuxErrno) -> ResolvedDescriptor {
    if let number = try file(descriptor) { return .file(number) }
    let copy = try copy(descriptor)
    if (try? Calls.target(of: "/proc/self/fd/\(copy)")) == "anon_inode:[eventfd]" {
      return .event(ForeignEvent(copy))
    }
    defer { try? Calls.close(copy) }
    guard let facts = try? Calls.facts(of: copy), facts.isFile, Calls.isMemory(copy) else {
      return .other
    }
    if let shared = supervisor.shared.find(
      facts.identity, byteCount: facts.byteCount, isWritable: true)
      ?? supervisor.shared.map(copy, facts, isWritable: true)
    {
      return .memory(shared.memory, byteCount: Int(facts.byteCount))
    }
    return .other
  }

  // MARK: New descriptors

  func install(_ file: Int, _ role: FileRole) throws(LinuxErrno) -> Int32 {
    let real: Int32
    do { real = try supervisor.files.make(file, role) } catch {
      throw LinuxErrno(rawValue: error.errno)
    }
    defer { try? Calls.close(real) }
    let descriptor = try give(real, closesOnExec: supervisor.closesOnExec)
    note(descriptor, leadsTo: file)
    return descriptor
  }

  func installAgain(_ file: Int) throws(LinuxErrno) -> Int32 {
    // The same opening: openings are told apart only as long as there is one.
    guard let again = supervisor.copy(of: file) else { throw .EMFILE }
    defer { try? Calls.close(again) }
    let descriptor = try give(again, closesOnExec: supervisor.closesOnExec)
    note(descriptor, leadsTo: file)
    return descriptor
  }

  /// We gave a number away.
  func note(_ descriptor: Int32, leadsTo file: Int) {
    guard let place = place(descriptor) else { return }
    let known = supervisor.files.file(file).map { KnownFile($0) }
    state.withLock { state in
      state.unsure.remove(descriptor)
      state.known[place] = known
    }
  }

  /// Gives the process, whose call waits, a descriptor in the window.
  ///
  /// - Parameters:
  ///   - real: Our descriptor of the file.
  ///   - closesOnExec: Whether its own closes at `exec`.
  ///   - lowest: The number is no lower (`F_DUPFD`).
  /// - Returns: The number.
  /// - Throws: `EMFILE` when none is free.
  func give(
    _ real: Int32, closesOnExec: Bool, from lowest: Int32 = 0
  ) throws(LinuxErrno) -> Int32 {
    // The program may have taken numbers of the window from itself meanwhile (`RLIMIT_NOFILE`).
    let limit = Int32(clamping: OtherProcess.descriptorLimit(of: self.number))
    let window = supervisor.filter.window
    let free = max(window.lowerBound, lowest)..<max(window.lowerBound, lowest, limit)
    for number in lowest < window.upperBound ? free.clamped(to: window) : free {
      let place = place(number)
      let isKnown = state.withLock { state in place.map { state.known[$0] != nil } ?? false }
      if isKnown { continue }
      if let other = try? OtherProcess.descriptor(number, of: handle) {
        try? Calls.close(other)
        continue
      }
      return try supervisor.inject(real, as: number, closesOnExec: closesOnExec)
    }
    guard lowest <= 3 else { throw .EMFILE }
    // The window is full: any number works, only slower.
    return try supervisor.inject(real, as: nil, closesOnExec: closesOnExec)
  }

  func uninstall(_ descriptor: Int32) {
    // The program's own kernel has the descriptor and nobody can close it for the program; it leads
    // to a file that the host has forgotten.
    forget(descriptor)
  }

  func mappableFile(_ file: Int) -> (any MappableFile)? {
    guard let real = supervisor.files.file(file), !real.isQueue else { return nil }
    return real
  }

  func becameReadable(_ file: Int) { supervisor.files.setReadable(file) }

  var credentials: Credentials {
    let locksMemory: UInt64 = 1 << 14
    let managesResources: UInt64 = 1 << 24
    let has = supervisor.isRoot ? OtherProcess.capabilities(of: number) : 0
    // A limit is nothing to those whom it does not bind, and costs a call.
    let limit = has & locksMemory != 0 ? UInt64.max : OtherProcess.lockedMemoryLimit(of: number)
    return Credentials(
      // Some containers take the second one from root, who is root on the software host all the same.
      canLockMemory: has & locksMemory != 0,
      canManageResources: supervisor.isRoot || has & managesResources != 0,
      lockedMemoryLimit: limit, user: 0)
  }
}

/// An eventfd of a program, of which we hold a copy.
final class ForeignEvent: EventSink {
  private let descriptor: Int32

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  deinit { try? Calls.close(descriptor) }

  func signal() { Calls.signal(descriptor) }

  var isSignalled: Bool { ((try? Calls.poll(descriptor)) ?? 0) & 1 != 0 }
}
