package import HostABI
import HostSystem
package import SoftHost
import Synchronization

/// This very process as a program of a software host: the seam's calls, with real descriptors.
///
/// Where a program in this process shares memory and eventfds with other processes, a
/// ``SoftProcess`` cannot serve it: its descriptors are numbers of its own. Here memory files and
/// eventfds that came from anywhere are what they are, and files of the host's have real descriptors
/// that can be waited on. What the host has of a device cannot be mapped.
package final class OwnProcessKernel: HostKernel {
  private let host: SoftwareHost
  private let files: OwnFiles
  private let memory = ProcessMemory()
  private let program: SupervisedProcess
  /// Places for structures of ``perform(_:on:_:)``, each of ``scratchSize`` bytes.
  private let scratch = Mutex<[UInt64]>([])
  private static let scratchSize = 256
  /// Files that are mapped, by address, which their senders may make smaller.
  private let guarded = Mutex<[UInt64: AnonymousMemory]>([:])

  /// Lets this process use a host.
  ///
  /// - Parameters:
  ///   - host: The host.
  ///   - credentials: What it may do there.
  package init(_ host: SoftwareHost, _ credentials: Credentials = .root) {
    self.host = host
    files = OwnFiles(credentials)
    program = SupervisedProcess(host, memory: memory, descriptors: files)
  }

  package func open(_ path: String) throws(LinuxErrno) -> Int32 { try program.open(path) }

  package func close(_ descriptor: Int32) throws(LinuxErrno) {
    if let last = try files.close(descriptor) { host.released(last) }
  }

  package func duplicate(_ descriptor: Int32) throws(LinuxErrno) -> Int32 {
    if let file = files.file(descriptor) { return try files.installAgain(file) }
    return try answer { () throws(CallFailure) in try Calls.duplicate(descriptor) }
  }

  package func ioctl(
    _ descriptor: Int32, _ request: UInt32, _ argument: UInt64
  ) throws(LinuxErrno) -> Int32 {
    guard let file = files.file(descriptor) else { throw .ENOTTY }
    return try program.ioctl(file, request, argument)
  }

  package func perform<Argument: WireStructure>(
    _ request: UInt32, on descriptor: Int32, _ argument: inout Argument
  ) throws(LinuxErrno) -> Int32 {
    precondition(Argument.byteCount <= Self.scratchSize, "no request has so large a structure")
    let place = try takeScratch()
    defer { scratch.withLock { $0.append(place) } }
    try memory.store(argument, at: place)
    defer {
      // The place is readable memory of our own.
      if let back = try? memory.load(Argument.self, at: place) { argument = back }
    }
    return try ioctl(descriptor, request, place)
  }

  private func takeScratch() throws(LinuxErrno) -> UInt64 {
    if let place = scratch.withLock({ $0.popLast() }) { return place }
    let page = try memory.allocate(Int(Page.size), [.read, .write])
    let places = stride(from: page, to: page + Page.size, by: Self.scratchSize)
    scratch.withLock { $0 += places.dropFirst() }
    return page
  }

  package func read(
    _ descriptor: Int32, _ address: UInt64, _ count: Int
  ) throws(LinuxErrno) -> Int {
    guard let file = files.file(descriptor) else {
      return try plainRead(descriptor, address, count)
    }
    defer {
      // Readable as long as something is in there: what came meanwhile is told of again.
      Watching.silence(descriptor)
      if host.isReadable(file) { Calls.signal(descriptor) }
    }
    return try program.read(file, address, count, at: nil)
  }

  package func write(
    _ descriptor: Int32, _ address: UInt64, _ count: Int
  ) throws(LinuxErrno) -> Int {
    guard let file = files.file(descriptor) else {
      return try answer { () throws(CallFailure) in try Calls.write(descriptor, address, count) }
    }
    return try program.write(file, address, count, at: nil)
  }

  package func pread(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    guard let file = files.file(descriptor) else {
      return try answer { () throws(CallFailure) in
        try Calls.pread(descriptor, address, count, at: offset)
      }
    }
    return try program.read(file, address, count, at: offset)
  }

  package func pwrite(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    guard let file = files.file(descriptor) else {
      return try answer { () throws(CallFailure) in
        try Calls.pwrite(descriptor, address, count, at: offset)
      }
    }
    return try program.write(file, address, count, at: offset)
  }

  package func poll(_ descriptor: Int32) throws(LinuxErrno) -> Readiness {
    guard let file = files.file(descriptor) else {
      return Readiness(
        rawValue: try answer { () throws(CallFailure) in try Calls.poll(descriptor) })
    }
    return host.isReadable(file) ? [.readable, .writable] : .writable
  }

  package func map(
    _ descriptor: Int32, offset: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 {
    guard files.file(descriptor) == nil, byteCount > 0 else { throw .EINVAL }
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
    return memory.show(backing, protection)
  }

  package func makeEventCounter() throws(LinuxErrno) -> Int32 {
    try answer { () throws(CallFailure) in try Calls.makeEventCounter() }
  }

  package func makeMemoryFile(_ byteCount: Int) throws(LinuxErrno) -> Int32 {
    try answer { () throws(CallFailure) in try Calls.makeMemoryFile(byteCount) }
  }

  package func allocate(
    _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 { try memory.allocate(byteCount, protection) }

  package func protect(
    _ address: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) { try memory.protect(address, byteCount, protection) }

  package func release(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) {
    let file = guarded.withLock { $0.removeValue(forKey: address) }
    defer { if let file { ShrinkingMemory.forget(file) } }
    try memory.release(address, byteCount)
  }

  package func load(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) -> [UInt8] {
    try memory.load(byteCount, at: address)
  }

  package func store(_ bytes: [UInt8], _ address: UInt64) throws(LinuxErrno) {
    try memory.store(bytes, at: address)
  }

  private func plainRead(
    _ descriptor: Int32, _ address: UInt64, _ count: Int
  ) throws(LinuxErrno) -> Int {
    try answer { () throws(CallFailure) in try Calls.read(descriptor, address, count) }
  }

  private func answer<Value>(
    _ call: () throws(CallFailure) -> Value
  ) throws(LinuxErrno) -> Value {
    do throws(CallFailure) { return try call() } catch {
      throw LinuxErrno(rawValue: error.errno)
    }
  }
}
