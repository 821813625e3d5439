package import HostABI
package import HostSystem
import Synchronization

/// What a descriptor of a supervised program leads to.
package enum ResolvedDescriptor: Sendable {
  /// A file of the host's, by its number.
  case file(Int)
  /// An eventfd.
  case event(any EventSink)
  /// A file whose pages are memory: all of it, mapped shared, and its size in bytes.
  case memory(AnonymousMemory, byteCount: Int)
  /// Anything else.
  case other
}

/// What a file of the host's is, for whoever gives it a descriptor.
package enum FileRole: Hashable, Sendable {
  /// `/dev/iommu`.
  case context
  /// A device, by its number.
  case device(Int)
  /// A group, by its number.
  case group(Int)
  /// A fault queue.
  case faults
  /// A vIOMMU's event queue.
  case events
  /// An access of the mock-device requests.
  case access
  /// A dma-buf of the mock-device requests.
  case buffer(byteCount: Int)
}

/// The descriptors of a program in another process, as its own kernel keeps them.
///
/// Called under the host's lock, by the thread that made the request; it must not make another.
package protocol ForeignDescriptors: AnyObject, Sendable {
  /// What the program may do now.
  var credentials: Credentials { get }

  /// What a descriptor leads to; `EBADF` when it is not open.
  func resolve(_ descriptor: Int32) throws(LinuxErrno) -> ResolvedDescriptor

  /// Gives the program a descriptor of a file of the host's; `EMFILE` when none is free.
  func install(_ file: Int, _ role: FileRole) throws(LinuxErrno) -> Int32

  /// Gives the program another descriptor of a file that it, or another, has; `EMFILE` when none is
  /// free.
  func installAgain(_ file: Int) throws(LinuxErrno) -> Int32

  /// Takes a descriptor away that the request which fails had made.
  func uninstall(_ descriptor: Int32)

  /// A read of a queue finds something from now on.
  func becameReadable(_ file: Int)

  /// The real file that was installed for one of the host's.
  func mappableFile(_ file: Int) -> (any MappableFile)?
}

/// A program in another process, whose system calls are answered by a host in this one.
///
/// Its descriptors live in its own kernel: the host knows open files by numbers, and is told by
/// ``SoftwareHost/released(_:)`` when the last descriptor of one is gone.
package final class SupervisedProcess: Sendable {
  private let host: SoftwareHost
  private let number: Int

  /// Notes a program.
  ///
  /// - Parameters:
  ///   - host: Who answers.
  ///   - memory: What the program's addresses mean.
  ///   - descriptors: What its descriptors lead to, and what it may do.
  package init(
    _ host: SoftwareHost, memory: any CallerMemory, descriptors: any ForeignDescriptors
  ) {
    self.host = host
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

  /// Opens a device node; the program has the descriptor when this returns.
  package func open(_ path: String) throws(LinuxErrno) -> Int32 {
    try call { host, caller throws(LinuxErrno) in try host.open(path, by: caller) }
  }

  /// Carries out a request on a file of the host's.
  package func ioctl(
    _ file: Int, _ request: UInt32, _ argument: UInt64
  ) throws(LinuxErrno) -> Int32 {
    try call { host, caller throws(LinuxErrno) in
      try host.ioctl(try host.file(file), request, argument, by: caller)
    }
  }

  /// Reads from a file of the host's into the program's memory.
  package func read(
    _ file: Int, _ address: UInt64, _ count: Int, at offset: UInt64?
  ) throws(LinuxErrno) -> Int {
    try call { host, caller throws(LinuxErrno) in
      try host.read(try host.file(file), address, count, at: offset, by: caller)
    }
  }

  /// Writes from the program's memory to a file of the host's.
  package func write(
    _ file: Int, _ address: UInt64, _ count: Int, at offset: UInt64?
  ) throws(LinuxErrno) -> Int {
    try call { host, caller throws(LinuxErrno) in
      try host.write(try host.file(file), address, count, at: offset, by: caller)
    }
  }

  /// Checks that part of a file may be mapped, and sees to it that the real file holds it.
  ///
  /// - Returns: Whether a device model serves the part.
  package func prepareMapping(
    _ file: Int, offset: UInt64, byteCount: Int
  ) throws(LinuxErrno) -> Bool {
    try call { host, _ throws(LinuxErrno) in
      try host.prepareMapping(try host.file(file), offset, byteCount)
    }
  }

  /// How many of the program's pages devices hold, and how many are charged to it.
  package var heldPages: (pinned: Int, locked: Int) {
    let answer = try? call { _, caller throws(LinuxErrno) in
      HeldPages(pinned: caller.pinned.pageCount, locked: caller.lockedPageCount)
    }
    return (answer?.pinned ?? 0, answer?.locked ?? 0)
  }

  private struct HeldPages: Sendable {
    let pinned: Int
    let locked: Int
  }

  /// Whether a device model serves a device's region.
  package func isServed(_ file: Int, region: UInt32) -> Bool {
    let answer = try? call { host, _ throws(LinuxErrno) in
      guard case .device(let device) = try host.file(file).kind else { return false }
      return device.isServed(region)
    }
    return answer ?? false
  }

  /// Runs a system call under the host's lock.
  private func call<Answer: Sendable>(
    _ body: (HostState, Caller) throws(LinuxErrno) -> Answer
  ) throws(LinuxErrno) -> Answer { try host.call(by: number, body) }
}

extension SoftwareHost {
  /// The last descriptor, and the last mapping, of a file of the host's is gone.
  package func released(_ file: Int) {
    state.withLock { state in
      guard let found = state.numberedFiles.removeValue(forKey: file) else { return }
      state.release(found)
    }
  }

  /// Whether a read of a queue finds something.
  package func isReadable(_ file: Int) -> Bool {
    state.withLock { state in
      switch state.numberedFiles[file]?.kind {
      case .faults(let queue): queue.isReadable
      case .events(let queue): queue.isReadable
      default: false
      }
    }
  }
}

extension HostState {
  func file(_ number: Int) throws(LinuxErrno) -> OpenFile {
    guard let file = numberedFiles[number] else { throw .EBADF }
    return file
  }

  func prepareMapping(
    _ file: OpenFile, _ offset: UInt64, _ byteCount: Int
  ) throws(LinuxErrno) -> Bool {
    if case .device(let device) = file.kind {
      guard offset & Page.mask == 0, byteCount > 0 else { throw .EINVAL }
      return try device.prepareMapping(offset, byteCount)
    }
    _ = try mappable(file, offset, byteCount)
    return false
  }
}

extension DeviceFile {
  /// A region that a model serves can be mapped, too: accesses to it are carried out one by one.
  ///
  /// - Returns: Whether a model serves it.
  func prepareMapping(_ offset: UInt64, _ byteCount: Int) throws(LinuxErrno) -> Bool {
    guard context != nil else { throw .EINVAL }
    let place = try node.function.checkMapping(
      at: offset, byteCount: UInt64(byteCount), isShared: true)
    guard !isServed(UInt32(place.bar)) else { return true }
    _ = try node.function.mappedMemory(bar: place.bar)
    return false
  }

  /// Whether a model serves a region.
  func isServed(_ region: UInt32) -> Bool {
    guard let bar = node.function.bar(Int(region)), case .handler = bar.backing else {
      return false
    }
    return true
  }
}
