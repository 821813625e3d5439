#if os(Linux)
  public import HostABI
  import HostSystem

  /// The kernel that this program runs on.
  ///
  /// It holds nothing: descriptors and memory are the process's own, and any number of these may
  /// be used side by side, from any thread. Reading, writing and requests that are safe to repeat
  /// start again when a signal interrupts them; see ``mayRepeat(_:)``.
  public final class LinuxKernel: HostKernel {
    /// Makes a way to the kernel.
    public init() {}

    /// Opens a file for reading and writing; the descriptor closes at `exec`.
    ///
    /// - Throws: What `open(2)` answers; `ENOENT` for `/dev/iommu` means that the kernel has no
    ///   iommufd.
    public func open(_ path: String) throws(LinuxErrno) -> Int32 {
      try answer { () throws(CallFailure) in try Calls.open(path) }
    }

    /// Closes a descriptor, as `close(2)`.
    public func close(_ descriptor: Int32) throws(LinuxErrno) {
      try answer { () throws(CallFailure) in try Calls.close(descriptor) }
    }

    /// Makes another descriptor of the same open file; it closes at `exec`.
    public func duplicate(_ descriptor: Int32) throws(LinuxErrno) -> Int32 {
      try answer { () throws(CallFailure) in try Calls.duplicate(descriptor) }
    }

    /// Carries out one request on memory at an address, as `ioctl(2)`.
    public func ioctl(
      _ descriptor: Int32, _ request: UInt32, _ argument: UInt64
    ) throws(LinuxErrno) -> Int32 {
      while true {
        do {
          return try answer { () throws(CallFailure) in
            try Calls.ioctl(descriptor, request, argument)
          }
        } catch {
          guard error == .EINTR, Self.mayRepeat(request) else { throw error }
        }
      }
    }

    /// Carries out one request on a structure where it stands.
    public func perform<Argument: WireStructure>(
      _ request: UInt32, on descriptor: Int32, _ argument: inout Argument
    ) throws(LinuxErrno) -> Int32 {
      while true {
        do throws(CallFailure) {
          return try Calls.ioctl(descriptor, request, on: &argument)
        } catch {
          let errno = LinuxErrno(rawValue: error.errno)
          guard errno == .EINTR, Self.mayRepeat(request) else { throw errno }
        }
      }
    }

    /// Reads into memory, as `read(2)`.
    public func read(
      _ descriptor: Int32, _ address: UInt64, _ count: Int
    ) throws(LinuxErrno) -> Int {
      try answer { () throws(CallFailure) in try Calls.read(descriptor, address, count) }
    }

    /// Writes from memory, as `write(2)`.
    public func write(
      _ descriptor: Int32, _ address: UInt64, _ count: Int
    ) throws(LinuxErrno) -> Int {
      try answer { () throws(CallFailure) in try Calls.write(descriptor, address, count) }
    }

    /// Reads at an offset into memory, as `pread(2)`.
    public func pread(
      _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
    ) throws(LinuxErrno) -> Int {
      try answer { () throws(CallFailure) in
        try Calls.pread(descriptor, address, count, at: offset)
      }
    }

    /// Writes at an offset from memory, as `pwrite(2)`.
    public func pwrite(
      _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
    ) throws(LinuxErrno) -> Int {
      try answer { () throws(CallFailure) in
        try Calls.pwrite(descriptor, address, count, at: offset)
      }
    }

    /// Which of read and write would go ahead now; `EBADF` for a descriptor that is not open.
    public func poll(_ descriptor: Int32) throws(LinuxErrno) -> Readiness {
      Readiness(
        rawValue: try answer { () throws(CallFailure) in try Calls.poll(descriptor) })
    }

    /// Makes an eventfd that never blocks; it closes at `exec`.
    public func makeEventCounter() throws(LinuxErrno) -> Int32 {
      try answer { () throws(CallFailure) in try Calls.makeEventCounter() }
    }

    /// Makes a memfd; it closes at `exec`.
    public func makeMemoryFile(_ byteCount: Int) throws(LinuxErrno) -> Int32 {
      try answer { () throws(CallFailure) in try Calls.makeMemoryFile(byteCount) }
    }

    /// Gives a call's failure as the seam's error.
    func answer<Value>(
      _ call: () throws(CallFailure) -> Value
    ) throws(LinuxErrno) -> Value {
      do throws(CallFailure) {
        return try call()
      } catch {
        throw LinuxErrno(rawValue: error.errno)
      }
    }
  }
#endif
