import HostABI
import Hardware

/// What requests are called: by their numbers and the file that they are made on.
package enum RequestNames {
  /// System calls that are not requests.
  static let calls = ["open", "close", "dup", "read", "write", "pread", "pwrite", "mmap"]

  /// Every name, as Linux's headers have it; requests of `/dev/iommu` first.
  package static let all: [String] =
    IOMMUFDRequest.allCases.map(\.name) + VFIODeviceRequest.allCases.map(\.name)
    + VFIOGroupRequest.allCases.map(\.name)
    + RequestShape.container.values.map(\.name).sorted()
    + [mock] + MockOperation.allCases.compactMap { RequestShape.mock[$0]?.name } + calls

  /// All names for people, a line for each kind of file.
  static var list: String {
    let kinds: [(String, [String])] = [
      ("/dev/iommu", IOMMUFDRequest.allCases.map(\.name)),
      ("devices", VFIODeviceRequest.allCases.map(\.name)),
      (
        "groups and containers",
        VFIOGroupRequest.allCases.map(\.name) + RequestShape.container.values.map(\.name).sorted()
      ),
      ("mock devices", [mock, "IOMMU_TEST_OP_…"]),
      ("any", calls),
    ]
    return kinds.map { kind, names in
      "  \(kind): "
        + names.map { $0.hasSuffix("…") ? $0 : RequestShape.shortName($0) }.joined(separator: ", ")
    }.joined(separator: "\n")
  }

  /// The name of all mock operations together.
  static let mock = "IOMMU_TEST_CMD"

  /// The name of a call, such as `IOMMU_HWPT_ALLOC` or `pread`.
  ///
  /// - Parameters:
  ///   - call: The call.
  ///   - kind: The file that it is on; numbers of containers and devices overlap.
  /// - Returns: The name; an unknown request's number in hexadecimal.
  package static func name(of call: TracedCall.Call, on kind: TracedFile.Kind?) -> String {
    switch call {
    case .open: "open"
    case .close: "close"
    case .duplicate: "dup"
    case .read(_, let offset, _): offset == nil ? "read" : "pread"
    case .write(_, let offset, _): offset == nil ? "write" : "pwrite"
    case .map: "mmap"
    case .ioctl(let request, let before, _):
      shape(of: request, on: kind, before)?.name ?? "ioctl 0x" + String(request, radix: 16)
    }
  }

  /// The shape of a request on a file.
  static func shape(
    of request: UInt32, on kind: TracedFile.Kind?, _ structure: [UInt8]
  ) -> RequestShape? {
    switch kind {
    case .device: return VFIODeviceRequest(rawValue: request).flatMap { RequestShape.device[$0] }
    case .group: return VFIOGroupRequest(rawValue: request).flatMap { RequestShape.group[$0] }
    case .access, .buffer, .events, .faults: return nil
    case .iommu, nil:
      if request == MockRequest.number {
        let operation = structure.span.little(UInt32.self, at: 4)
        return operation.flatMap { MockOperation(rawValue: $0) }.flatMap { RequestShape.mock[$0] }
          ?? RequestShape(mock)
      }
      if let known = VFIOContainerRequest(rawValue: request) {
        return RequestShape.container[known]
      }
      guard request >> 8 == 0x3B else { return nil }
      return IOMMUFDRequest(rawValue: request & 0xFF).flatMap { RequestShape.iommufd[$0] }
    }
  }
}
