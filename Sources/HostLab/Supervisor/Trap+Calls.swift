import HostABI
import HostSystem
import SoftHost

extension Trap {
  /// What becomes of a call.
  func answer(_ call: TrappedCall) -> TrapAnswer {
    guard let kind = TrappedKind.of(call.number), let process = begin(call) else { return .goOn }
    do throws(LinuxErrno) {
      guard isWatched else { return try carryOut(call, kind, process) }
      return try watched(call, kind, process) { () throws(LinuxErrno) in
        try carryOut(call, kind, process)
      }
    } catch {
      return .failure(error.rawValue)
    }
  }

  private func carryOut(
    _ call: TrappedCall, _ kind: TrappedKind, _ process: ProgramProcess
  ) throws(LinuxErrno) -> TrapAnswer {
    switch kind {
    case .ioctl: return try ioctl(call, process)
    case .transfer(let transfer): return try move(call, transfer, process)
    case .open(let form): return try open(call, form, process)
    case .close:
      process.forget(Int32(truncatingIfNeeded: call.a))
      noteClosing(call.thread)
      return .goOn
    case .closeRange:
      process.forgetAll()
      noteClosing(call.thread)
      return .goOn
    case .replace:
      noteReplacing(process.number, by: call.thread)
      return .goOn
    case .duplicate: return try duplicate(call, process)
    case .duplicateTo:
      process.forget(Int32(truncatingIfNeeded: call.b))
      noteClosing(call.thread)
      return .goOn
    case .control:
      let duplicates: [UInt64] = [0, 1030]
      guard duplicates.contains(call.b) else { return .goOn }
      setClosesOnExec(call.b == 1030)
      return try duplicate(call, process)
    case .map: return try map(call, process)
    case .status(let form): return try status(call, form, process)
    case .seek: return .goOn
    case .pipe:
      // Data of a device goes by reads and writes alone.
      for argument in [call.a, call.b, call.c] {
        if (try? process.file(Int32(truncatingIfNeeded: argument))) != nil { throw .EINVAL }
      }
      return .goOn
    case .submit: return try submit(call, process)
    }
  }

  // MARK: Requests

  private func ioctl(
    _ call: TrappedCall, _ process: ProgramProcess
  ) throws(LinuxErrno) -> TrapAnswer {
    guard let file = try process.file(Int32(truncatingIfNeeded: call.a)) else { return .goOn }
    let request = UInt32(truncatingIfNeeded: call.b)
    if !IOMMUFDRequest.isHot(request) { tellCloses() }
    process.memory.fetch(call.c)
    defer { process.memory.forget() }
    let result = try process.program.ioctl(file, request, call.c)
    if request == VFIODeviceRequest.getRegionInfo.number, result == 0 {
      showRegion(file, call.c, process)
    }
    return .value(Int64(result))
  }

  /// Puts the offset that this program uses into the answer about a region.
  private func showRegion(_ file: Int, _ address: UInt64, _ process: ProgramProcess) {
    guard case .device? = files.file(file)?.role,
      let answer = process.memory.loadIfPresent(RegionInfoArgument.self, at: address)
    else { return }
    let isServed = process.program.isServed(file, region: answer.index)
    let offset = OffsetField { $0.value = RegionOffset.shown(answer.offset, isServed: isServed) }
    try? process.memory.store(offset, at: address &+ 24)
  }

  // MARK: Reads and writes

  private func move(
    _ call: TrappedCall, _ transfer: TrappedKind.Transfer, _ process: ProgramProcess
  ) throws(LinuxErrno) -> TrapAnswer {
    guard let known = try process.knownFile(Int32(truncatingIfNeeded: call.a)) else {
      return .goOn
    }
    let file = known.number
    let isDevice = known.device != nil
    var device: EndpointPort?
    if transfer.isWrite, let number = known.device {
      device = running.port(of: number)
      device?.beginWrite()
    }
    defer { device?.finishWrite() }
    let position: UInt64? = transfer.isPositioned ? call.d : nil
    defer {
      if !transfer.isWrite, known.isQueue, !host.isReadable(file),
        let theirs = try? process.copy(Int32(truncatingIfNeeded: call.a))
      {
        files.setEmpty(file, theirs: theirs)
        try? Calls.close(theirs)
      }
    }
    func one(_ address: UInt64, _ count: UInt64, _ done: UInt64) throws(LinuxErrno) -> Int {
      // Linux moves no more at once.
      let count = Int(min(count, 0x7FFF_F000))
      let offset = position.map { isDevice ? RegionOffset.host($0 &+ done) : $0 &+ done }
      return transfer.isWrite
        ? try process.program.write(file, address, count, at: offset)
        : try process.program.read(file, address, count, at: offset)
    }
    guard transfer.isVector else { return .value(Int64(try one(call.b, call.c, 0))) }
    guard call.c <= 1024 else { throw .EINVAL }
    var done: UInt64 = 0
    for index in 0..<Int(call.c) {
      let piece = try process.memory.element(IOPiece.self, index, of: call.b)
      guard piece.count > 0 else { continue }
      do throws(LinuxErrno) {
        let moved = try one(piece.address, piece.count, done)
        done += UInt64(moved)
        if UInt64(moved) < piece.count { break }
      } catch {
        if done == 0 { throw error }
        break
      }
    }
    return .value(Int64(done))
  }

  // MARK: Descriptors

  private func duplicate(
    _ call: TrappedCall, _ process: ProgramProcess
  ) throws(LinuxErrno) -> TrapAnswer {
    let old = Int32(truncatingIfNeeded: call.a)
    guard let file = try process.file(old) else { return .goOn }
    let copy = try process.copy(old)
    defer { try? Calls.close(copy) }
    let closes = call.number != SystemCall.dup && closesOnExec
    var lowest: Int32 = 0
    if call.number == SystemCall.fcntl {
      let wanted = Int32(truncatingIfNeeded: call.c)
      // Linux refuses numbers that the process may not have.
      guard wanted >= 0, UInt64(wanted) < OtherProcess.descriptorLimit(of: process.number) else {
        throw .EINVAL
      }
      lowest = wanted
    }
    let number = try process.give(copy, closesOnExec: closes, from: lowest)
    process.note(number, leadsTo: file)
    return .value(Int64(number))
  }

  // MARK: Mappings

  private func map(
    _ call: TrappedCall, _ process: ProgramProcess
  ) throws(LinuxErrno) -> TrapAnswer {
    let anonymous: UInt64 = 0x20
    guard call.d & anonymous == 0 else { return .goOn }
    guard let file = try process.file(Int32(truncatingIfNeeded: call.e)),
      let real = files.file(file)
    else { return .goOn }
    guard !real.isQueue else { throw .ENODEV }
    let isShared = call.d & 1 != 0
    guard call.b > 0, call.b < 1 << 47 else { throw .EINVAL }
    guard real.isDevice else {
      if case .buffer = real.role { return .goOn }
      guard isShared else { throw .EPERM }
      _ = try process.program.prepareMapping(file, offset: call.f, byteCount: Int(call.b))
      return .goOn
    }
    guard isShared else { throw .EINVAL }
    let offset = RegionOffset.host(call.f)
    let isServed = try process.program.prepareMapping(file, offset: offset, byteCount: Int(call.b))
    // The other kind of offset would show pages that are nobody's.
    guard RegionOffset.shown(offset, isServed: isServed) == call.f else { throw .EINVAL }
    if isServed { follow(process.number) }
    return .goOn
  }

  /// Accesses to mapped registers are carried out one by one from now on.
  private func follow(_ process: Int32) {
    do { try tracer().follow(process) } catch {
      say(
        "process \(process) maps registers, but cannot be traced (errno \(error.errno)): it gets "
          + "SIGBUS where it touches them")
    }
  }

  // MARK: Other ways to data

  /// Asynchronous reads and writes of our files are refused; those of others go on.
  private func submit(
    _ call: TrappedCall, _ process: ProgramProcess
  ) throws(LinuxErrno) -> TrapAnswer {
    // Linux takes no more than the context has room for; nobody has room for so many.
    guard call.b <= 1 << 16 else { throw .EINVAL }
    for index in 0..<Int(call.b) {
      guard
        let block = try? process.memory.element(OffsetField.self, index, of: call.c).value,
        let words = try? process.memory.load(AsynchronousBlock.self, at: block)
      else { return .goOn }
      if let file = try? process.file(Int32(bitPattern: words.descriptor)), file > 0 {
        throw .EINVAL
      }
    }
    return .goOn
  }
}

/// A 64-bit word of a program's.
struct OffsetField: WireStructure {
  var value: UInt64 = 0
  init() {}
}

/// `struct iovec`.
struct IOPiece: WireStructure {
  var address: UInt64 = 0
  var count: UInt64 = 0
  init() {}
}

/// The first 24 bytes of `struct iocb`.
private struct AsynchronousBlock: WireStructure {
  var data: UInt64 = 0
  var key: UInt32 = 0
  var flags: UInt32 = 0
  var operation: UInt16 = 0
  var priority: UInt16 = 0
  var descriptor: UInt32 = 0
  init() {}
}

extension IOMMUFDRequest {
  /// Whether a request's answer depends on nothing that a close elsewhere could change, and speed
  /// counts: mapping and unmapping.
  static func isHot(_ request: UInt32) -> Bool {
    request == Self.ioasMap.number || request == Self.ioasUnmap.number
  }
}
