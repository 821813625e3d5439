import HostABI

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

/// A program that makes requests: its memory, its descriptors, and what it may do.
final class Caller {
  let memory: any CallerMemory
  let credentials: Credentials
  /// Memory charged to the program itself.
  let charge: Charge
  /// Open files by descriptor.
  private var files: [OpenFile?] = Array(repeating: nil, count: 3)
  /// No descriptor from 3 up to this one is free.
  private var nextFree = 3
  /// The most descriptors at once.
  static let fileLimit = 1 << 16

  init(memory: any CallerMemory, credentials: Credentials) {
    self.memory = memory
    self.credentials = credentials
    charge = Charge(limit: credentials.pageLimit)
  }

  /// The descriptors that are open, ascending.
  var descriptors: [Int32] {
    files.indices.filter { files[$0] != nil }.map { Int32($0) }
  }

  /// Gives an open file the lowest free descriptor, from 3.
  func add(_ file: OpenFile) throws(LinuxErrno) -> Int32 {
    while nextFree < files.count, files[nextFree] != nil { nextFree += 1 }
    guard nextFree < Self.fileLimit else { throw .EMFILE }
    if nextFree == files.count { files.append(file) } else { files[nextFree] = file }
    return Int32(nextFree)
  }

  /// Takes a descriptor away.
  func remove(_ descriptor: Int32) throws(LinuxErrno) -> OpenFile {
    let file = try file(descriptor)
    files[Int(descriptor)] = nil
    nextFree = min(nextFree, Int(descriptor))
    return file
  }

  /// The open file of a descriptor; `EBADF` when there is none.
  func file(_ descriptor: Int32) throws(LinuxErrno) -> OpenFile {
    guard descriptor >= 0, descriptor < files.count, let file = files[Int(descriptor)] else {
      throw .EBADF
    }
    return file
  }
}
