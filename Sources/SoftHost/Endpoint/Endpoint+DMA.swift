public import Hardware
public import IOMMU
import Synchronization

/// How a request of a device ended.
public enum DMAResult: Hashable, Sendable {
  /// All bytes were moved.
  case done
  /// The first bytes were moved, then an address was refused.
  case fault(TranslationFault, doneBytes: Int)
  /// Nothing is attached, the function is not a bus master, or a reset is going on.
  case blocked
  /// A page lies in memory that nobody answers for; the first bytes were moved.
  case unreachable(doneBytes: Int)
}

extension Endpoint {
  /// Reads memory as the device.
  ///
  /// - Parameters:
  ///   - iova: Where the first byte is.
  ///   - buffer: What is filled.
  ///   - pasid: The PASID of the request, or none.
  ///   - mode: Execution or privilege, besides reading.
  /// - Returns: How it ended.
  /// - Complexity: O(pages); nothing is allocated.
  public func read(
    _ iova: IOVA, into buffer: inout MutableSpan<UInt8>, pasid: PASID? = nil,
    _ mode: DMAAccess = []
  ) -> DMAResult {
    guard let context = enter(pasid) else { return .blocked }
    let outcome = unit.withDMA { $0.read(from: iova, into: &buffer, mode, for: context) }
    return finish(outcome, pasid, mode.union(.read))
  }

  /// Writes memory as the device.
  ///
  /// - Parameters:
  ///   - iova: Where the first byte goes.
  ///   - buffer: The bytes.
  ///   - pasid: The PASID of the request, or none.
  ///   - mode: Privilege, besides writing.
  /// - Returns: How it ended.
  /// - Complexity: O(pages); nothing is allocated.
  public func write(
    _ iova: IOVA, _ buffer: Span<UInt8>, pasid: PASID? = nil, _ mode: DMAAccess = []
  ) -> DMAResult {
    guard let context = enter(pasid) else { return .blocked }
    let outcome = unit.withDMA { $0.write(to: iova, from: buffer, mode, for: context) }
    return finish(outcome, pasid, mode.union(.write))
  }

  /// Copies memory to memory as the device.
  ///
  /// - Parameters:
  ///   - byteCount: How many bytes, not less than zero.
  ///   - source: Where the first byte is.
  ///   - target: Where the first byte goes.
  ///   - pasid: The PASID of the requests, or none.
  /// - Returns: How it ended.
  /// - Complexity: O(pages); nothing is allocated.
  public func copy(
    _ byteCount: Int, from source: IOVA, to target: IOVA, pasid: PASID? = nil
  ) -> DMAResult {
    guard let context = enter(pasid) else { return .blocked }
    let outcome = unit.withDMA {
      $0.copy(byteCount, from: source, of: context, to: target, of: context)
    }
    return finish(outcome, pasid, [.read, .write])
  }

  /// What translates the request, if anything does.
  func enter(_ pasid: PASID?) -> TranslationContext? {
    state.withLock { state in
      guard state.isBusMaster, !state.isResetting else { return nil }
      return state.context(pasid, stream: deviceIndex)
    }
  }

  private func finish(_ outcome: DMAOutcome, _ pasid: PASID?, _ access: DMAAccess) -> DMAResult {
    switch outcome.obstacle {
    case nil: return .done
    case .unreachable: return .unreachable(doneBytes: outcome.byteCount)
    case .fault(let fault):
      let report = reporter.withLock { $0 }
      report?(self, pasid, fault, access)
      return .fault(fault, doneBytes: outcome.byteCount)
    }
  }
}

/// A device asks for a page, as with PCIe's Page Request Interface.
public struct EndpointPageRequest: Hashable, Sendable {
  /// The page's address; the low 12 bits are ignored.
  public var address: IOVA
  /// The PASID, or none.
  public var pasid: PASID?
  /// What the device wants to do.
  public var access: DMAAccess
  /// The group that is answered as one, below 512.
  public var group: UInt16
  /// Whether the group ends here.
  public var isLast: Bool

  /// Describes a page request.
  ///
  /// - Parameters:
  ///   - address: The page's address.
  ///   - pasid: The PASID, or none.
  ///   - access: What the device wants to do.
  ///   - group: The group that is answered as one.
  ///   - isLast: Whether the group ends here.
  public init(
    _ address: IOVA, pasid: PASID? = nil, _ access: DMAAccess, group: UInt16, isLast: Bool = true
  ) {
    self.address = address
    self.pasid = pasid
    self.access = access
    self.group = group
    self.isLast = isLast
  }
}

/// The answer to a group of page requests.
public struct EndpointPageResponse: Hashable, Sendable {
  /// What a device may do then.
  public enum Code: UInt32, Hashable, Sendable {
    /// Try again.
    case success = 0
    /// The page will not come.
    case invalid = 1
  }

  /// The group.
  public let group: UInt16
  /// The PASID of the group, or none.
  public let pasid: PASID?
  /// What the device may do.
  public let code: Code
}

extension Endpoint {
  /// The most responses that wait to be taken; a device that takes none loses the oldest.
  static let responseLimit = 4096

  /// Takes the responses that have come since the last time.
  public func takeResponses() -> [EndpointPageResponse] {
    state.withLock { state in
      defer { state.responses = [] }
      return state.responses
    }
  }

  /// Gives the device an answer.
  func respond(_ response: EndpointPageResponse) {
    state.withLock { state in
      if state.responses.count >= Self.responseLimit { state.responses.removeFirst() }
      state.responses.append(response)
    }
  }
}
