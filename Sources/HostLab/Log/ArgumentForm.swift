import Hardware
import HostABI

/// What the third argument of an `ioctl` is, so that a supervisor knows what to copy for the log.
package enum ArgumentForm: Hashable, Sendable {
  /// The argument itself says it: the log takes its eight bytes, lowest first.
  case value
  /// The address of a structure that states its own size in its first four bytes: as many are
  /// copied as it states, at most 256.
  case sized
  /// The address of so many bytes.
  case bytes(Int)
  /// The address of a string that ends with a zero byte.
  case text

  /// The most bytes of a structure that the log looks at.
  package static let limit = 256

  /// The form of a request's argument.
  ///
  /// - Parameters:
  ///   - request: The request's number.
  ///   - kind: The file that it is made on.
  /// - Returns: The form; ``value`` for requests that nobody knows.
  package static func of(_ request: UInt32, on kind: TracedFile.Kind) -> ArgumentForm {
    switch kind {
    case .device: return request == VFIODeviceRequest.reset.number ? .value : .sized
    case .group:
      switch VFIOGroupRequest(rawValue: request) {
      case .getStatus: return .sized
      case .setContainer: return .bytes(4)
      case .getDeviceFD: return .text
      case .unsetContainer, nil: return .value
      }
    case .iommu:
      switch VFIOContainerRequest(rawValue: request) {
      case .getAPIVersion, .checkExtension, .setIOMMU: return .value
      case .getInfo, .mapDMA, .unmapDMA: return .sized
      case nil: return request >> 8 == 0x3B ? .sized : .value
      }
    case .faults, .events, .access, .buffer: return .value
    }
  }
}

/// What a request's structure points to and the log can read: data of a guest's table, commands of
/// an invalidation, the unit's registers.
package struct TracedAttachment: Hashable, Sendable {
  /// Where it lies in the program's memory.
  package var address: UInt64
  /// How many bytes the log wants of it, at most 256.
  package var byteCount: Int
  /// Whether the kernel writes it, so that it can be copied only after the call.
  package var isAnswer: Bool

  /// What a request points to.
  ///
  /// - Parameters:
  ///   - request: The request's number, on `/dev/iommu`.
  ///   - structure: Its structure, as ``ArgumentForm`` says to copy it.
  /// - Returns: The place, or `nil` when there is nothing to read.
  package static func of(_ request: UInt32, _ structure: [UInt8]) -> TracedAttachment? {
    guard request >> 8 == 0x3B, let known = IOMMUFDRequest(rawValue: request & 0xFF) else {
      return nil
    }
    // Where the structure states the address, and the length as one factor or two.
    let places: (address: Int, lengths: [Int], isAnswer: Bool)
    switch known {
    case .hwptAlloc: places = (32, [28], false)
    case .getHardwareInfo: places = (16, [12], true)
    case .hwptInvalidate: places = (8, [20, 24], false)
    default: return nil
    }
    let bytes = structure.span
    guard let address = bytes.little(UInt64.self, at: places.address), address != 0 else {
      return nil
    }
    var byteCount = UInt64(1)
    for place in places.lengths {
      guard let length = bytes.little(UInt32.self, at: place) else { return nil }
      // Two 32-bit factors fit into 64 bits.
      byteCount = byteCount * UInt64(length)
    }
    guard byteCount > 0 else { return nil }
    return TracedAttachment(
      address: address, byteCount: Int(min(byteCount, UInt64(ArgumentForm.limit))),
      isAnswer: places.isAnswer)
  }
}
