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
    read(iova, into: &buffer, as: EndpointRequester(pasid, mode))
  }

  /// Reads memory as the device.
  package func read(
    _ iova: IOVA, into buffer: inout MutableSpan<UInt8>, as requester: EndpointRequester
  ) -> DMAResult {
    let total = buffer.count
    let mode = requester.mode
    return inPieces(of: total, requester, .read) { transaction, context, done, count in
      let at = IOVA(iova.rawValue &+ UInt64(done))
      guard count < total else {
        return transaction.read(from: at, into: &buffer, mode, for: context)
      }
      var part = buffer._mutatingExtracting(done..<done + count)
      return transaction.read(from: at, into: &part, mode, for: context)
    }
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
    write(iova, buffer, as: EndpointRequester(pasid, mode))
  }

  /// Writes memory as the device.
  package func write(
    _ iova: IOVA, _ buffer: Span<UInt8>, as requester: EndpointRequester
  ) -> DMAResult {
    inPieces(of: buffer.count, requester, .write) { transaction, context, done, count in
      transaction.write(
        to: IOVA(iova.rawValue &+ UInt64(done)), from: buffer.extracting(done..<done + count),
        requester.mode, for: context)
    }
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
    copy(byteCount, from: source, to: target, as: EndpointRequester(pasid))
  }

  /// Copies memory to memory as the device.
  package func copy(
    _ byteCount: Int, from source: IOVA, to target: IOVA, as requester: EndpointRequester
  ) -> DMAResult {
    inPieces(of: byteCount, requester, [.read, .write]) { transaction, context, done, count in
      transaction.copy(
        count, from: IOVA(source.rawValue &+ UInt64(done)), of: context,
        to: IOVA(target.rawValue &+ UInt64(done)), of: context, requester.mode)
    }
  }

  /// The most bytes that are moved in one transaction: control waits for transactions to end.
  private static var pieceSize: Int { 1 << 20 }

  /// Moves bytes in transactions that are short, each through what is attached by then.
  private func inPieces(
    of byteCount: Int, _ requester: EndpointRequester, _ access: DMAAccess,
    _ move: (
      borrowing DMATransaction, borrowing TranslationContext, _ done: Int, _ count: Int
    ) -> DMAOutcome
  ) -> DMAResult {
    var done = 0
    repeat {
      let count = min(byteCount - done, Self.pieceSize)
      // What is attached is looked up inside of the transaction: whoever detaches it waits for
      // the transaction then, and nobody uses its pages later.
      let outcome: DMAOutcome? = unit.withDMA { transaction in
        guard let context = enter(requester.pasid, requester.epoch) else { return nil }
        return move(transaction, context, done, count)
      }
      guard let outcome else { return .blocked }
      guard outcome.obstacle == nil else { return finish(outcome, done, requester, access) }
      done += count
    } while done < byteCount
    return .done
  }

  /// What translates the request, if anything does; call it inside of the transaction.
  func enter(_ pasid: PASID?, _ epoch: UInt64? = nil) -> TranslationContext? {
    state.withLock { state in
      guard state.isBusMaster, !state.isResetting, epoch == nil || epoch == state.epoch else {
        return nil
      }
      return state.context(pasid, stream: deviceIndex)
    }
  }

  private func finish(
    _ outcome: DMAOutcome, _ before: Int, _ requester: EndpointRequester, _ access: DMAAccess
  ) -> DMAResult {
    switch outcome.obstacle {
    case nil: return .done
    case .unreachable: return .unreachable(doneBytes: before + outcome.byteCount)
    case .fault(let fault):
      if requester.reportsFaults {
        let report = reporter.withLock { $0 }
        report?(self, requester.pasid, fault, access.union(requester.mode))
      }
      return .fault(fault, doneBytes: before + outcome.byteCount)
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
    let handler: (@Sendable (EndpointPageResponse) -> Void)? = state.withLock { state in
      if let handler = state.responseHandler { return handler }
      if state.responses.count >= Self.responseLimit { state.responses.removeFirst() }
      state.responses.append(response)
      return nil
    }
    handler?(response)
  }
}
