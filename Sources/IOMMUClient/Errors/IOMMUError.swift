public import HostABI

/// A request that failed: which one, about what, why, and what can be done.
public struct IOMMUError: Error, Hashable, Sendable {
  /// What was asked for.
  public enum Request: Hashable, Sendable {
    /// Opening a node.
    case open
    /// A request of `/dev/iommu`.
    case iommufd(IOMMUFDRequest)
    /// A request of a device.
    case device(VFIODeviceRequest)
    /// Reading a queue's descriptor.
    case read
    /// Writing to a queue's descriptor.
    case write
    /// Asking whether a queue has something to read.
    case poll
    /// Reading from a device's region.
    case readRegion
    /// Writing to a device's region.
    case writeRegion
    /// Mapping memory of the kernel or of a device.
    case map
    /// Memory for the arrays of a request.
    case scratchMemory
  }

  /// Why it failed.
  public enum Cause: Hashable, Sendable {
    /// The kernel's answer.
    case errno(LinuxErrno)
    /// It was never asked for, because the kernel would do something else than what was meant.
    case refused(Refusal)
    /// The kernel's answer makes no sense, in words.
    case unexpected(String)
  }

  /// Why a request was not made.
  public enum Refusal: Hashable, Sendable {
    /// PASID 0 is how Linux counts the device's non-PASID part.
    case pasidZero
    /// It is attached already, and replacing a table is a request of its own.
    case alreadyAttached
    /// Nothing is attached that could be replaced.
    case notAttached
    /// The table or object belongs to another context than the device.
    case otherContext
    /// The size of a page is no power of two.
    case pageSize(UInt64)
    /// The entries are of another IOMMU than the table.
    case otherHardware
    /// A range is empty, runs over the end of the address space, or is larger than memory.
    case range
    /// A VF token of so many bytes instead of 16.
    case token(Int)
    /// There is no such region.
    case noRegion(UInt32)
  }

  /// What was asked for.
  public let request: Request
  /// Why it failed.
  public let cause: Cause
  /// What it was about, the most telling first.
  public let objects: [IOMMUObject]
  /// How many entries the kernel handled before the failing one, for requests on arrays.
  public let handled: Int
  let circumstances: Circumstances

  init(
    _ request: Request, _ cause: Cause, _ objects: [IOMMUObject],
    _ circumstances: Circumstances = [], handled: Int = 0
  ) {
    self.request = request
    self.cause = cause
    self.objects = objects
    self.circumstances = circumstances
    self.handled = handled
  }

  init(
    _ request: Request, _ errno: LinuxErrno, _ objects: [IOMMUObject] = [],
    _ circumstances: Circumstances = [], handled: Int = 0
  ) {
    self.init(request, .errno(errno), objects, circumstances, handled: handled)
  }

  init(_ request: Request, refused: Refusal, _ objects: [IOMMUObject]) {
    self.init(request, .refused(refused), objects)
  }

  init(_ request: Request, unexpected: String, _ objects: [IOMMUObject]) {
    self.init(request, .unexpected(unexpected), objects)
  }

  /// The kernel's error number, when it was asked.
  ///
  /// Not inlined: the optimiser of Swift 6.3.1 dies where it looks into an error just caught.
  @inline(never)
  public var errno: LinuxErrno? {
    guard case .errno(let errno) = cause else { return nil }
    return errno
  }
}

extension IOMMUError: CustomStringConvertible {
  /// What failed, what that means, and what to do, in one line.
  public var description: String {
    let subject = objects.map(\.description).joined(separator: ", ")
    let what = subject.isEmpty ? request.description : "\(subject): \(request)"
    let done = handled > 0 ? " after \(handled) entries" : ""
    return switch cause {
    case .errno(let errno): "\(what) failed with \(errno)\(done): \(meaning). \(advice)."
    case .refused, .unexpected: "\(what)\(done): \(meaning). \(advice)."
    }
  }
}

extension IOMMUError.Request: CustomStringConvertible {
  /// The request's name in Linux's headers, or the system call.
  public var description: String {
    switch self {
    case .open: "open"
    case .iommufd(let request): request.name
    case .device(let request): request.name
    case .read: "read"
    case .write: "write"
    case .poll: "poll"
    case .readRegion: "pread"
    case .writeRegion: "pwrite"
    case .map: "mmap"
    case .scratchMemory: "memory for a request"
    }
  }
}
