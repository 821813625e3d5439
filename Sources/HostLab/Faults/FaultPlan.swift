package import HostABI

/// What is to go wrong for the program: failures, delays, page requests.
package struct FaultPlan: Hashable, Sendable {
  /// A request that fails without being carried out.
  package struct Failure: Hashable, Sendable {
    package var requests: RequestChoice
    package var errno: LinuxErrno
  }

  /// A request that is answered late.
  package struct Delay: Hashable, Sendable {
    package var requests: RequestChoice
    package var duration: Duration
  }

  /// Failures; the first that matches counts.
  package var failures: [Failure] = []
  /// Delays; all that match add up.
  package var delays: [Delay] = []
  /// Page requests, each after some request.
  package var pageRequests: [PageRequestPlan] = []

  /// Nothing goes wrong.
  package init() {}

  /// Whether nothing goes wrong, so that nobody needs to be asked.
  package var isEmpty: Bool { failures.isEmpty && delays.isEmpty && pageRequests.isEmpty }

  /// Reads `--fail` (`REQUEST[:n][=ERRNO]`), `--delay` (`REQUEST[:n]=TIME`) and `--page-request`.
  ///
  /// - Throws: ``FaultPlanError`` for the first text that is not understood.
  package init(
    failures: [String], delays: [String] = [], pageRequests: [String] = []
  ) throws(FaultPlanError) {
    for text in failures { self.failures.append(try Failure(text)) }
    for text in delays { self.delays.append(try Delay(text)) }
    for text in pageRequests { self.pageRequests.append(try PageRequestPlan(text)) }
  }
}

extension FaultPlan.Failure {
  /// Reads `REQUEST[:n][=ERRNO]`.
  init(_ text: String) throws(FaultPlanError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    requests = try RequestChoice(parts.first ?? "", option: "--fail")
    guard parts.count == 2 else {
      errno = Self.usualErrno(of: requests.name)
      return
    }
    let name = parts[1].uppercased()
    if let number = Int32(name), (Int32(1)...133).contains(number) {
      errno = LinuxErrno(rawValue: number)
      return
    }
    guard let number = (Int32(1)...133).first(where: { "\(LinuxErrno(rawValue: $0))" == name })
    else {
      throw .unknownErrno(
        String(parts[1]), nearest: NearestName.of(name, in: ErrnoNames.all))
    }
    errno = LinuxErrno(rawValue: number)
  }

  /// How a request fails when nobody says how: as it would when a host runs short, or cannot.
  static func usualErrno(of name: String) -> LinuxErrno {
    switch name {
    case "open": .EACCES
    case "dup": .EMFILE
    case "read", "write", "pread", "pwrite", "close": .EIO
    case "IOMMU_DESTROY", "VFIO_DEVICE_BIND_IOMMUFD", "VFIO_GROUP_SET_CONTAINER": .EBUSY
    case "IOMMU_IOAS_UNMAP", "VFIO_IOMMU_UNMAP_DMA": .ENOENT
    case "IOMMU_GET_HW_INFO", "IOMMU_VIOMMU_ALLOC", "VFIO_CHECK_EXTENSION": .EOPNOTSUPP
    case "VFIO_DEVICE_ATTACH_IOMMUFD_PT", "VFIO_SET_IOMMU": .EINVAL
    case "VFIO_DEVICE_RESET", "VFIO_DEVICE_PCI_HOT_RESET": .EIO
    case "VFIO_DEVICE_FEATURE", "IOMMU_IOAS_CHANGE_PROCESS": .ENOTTY
    default: .ENOMEM
    }
  }
}

extension FaultPlan.Delay {
  /// Reads `REQUEST[:n]=TIME`.
  init(_ text: String) throws(FaultPlanError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    requests = try RequestChoice(parts.first ?? "", option: "--delay")
    guard parts.count == 2 else {
      throw .form(text, option: "--delay", expected: "REQUEST[:n]=TIME, such as RESET=20ms")
    }
    duration = try Self.duration(parts[1])
  }

  /// Reads a time with its unit, such as `1.5s`; an hour at most.
  static func duration(_ text: Substring) throws(FaultPlanError) -> Duration {
    let units: [(String, Double)] = [
      ("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1),
    ]
    guard let unit = units.first(where: { text.hasSuffix($0.0) }),
      let first = text.first, first.isNumber,
      let value = Double(text.dropLast(unit.0.count)), value >= 0, value * unit.1 <= 3600
    else { throw .time(String(text)) }
    return .nanoseconds(Int64(value * unit.1 * 1e9))
  }
}
