import HostABI
import HostSystem
import SoftHost
import Synchronization

/// One process of the supervised program: its memory, and which of its numbers are descriptors of ours.
///
/// Only the thread that answers calls uses it, but for the memory.
final class ProgramProcess: ForeignDescriptors {
  let number: Int32
  let memory: ProgramMemory
  private let supervisor: Trap
  /// Stands for the process.
  private let handle: Int32

  private struct State: Sendable {
    /// What our numbers lead to, where that is known.
    var known: [Int32: Int] = [:]
    /// Numbers that changed hands in a way that is not seen; they are looked up each time.
    var unsure: Set<Int32> = []
  }

  private let state = Mutex(State())
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

  /// The host's file behind a number; `nil` for any other file, `EBADF` for none.
  func file(_ descriptor: Int32) throws(LinuxErrno) -> Int? {
    if let known = state.withLock({ $0.known[descriptor] }) { return known }
    let copy = try copy(descriptor)
    defer { try? Calls.close(copy) }
    guard let facts = try? Calls.facts(of: copy), let file = supervisor.files.file(facts.identity)
    else { return nil }
    // Numbers outside of the window change hands unseen.
    if supervisor.filter.window.contains(descriptor) {
      state.withLock { state in
        if !state.unsure.contains(descriptor) { state.known[descriptor] = file.number }
      }
    }
    return file.number
  }

  /// Our own descriptor of one of the process's files.
  func copy(_ descriptor: Int32) throws(LinuxErrno) -> Int32 {
    do { return try OtherProcess.descriptor(descriptor, of: handle) } catch {
      throw LinuxErrno(rawValue: error.errno)
    }
  }

  /// A number leads elsewhere soon: it is looked up each time, until we give it away again.
  func forget(_ descriptor: Int32) {
    state.withLock { state in
      state.known[descriptor] = nil
      state.unsure.insert(descriptor)
    }
  }

  /// All numbers may lead elsewhere soon.
  func forgetAll() {
    state.withLock { state in
      for number in state.known.keys { state.unsure.insert(number) }
      state.known = [:]
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

  /// We gave a number away.
  func note(_ descriptor: Int32, leadsTo file: Int) {
    guard supervisor.filter.window.contains(descriptor) else { return }
    state.withLock { state in
      state.unsure.remove(descriptor)
      state.known[descriptor] = file
    }
  }

  /// Gives the process, whose call waits, a descriptor in the window.
  ///
  /// It is no lower than `lowest` (`F_DUPFD`).
  func give(
    _ real: Int32, closesOnExec: Bool, from lowest: Int32 = 0
  ) throws(LinuxErrno) -> Int32 {
    // The program may have taken numbers of the window from itself meanwhile (`RLIMIT_NOFILE`).
    let limit = Int32(clamping: OtherProcess.descriptorLimit(of: self.number))
    let window = supervisor.filter.window
    let free = max(window.lowerBound, lowest)..<max(window.lowerBound, lowest, limit)
    for number in lowest < window.upperBound ? free.clamped(to: window) : free {
      let isKnown = state.withLock { $0.known[number] != nil }
      if isKnown { continue }
      if let other = try? OtherProcess.descriptor(number, of: handle) {
        try? Calls.close(other)
        continue
      }
      return try supervisor.inject(real, as: number, closesOnExec: closesOnExec)
    }
    guard lowest < window.upperBound else { throw .EMFILE }
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
    let limit = OtherProcess.lockedMemoryLimit(of: number)
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
