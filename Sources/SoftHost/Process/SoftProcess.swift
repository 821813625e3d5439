public import HostABI
import HostSystem
import Synchronization

/// A program on a software host: the seam's system calls, answered in memory.
///
/// Its memory is ``ProcessMemory``: addresses are real ones in this process, and only what was
/// allocated through here is reached. Its descriptors are numbers of its own, unless somebody else
/// keeps them. When it goes away, all of its descriptors are closed.
public final class SoftProcess: HostKernel {
  /// The host that answers.
  public let host: SoftwareHost
  package let memory = ProcessMemory()
  private let number: Int
  /// Places for structures of ``perform(_:on:_:)``, each of ``scratchSize`` bytes.
  private let scratch = Mutex<[UInt64]>([])
  private static let scratchSize = 256

  init(_ host: SoftwareHost, _ credentials: Credentials) {
    self.host = host
    let memory = memory
    number = host.state.withLock {
      $0.addCaller(
        Caller(memory: memory, files: DescriptorTable(), credentials: { credentials }))
    }
  }

  /// Notes a program in this process whose descriptors somebody else keeps.
  ///
  /// - Parameters:
  ///   - host: Who answers.
  ///   - descriptors: What its descriptors lead to, and what it may do. Closing one is theirs: the
  ///     host is told by ``SoftwareHost/released(_:)``.
  package init(_ host: SoftwareHost, descriptors: any ForeignDescriptors) {
    self.host = host
    let memory = memory
    number = host.state.withLock { state in
      state.addCaller(
        Caller(
          memory: memory, files: NumberedFiles(state, descriptors),
          credentials: { descriptors.credentials }))
    }
  }

  deinit {
    let number = number
    host.state.withLock { $0.removeCaller(number) }
  }

  /// Opens `/dev/iommu`, `/dev/vfio/devices/vfioN` or a group's node `/dev/vfio/N`.
  public func open(_ path: String) throws(LinuxErrno) -> Int32 {
    try call { host, caller throws(LinuxErrno) in try host.open(path, by: caller) }
  }

  /// Closes a descriptor.
  public func close(_ descriptor: Int32) throws(LinuxErrno) {
    try call { host, caller throws(LinuxErrno) in try host.close(descriptor, by: caller) }
  }

  /// Makes another descriptor of an open file.
  public func duplicate(_ descriptor: Int32) throws(LinuxErrno) -> Int32 {
    try call { host, caller throws(LinuxErrno) in
      let file = try caller.file(descriptor)
      return try caller.addAgain(file)
    }
  }

  /// Carries out a request whose structure is at an address.
  public func ioctl(
    _ descriptor: Int32, _ request: UInt32, _ argument: UInt64
  ) throws(LinuxErrno) -> Int32 {
    try call { host, caller throws(LinuxErrno) in
      try host.ioctl(try caller.file(descriptor), request, argument, by: caller)
    }
  }

  /// Carries out a request with a structure that is put into the program's memory for it.
  public func perform<Argument: WireStructure>(
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

  /// A free place for a structure.
  private func takeScratch() throws(LinuxErrno) -> UInt64 {
    if let place = scratch.withLock({ $0.popLast() }) { return place }
    let page = try memory.allocate(Int(Page.size), [.read, .write])
    let places = stride(from: page, to: page + Page.size, by: Self.scratchSize)
    scratch.withLock { $0 += places.dropFirst() }
    return page
  }

  /// Reads from a queue or an event counter.
  public func read(
    _ descriptor: Int32, _ address: UInt64, _ count: Int
  ) throws(LinuxErrno) -> Int {
    try call { host, caller throws(LinuxErrno) in
      try host.read(try caller.file(descriptor), address, count, at: nil, by: caller)
    }
  }

  /// Writes to a queue or an event counter.
  public func write(
    _ descriptor: Int32, _ address: UInt64, _ count: Int
  ) throws(LinuxErrno) -> Int {
    try call { host, caller throws(LinuxErrno) in
      try host.write(try caller.file(descriptor), address, count, at: nil, by: caller)
    }
  }

  /// Reads a device's region or a memory file.
  public func pread(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    try call { host, caller throws(LinuxErrno) in
      try host.read(try caller.file(descriptor), address, count, at: offset, by: caller)
    }
  }

  /// Writes a device's region or a memory file.
  public func pwrite(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    try call { host, caller throws(LinuxErrno) in
      try host.write(try caller.file(descriptor), address, count, at: offset, by: caller)
    }
  }

  /// Which of read and write would go ahead.
  public func poll(_ descriptor: Int32) throws(LinuxErrno) -> Readiness {
    try call { host, caller throws(LinuxErrno) in host.poll(try caller.file(descriptor)) }
  }

  /// Maps a memory file, a memory BAR of a device, or a driver's memory by the context's descriptor.
  public func map(
    _ descriptor: Int32, offset: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 {
    let found = try call { host, caller throws(LinuxErrno) in
      try host.mappable(try caller.file(descriptor), offset, byteCount)
    }
    return memory.map(
      found.memory, offset: found.offset, byteCount, protection, keeping: found.keeper)
  }

  /// Makes an event counter.
  public func makeEventCounter() throws(LinuxErrno) -> Int32 {
    try call { _, caller throws(LinuxErrno) in try caller.add(OpenFile(.counter(EventCounter()))) }
  }

  /// Makes a memory file.
  public func makeMemoryFile(_ byteCount: Int) throws(LinuxErrno) -> Int32 {
    let file = try MemoryFile(byteCount: byteCount)
    return try call { _, caller throws(LinuxErrno) in try caller.add(OpenFile(.memory(file))) }
  }

  /// Maps fresh pages.
  public func allocate(
    _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 { try memory.allocate(byteCount, protection) }

  /// Changes the protection of pages.
  public func protect(
    _ address: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) { try memory.protect(address, byteCount, protection) }

  /// Unmaps pages.
  public func release(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) {
    try memory.release(address, byteCount)
  }

  /// Copies bytes out of the program's memory.
  public func load(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) -> [UInt8] {
    try memory.load(byteCount, at: address)
  }

  /// Copies bytes into the program's memory.
  public func store(_ bytes: [UInt8], _ address: UInt64) throws(LinuxErrno) {
    try memory.store(bytes, at: address)
  }

  /// Runs a system call under the host's lock.
  private func call<Answer: Sendable>(
    _ body: (HostState, Caller) throws(LinuxErrno) -> Answer
  ) throws(LinuxErrno) -> Answer { try host.call(by: number, body) }
}
