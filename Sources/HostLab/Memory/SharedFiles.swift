import HostSystem
import Synchronization

/// A file that a program and we have mapped: its pages are the program's memory.
final class SharedFile: Sendable {
  let memory: AnonymousMemory
  let byteCount: UInt64
  let isWritable: Bool
  /// Whether its pages are of 2 MiB at least.
  let hasHugePages: Bool

  /// Maps all of a file; `nil` when that cannot be done.
  init?(_ descriptor: Int32, byteCount: UInt64, isWritable: Bool) {
    let pageSize = Calls.pageSize(of: descriptor)
    // Huge pages are mapped whole.
    let whole = (byteCount &+ (pageSize &- 1)) & ~(pageSize &- 1)
    guard byteCount > 0, byteCount < 1 << 46,
      let memory = try? AnonymousMemory(
        mapping: descriptor, byteCount: Int(whole), isWritable: isWritable),
      // The program may make the file smaller at any time.
      ShrinkingMemory.guardAgainst(memory, pageSize: pageSize)
    else { return nil }
    self.memory = memory
    self.byteCount = byteCount
    self.isWritable = isWritable
    hasHugePages = pageSize > 4096
  }

  deinit { ShrinkingMemory.forget(memory) }
}

/// The files that are mapped here, each once as long as somebody uses it, and a few longer.
final class SharedFiles: Sendable {
  private struct Known: Sendable {
    weak let file: SharedFile?
  }

  private struct State: Sendable {
    var known: [FileIdentity: Known] = [:]
    /// Used last: programs map and unmap the same memory again and again.
    var recent: [SharedFile] = []
  }

  private let state = Mutex(State())

  /// A file that is mapped with at least so many bytes.
  func find(_ identity: FileIdentity, byteCount: UInt64, isWritable: Bool) -> SharedFile? {
    state.withLock { state in
      guard let file = state.known[identity]?.file, file.byteCount >= byteCount,
        file.isWritable || !isWritable
      else { return nil }
      return file
    }
  }

  /// Maps a file.
  func map(_ descriptor: Int32, _ facts: FileFacts, isWritable: Bool) -> SharedFile? {
    guard
      let file = SharedFile(descriptor, byteCount: facts.byteCount, isWritable: isWritable)
    else { return nil }
    state.withLock { state in
      if state.known.count > 256 { state.known = state.known.filter { $0.value.file != nil } }
      state.known[facts.identity] = Known(file: file)
      state.recent.append(file)
      if state.recent.count > 4 { state.recent.removeFirst() }
    }
    return file
  }

  /// Lets go what nobody uses: a program that ends gives its memory back.
  func forgetUnused() {
    let old = state.withLock { state in
      defer { state.recent = [] }
      return state.recent
    }
    // Unmapped here, outside of the lock.
    _ = old
  }
}
