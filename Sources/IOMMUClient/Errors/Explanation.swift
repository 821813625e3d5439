import HostABI

/// What an error number of a request means, and what to do about it.
struct Explanation: Sendable {
  let request: IOMMUError.Request
  let errno: LinuxErrno
  /// What has to be known for this row to apply.
  let circumstances: Circumstances
  /// A clause, without a full stop.
  let meaning: String
  /// A sentence for whoever has to act, without its full stop.
  let advice: String

  init(
    _ request: IOMMUError.Request, _ errno: LinuxErrno, _ circumstances: Circumstances = [],
    _ meaning: String, do advice: String
  ) {
    self.request = request
    self.errno = errno
    self.circumstances = circumstances
    self.meaning = meaning
    self.advice = advice
  }

  /// All rows; the first that fits counts, so particular ones stand before general ones.
  static let all = contexts + addressSpaces + pageTables + queues + devices + attachments
}

extension IOMMUError {
  /// What the failure means.
  public var meaning: String {
    switch cause {
    case .errno(let errno):
      explanation?.meaning ?? General.meaning(of: errno)
    case .refused(let refusal): refusal.meaning
    case .unexpected(let answer): "the kernel gave an answer that makes no sense, \(answer)"
    }
  }

  /// What can be done about it.
  public var advice: String {
    switch cause {
    case .errno(let errno):
      explanation?.advice ?? General.advice(on: errno)
    case .refused(let refusal): refusal.advice
    case .unexpected: "Check that the kernel is one that this program knows (Linux 7.2)"
    }
  }

  /// The row of the table, when there is one.
  var explanation: Explanation? {
    guard let errno else { return nil }
    return Explanation.all.first {
      $0.request == request && $0.errno == errno && $0.circumstances.isSubset(of: circumstances)
    }
  }
}

/// What error numbers mean on any request of iommufd and VFIO.
private enum General {
  static func meaning(of errno: LinuxErrno) -> String {
    switch errno {
    case .ENOTTY: "this kernel does not know the request"
    case .E2BIG: "this kernel does not know a field that was set"
    case .EOPNOTSUPP: "this kernel or this IOMMU cannot do what a field or flag asks for"
    case .EINVAL: "the kernel understood the request and refuses its values"
    case .ENOENT: "an object does not exist any more, or nothing is mapped there"
    case .EOVERFLOW: "an address and a length together run over the end of the address space"
    case .EBUSY: "an object is in use"
    case .EADDRINUSE: "reserved addresses collide with a mapping or with an allowed range"
    case .EEXIST: "there is one already"
    case .EMSGSIZE: "an array is too small for the answer"
    case .ENOMEM: "memory is exhausted, or the limit on locked memory is reached"
    case .EFAULT: "an address of the request is not mapped, or cannot be read or written"
    case .EACCES, .EPERM: "this user or process may not do that"
    case .EMFILE: "the process has no free descriptor"
    case .EBADF: "a descriptor is not open"
    case .ENODEV, .ENXIO: "the device is gone or cannot do that"
    case .EIO: "the device did not do what it was asked"
    case .EAGAIN: "a lock is contended at the moment"
    case .EINTR: "a signal came in between"
    default: "the kernel refuses it"
    }
  }

  static func advice(on errno: LinuxErrno) -> String {
    switch errno {
    case .ENOTTY, .E2BIG, .EOPNOTSUPP:
      "Use a newer kernel, or do without the feature"
    case .ENOMEM: "Raise the limit on locked memory (ulimit -l), or free memory"
    case .EACCES, .EPERM: "Check the node's owner and mode, and the process's capabilities"
    case .EMFILE: "Raise the limit on open files (ulimit -n)"
    case .EAGAIN, .EINTR: "Try again"
    case .EBUSY: "End what uses it first"
    case .ENODEV, .ENXIO, .EIO: "Look into the kernel's log (dmesg) for the device"
    default: "This is most likely a fault of the program; please report it with this message"
    }
  }
}

extension IOMMUError.Refusal {
  /// Why the request was not made.
  var meaning: String {
    switch self {
    case .pasidZero: "PASID 0 stands for the device's requests without a PASID"
    case .alreadyAttached: "a table is attached there already"
    case .notAttached: "nothing is attached there that could be replaced"
    case .otherContext: "the objects belong to different iommufd contexts"
    case .pageSize(let size): "\(size) is not a power of two and can be no page size"
    case .otherHardware: "the entries are for another kind of IOMMU than the table"
    case .range: "the range is empty, or runs over the end"
    case .token(let count): "a VF token has 16 bytes, not \(count)"
    case .noRegion(let index): "the device has no region \(index)"
    }
  }

  /// What to do instead.
  var advice: String {
    switch self {
    case .pasidZero: "Attach without a PASID instead"
    case .alreadyAttached: "Replace it, or detach it first"
    case .notAttached: "Attach instead"
    case .otherContext: "Bind the device to the context that the table is in"
    case .pageSize: "Give the size of a page in bytes, such as 4096"
    case .otherHardware: "Ask the device's hardware information which kind its IOMMU is"
    case .range: "Check start and length"
    case .token: "Give the UUID that the physical function's owner set"
    case .noRegion: "Ask the device's information how many regions it has"
    }
  }
}
