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
  private(set) var files: [Int32: OpenFile] = [:]
  /// The most descriptors at once.
  static let fileLimit = 1 << 16

  init(memory: any CallerMemory, credentials: Credentials) {
    self.memory = memory
    self.credentials = credentials
    charge = Charge(limit: credentials.pageLimit)
  }

  /// Gives an open file the lowest free descriptor, from 3.
  func add(_ file: OpenFile) throws(LinuxErrno) -> Int32 {
    var number: Int32 = 3
    while files[number] != nil { number += 1 }
    guard number < Self.fileLimit else { throw .EMFILE }
    files[number] = file
    return number
  }

  /// Takes a descriptor away.
  func remove(_ descriptor: Int32) throws(LinuxErrno) -> OpenFile {
    guard let file = files.removeValue(forKey: descriptor) else { throw .EBADF }
    return file
  }

  /// The open file of a descriptor.
  func file(_ descriptor: Int32) throws(LinuxErrno) -> OpenFile {
    guard let file = files[descriptor] else { throw .EBADF }
    return file
  }
}
