package import HostABI
import HostSystem
package import SoftHost
import Synchronization

/// This very process as a program of a software host: the seam's calls, with real descriptors.
///
/// Where a program in this process shares memory and eventfds with other processes, a plain
/// ``SoftProcess`` cannot serve it: its descriptors are numbers of its own. Here one stands behind
/// real descriptors: memory files and eventfds that came from anywhere are what they are, and files
/// of the host's can be waited on. What the host has of a device cannot be mapped.
package final class OwnProcessKernel: KernelFilter {
  private let program: SoftProcess
  private let files: OwnFiles
  /// Files that are mapped, by address, which their senders may make smaller.
  private let guarded = Mutex<[UInt64: AnonymousMemory]>([:])

  /// Who answers whatever no real descriptor has a part in.
  package var kernel: any HostKernel { program }

  /// Lets this process use a host.
  ///
  /// - Parameters:
  ///   - host: The host.
  ///   - credentials: What it may do there.
  package init(_ host: SoftwareHost, _ credentials: Credentials = .root) {
    files = OwnFiles(credentials)
    program = SoftProcess(host, descriptors: files)
  }

  package func close(_ descriptor: Int32) throws(LinuxErrno) {
    if let last = try files.close(descriptor) { program.host.released(last) }
  }

  package func duplicate(_ descriptor: Int32) throws(LinuxErrno) -> Int32 {
    if files.isHosts(descriptor) { return try program.duplicate(descriptor) }
    return try answer { () throws(CallFailure) in try Calls.duplicate(descriptor) }
  }

  package func read(
    _ descriptor: Int32, _ address: UInt64, _ count: Int
  ) throws(LinuxErrno) -> Int {
    guard let file = files.file(descriptor) else {
      return try answer { () throws(CallFailure) in try Calls.read(descriptor, address, count) }
    }
    defer {
      // Readable as long as something is in there: what came meanwhile is told of again.
      Watching.silence(descriptor)
      if program.host.isReadable(file) { Calls.signal(descriptor) }
    }
    return try program.read(descriptor, address, count)
  }

  package func write(
    _ descriptor: Int32, _ address: UInt64, _ count: Int
  ) throws(LinuxErrno) -> Int {
    if files.isHosts(descriptor) { return try program.write(descriptor, address, count) }
    return try answer { () throws(CallFailure) in try Calls.write(descriptor, address, count) }
  }

  package func pread(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    if files.isHosts(descriptor) {
      return try program.pread(descriptor, address, count, at: offset)
    }
    return try answer { () throws(CallFailure) in
      try Calls.pread(descriptor, address, count, at: offset)
    }
  }

  package func pwrite(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    if files.isHosts(descriptor) {
      return try program.pwrite(descriptor, address, count, at: offset)
    }
    return try answer { () throws(CallFailure) in
      try Calls.pwrite(descriptor, address, count, at: offset)
    }
  }

  package func poll(_ descriptor: Int32) throws(LinuxErrno) -> Readiness {
    if files.isHosts(descriptor) { return try program.poll(descriptor) }
    return Readiness(
      rawValue: try answer { () throws(CallFailure) in try Calls.poll(descriptor) })
  }

  package func map(
    _ descriptor: Int32, offset: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 {
    guard !files.isHosts(descriptor), byteCount > 0 else { throw .EINVAL }
    // Linux maps behind the end of a file and finds out when the pages are pinned; here it is now.
    if let facts = try? Calls.facts(of: descriptor), facts.isFile {
      let (end, overflow) = offset.addingReportingOverflow(UInt64(byteCount))
      guard !overflow, end <= facts.byteCount else { throw .EFAULT }
    }
    guard
      let backing = try? AnonymousMemory(
        mapping: descriptor, at: offset, byteCount: byteCount,
        isWritable: protection.contains(.write)),
      // Whoever sent the file may make it smaller while a device reaches it.
      ShrinkingMemory.guardAgainst(backing, pageSize: Calls.pageSize(of: descriptor))
    else { throw .ENODEV }
    guarded.withLock { $0[backing.address] = backing }
    return program.memory.show(backing, protection)
  }

  package func makeEventCounter() throws(LinuxErrno) -> Int32 {
    try answer { () throws(CallFailure) in try Calls.makeEventCounter() }
  }

  package func makeMemoryFile(_ byteCount: Int) throws(LinuxErrno) -> Int32 {
    try answer { () throws(CallFailure) in try Calls.makeMemoryFile(byteCount) }
  }

  package func release(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) {
    let file = guarded.withLock { $0.removeValue(forKey: address) }
    defer { if let file { ShrinkingMemory.forget(file) } }
    try program.release(address, byteCount)
  }

  private func answer<Value>(
    _ call: () throws(CallFailure) -> Value
  ) throws(LinuxErrno) -> Value {
    do throws(CallFailure) { return try call() } catch {
      throw LinuxErrno(rawValue: error.errno)
    }
  }
}
