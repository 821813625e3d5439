import HostSystem

/// What a trapped system call is about.
enum TrappedKind: Sendable {
  struct Transfer: Sendable {
    var isWrite = false
    var isVector = false
    var isPositioned = false
  }

  /// Where a call has its path.
  enum PathForm: Sendable {
    /// `open(path, flags)`.
    case plain
    /// `openat(folder, path, flags)`.
    case below
    /// `openat2(folder, path, how, size)`.
    case how
  }

  /// How a call asks what a file is.
  enum StatusForm: Sendable {
    /// `fstat(descriptor, buffer)`.
    case descriptor
    /// `newfstatat(folder, path, buffer, flags)`.
    case below
    /// `statx(folder, path, flags, mask, buffer)`.
    case extended
    /// `stat(path, buffer)` and `lstat`.
    case path
  }

  case ioctl
  case transfer(Transfer)
  case open(PathForm)
  case close
  case closeRange
  case replace
  case duplicate
  case duplicateTo
  case control
  case map
  case status(StatusForm)
  case seek
  case pipe
  case submit

  /// What a system call is about, by its number; `nil` for those that are never trapped.
  @inline(__always)
  static func of(_ number: Int32) -> TrappedKind? {
    all.indices.contains(Int(number)) ? all[Int(number)] : nil
  }

  private static let all: [TrappedKind?] = {
    var table: [TrappedKind?] = Array(repeating: nil, count: 512)
    for (number, kind) in kinds where table.indices.contains(Int(number)) {
      table[Int(number)] = kind
    }
    return table
  }()

  private static let kinds: [Int32: TrappedKind] = {
    var all: [Int32: TrappedKind] = [
      SystemCall.ioctl: .ioctl,
      SystemCall.read: .transfer(.init()),
      SystemCall.write: .transfer(.init(isWrite: true)),
      SystemCall.readv: .transfer(.init(isVector: true)),
      SystemCall.writev: .transfer(.init(isWrite: true, isVector: true)),
      SystemCall.pread: .transfer(.init(isPositioned: true)),
      SystemCall.pwrite: .transfer(.init(isWrite: true, isPositioned: true)),
      SystemCall.openat: .open(.below), SystemCall.openat2: .open(.how),
      SystemCall.close: .close, SystemCall.closeRange: .closeRange,
      SystemCall.execve: .replace, SystemCall.execveat: .replace,
      SystemCall.dup: .duplicate, SystemCall.dup3: .duplicateTo, SystemCall.fcntl: .control,
      SystemCall.mmap: .map, SystemCall.fstat: .status(.descriptor),
      SystemCall.newfstatat: .status(.below), SystemCall.statx: .status(.extended),
      SystemCall.lseek: .seek, SystemCall.sendfile: .pipe, SystemCall.splice: .pipe,
      SystemCall.copyFileRange: .pipe, SystemCall.ioSubmit: .submit,
    ]
    for number in [SystemCall.preadv, SystemCall.preadv2] {
      all[number] = .transfer(.init(isVector: true, isPositioned: true))
    }
    for number in [SystemCall.pwritev, SystemCall.pwritev2] {
      all[number] = .transfer(.init(isWrite: true, isVector: true, isPositioned: true))
    }
    // Calls that only some architectures have.
    if SystemCall.open >= 0 { all[SystemCall.open] = .open(.plain) }
    if SystemCall.dup2 >= 0 { all[SystemCall.dup2] = .duplicateTo }
    if SystemCall.stat >= 0 { all[SystemCall.stat] = .status(.path) }
    if SystemCall.lstat >= 0 { all[SystemCall.lstat] = .status(.path) }
    return all
  }()
}
