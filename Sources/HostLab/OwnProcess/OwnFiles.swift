import HostABI
import HostSystem
import SoftHost
import Synchronization

/// The descriptors of this process that lead to files of a software host, and what its others are.
///
/// Each file of the host's has a real eventfd in its place, so that numbers are never given twice, and
/// one that can be waited on: a queue's is readable while the queue has something.
final class OwnFiles: ForeignDescriptors {
  private struct State {
    var files: [Int32: Int] = [:]
    /// Files of clients that the host reaches: kept, because devices may still hold their pages.
    var shared: [SharedFile] = []
  }

  let credentials: Credentials
  private let state = Mutex(State())
  private let memory = SharedFiles()

  init(_ credentials: Credentials) { self.credentials = credentials }

  /// The host's number of a file; `nil` for a descriptor of anything else.
  func file(_ descriptor: Int32) -> Int? { state.withLock { $0.files[descriptor] } }

  /// Whether a descriptor is one of the host's files.
  func isHosts(_ descriptor: Int32) -> Bool { file(descriptor) != nil }

  func resolve(_ descriptor: Int32) throws(LinuxErrno) -> ResolvedDescriptor {
    if let number = file(descriptor) { return .file(number) }
    do throws(CallFailure) {
      if try Calls.target(of: "/proc/self/fd/\(descriptor)") == "anon_inode:[eventfd]" {
        return .event(ForeignEvent(try Calls.duplicate(descriptor)))
      }
      let facts = try Calls.facts(of: descriptor)
      guard facts.isFile, Calls.isMemory(descriptor), let file = share(descriptor, facts) else {
        return .other
      }
      return .memory(file.memory, byteCount: Int(facts.byteCount))
    } catch {
      throw .EBADF
    }
  }

  /// Maps a file, once for as long as it is used.
  func share(_ descriptor: Int32, _ facts: FileFacts) -> SharedFile? {
    let found =
      memory.find(facts.identity, byteCount: facts.byteCount, isWritable: true)
      ?? memory.map(descriptor, facts, isWritable: true)
    if let found {
      state.withLock { state in
        if !state.shared.contains(where: { $0 === found }) { state.shared.append(found) }
      }
    }
    return found
  }

  func install(_ file: Int, _ role: FileRole) throws(LinuxErrno) -> Int32 {
    let descriptor: Int32
    do { descriptor = try Calls.makeEventCounter() } catch {
      throw LinuxErrno(rawValue: error.errno)
    }
    state.withLock { $0.files[descriptor] = file }
    return descriptor
  }

  func installAgain(_ file: Int) throws(LinuxErrno) -> Int32 {
    guard let first = state.withLock({ $0.files.first { $0.value == file }?.key }) else {
      throw .EMFILE
    }
    let descriptor: Int32
    do { descriptor = try Calls.duplicate(first) } catch {
      throw LinuxErrno(rawValue: error.errno)
    }
    state.withLock { $0.files[descriptor] = file }
    return descriptor
  }

  func uninstall(_ descriptor: Int32) {
    _ = state.withLock { $0.files.removeValue(forKey: descriptor) }
    try? Calls.close(descriptor)
  }

  func becameReadable(_ file: Int) {
    if let descriptor = state.withLock({ $0.files.first { $0.value == file }?.key }) {
      Calls.signal(descriptor)
    }
  }

  func mappableFile(_ file: Int) -> (any MappableFile)? { nil }

  /// Closes a descriptor.
  ///
  /// - Returns: The file that it was the last one of.
  func close(_ descriptor: Int32) throws(LinuxErrno) -> Int? {
    let last = state.withLock { state -> Int? in
      guard let file = state.files.removeValue(forKey: descriptor) else { return nil }
      return state.files.values.contains(file) ? nil : file
    }
    do { try Calls.close(descriptor) } catch { throw LinuxErrno(rawValue: error.errno) }
    return last
  }
}
