import HostABI
import Synchronization

/// What a program may do on a software host.
public struct Credentials: Hashable, Sendable {
  /// May lock memory without limit (`CAP_IPC_LOCK`).
  public var canLockMemory: Bool
  /// May change how memory is charged (`CAP_SYS_RESOURCE`).
  public var canManageResources: Bool
  /// The most memory in bytes that it may have locked (`RLIMIT_MEMLOCK`).
  public var lockedMemoryLimit: UInt64
  /// Whose it is: programs of one user share one charge.
  public var user: UInt32

  /// What `root` may do, who may do all.
  public static let root = Credentials(
    canLockMemory: true, canManageResources: true, lockedMemoryLimit: 8 << 20, user: 0)

  /// Describes what a program may do.
  ///
  /// - Parameters:
  ///   - canLockMemory: Locks memory without limit.
  ///   - canManageResources: Changes how memory is charged.
  ///   - lockedMemoryLimit: The most memory in bytes that it may have locked.
  ///   - user: Whose it is.
  public init(
    canLockMemory: Bool = false, canManageResources: Bool = false,
    lockedMemoryLimit: UInt64 = 8 << 20, user: UInt32 = 1000
  ) {
    self.canLockMemory = canLockMemory
    self.canManageResources = canManageResources
    self.lockedMemoryLimit = lockedMemoryLimit
    self.user = user
  }

  /// The limit in whole pages.
  var pageLimit: Int { Int(min(lockedMemoryLimit >> 12, UInt64(Int.max))) }
}

/// Where a program's descriptors lead.
///
/// A program in this process has ``DescriptorTable``; a supervised program's table is kept by the
/// kernel that it runs on, and asked for with each request.
protocol CallerFiles: AnyObject {
  /// The open file of a descriptor; `EBADF` when there is none.
  func file(_ descriptor: Int32) throws(LinuxErrno) -> OpenFile

  /// Gives an open file a descriptor; `EMFILE` when none is free.
  func add(_ file: OpenFile) throws(LinuxErrno) -> Int32

  /// Gives an open file that has descriptors another one, which holds it too.
  func addAgain(_ file: OpenFile) throws(LinuxErrno) -> Int32

  /// Takes a descriptor away that was just added; the file is the caller's again.
  func remove(_ descriptor: Int32) throws(LinuxErrno) -> OpenFile
}

/// A program that makes requests: its memory, its descriptors, and what it may do.
final class Caller {
  let memory: any CallerMemory
  let files: any CallerFiles
  private let currentCredentials: () -> Credentials
  private let ownCharge = Charge(limit: 0)
  /// Pages that devices hold of what it mapped.
  let pinned = PinCount()

  init(
    memory: any CallerMemory, files: any CallerFiles,
    credentials: @escaping () -> Credentials
  ) {
    self.memory = memory
    self.files = files
    currentCredentials = credentials
  }

  /// What it may do now.
  var credentials: Credentials { currentCredentials() }

  /// Memory charged to the program itself.
  var charge: Charge {
    ownCharge.limit = credentials.pageLimit
    return ownCharge
  }

  /// Pages charged to the program itself.
  var lockedPageCount: Int { ownCharge.pageCount }

  /// Gives an open file a descriptor.
  func add(_ file: OpenFile) throws(LinuxErrno) -> Int32 { try files.add(file) }

  /// Gives an open file that has descriptors another one, which holds it too.
  func addAgain(_ file: OpenFile) throws(LinuxErrno) -> Int32 { try files.addAgain(file) }

  /// Takes a descriptor away.
  func remove(_ descriptor: Int32) throws(LinuxErrno) -> OpenFile {
    try files.remove(descriptor)
  }

  /// The open file of a descriptor; `EBADF` when there is none.
  func file(_ descriptor: Int32) throws(LinuxErrno) -> OpenFile { try files.file(descriptor) }
}

extension SoftwareHost {
  /// Runs a system call of the program with a number under the host's lock.
  func call<Answer: Sendable>(
    by number: Int, _ body: (HostState, Caller) throws(LinuxErrno) -> Answer
  ) throws(LinuxErrno) -> Answer {
    let result: Result<Answer, LinuxErrno> = state.withLock { host in
      guard let caller = host.caller(number) else { return .failure(.EBADF) }
      do throws(LinuxErrno) {
        return .success(try body(host, caller))
      } catch { return .failure(error) }
    }
    return try result.get()
  }
}
