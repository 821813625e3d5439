public import Hardware
import IOMMU

/// What a unit completes a translation request with.
public enum VTdTranslationCompletion: Hashable, Sendable {
  /// Success: where the address leads, or `nil` for neither reading nor writing.
  case success(VTdDeviceTranslation?)
  /// Unsupported Request: the device may not ask.
  case unsupportedRequest
  /// Completer Abort: the guest's tables are wrong.
  case completerAbort
}

/// A translation that a device may keep until it is told to forget it.
public struct VTdDeviceTranslation: Hashable, Sendable {
  /// The guest physical address of the byte that was asked for.
  public var address: GuestPhysicalAddress
  /// What is allowed; privilege as it was asked for.
  public var permissions: DMAAccess
  /// The size of the page as a power of two, 12 or more: the fields S and address of the completion.
  public var pageShift: UInt8
  /// U: requests to this address have to be untranslated ones.
  public var isUntranslatedOnly: Bool

  /// Describes a translation.
  ///
  /// - Parameters:
  ///   - address: The guest physical address of the byte that was asked for.
  ///   - permissions: What is allowed.
  ///   - pageShift: The size of the page as a power of two.
  ///   - isUntranslatedOnly: Whether requests to this address have to be untranslated ones.
  public init(
    address: GuestPhysicalAddress, permissions: DMAAccess, pageShift: UInt8,
    isUntranslatedOnly: Bool = false
  ) {
    self.address = address
    self.permissions = permissions
    self.pageShift = pageShift
    self.isUntranslatedOnly = isUntranslatedOnly
  }
}

extension VTdEndpoint {
  /// Answers a translation request (ATS).
  ///
  /// Where nothing is present or allowed the answer is success without rights, and no fault: the
  /// device then asks for the page. VT-d §4.2.
  ///
  /// - Parameters:
  ///   - iova: The address.
  ///   - access: What the device wants to know of: execution and privilege need a PASID.
  ///   - pasid: The PASID of the request.
  ///   - forgoesWriting: The request's NW flag, which keeps dirty bits as they are.
  /// - Returns: The completion.
  public func translationRequest(
    _ iova: IOVA, _ access: DMAAccess = [.read, .write], _ pasid: PASID? = nil,
    forgoesWriting: Bool = false
  ) -> VTdTranslationCompletion {
    // Requests of messages are never translated.
    if pasid == nil, iova.rawValue >> 20 == 0xFEE {
      return .success(
        VTdDeviceTranslation(
          address: GuestPhysicalAddress(iova.rawValue), permissions: .write, pageShift: 12,
          isUntranslatedOnly: true))
    }
    // The tables that are read must not go away meanwhile.
    let (completion, fault) = translator.memory.unit.withDMA { _ in
      complete(iova, access, pasid, forgoesWriting)
    }
    if let fault { events.record(fault) }
    return completion
  }

  private func complete(
    _ iova: IOVA, _ access: DMAAccess, _ pasid: PASID?, _ forgoesWriting: Bool
  ) -> (VTdTranslationCompletion, VTdFault?) {
    func fault(_ reason: VTdFaultReason, _ isQuiet: Bool) -> VTdFault? {
      guard !isQuiet, reason != .none else { return nil }
      return VTdFault(
        reason, source: requester.sourceID, request: .translation, address: iova, pasid: pasid,
        access: access)
    }
    if let refusal = source.refusesDeviceTLB() {
      return (.unsupportedRequest, fault(refusal.reason, refusal.isSuppressed))
    }
    let route: VTdRoute
    switch source.route(pasid) {
    case nil: return (.unsupportedRequest, nil)
    case .failure(let refusal):
      return (.unsupportedRequest, fault(refusal.reason, refusal.isSuppressed))
    case .success(let found): route = found
    }
    guard let table = route.table else { return (.unsupportedRequest, nil) }
    var mode = pasid == nil ? [] : access.intersection([.execute, .privileged])
    if pasid == nil, route.rules.contains(.isRIDPrivileged) { mode = .privileged }
    for wanted in Self.attempts(mode, isReadOnly: forgoesWriting) {
      switch table.physical(iova, wanted) {
      case .success(let found):
        return (
          .success(
            VTdDeviceTranslation(
              address: found.address,
              permissions: found.permissions.subtracting(forgoesWriting ? .write : [])
                .subtracting(mode.contains(.execute) ? [] : .execute)
                .union(mode.intersection(.privileged)),
              pageShift: found.pageShift, isUntranslatedOnly: false)), nil
        )
      case .fault(let refusal):
        guard case .vtd(let reason) = refusal.reason else { continue }
        if refusal.isCurable || reason == .executeNotEnabled { continue }
        let isQuiet = route.rules.contains(.disablesFaults) && reason.isQualified
        let isRequest = refusal.stage == .configuration
        return (
          isRequest ? .unsupportedRequest : .completerAbort, fault(reason, isQuiet)
        )
      }
    }
    return (.success(nil), nil)
  }

  /// What is tried, widest first: tables may allow one without the other.
  private static func attempts(_ mode: DMAAccess, isReadOnly: Bool) -> [DMAAccess] {
    let plain = mode.subtracting(.execute)
    var all: [DMAAccess] = []
    if mode.contains(.execute) {
      if !isReadOnly { all.append([.read, .write, mode]) }
      all.append([.read, mode])
    }
    if !isReadOnly { all.append([.read, .write, plain]) }
    all.append([.read, plain])
    if !isReadOnly { all.append([.write, plain]) }
    return all
  }

  /// Runs a transaction of translated requests: their addresses are the guest's physical ones.
  ///
  /// Any memory of the guest can be reached by them, as far as the context entry lets the device make
  /// such requests; the interrupt range cannot.
  ///
  /// - Parameter body: Does the DMA; short, and without waiting for anything.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws.
  public func withTranslatedRequests<Result, Failure: Error>(
    _ body: (inout VTdRequests) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try run(VTdRequests(translated: source, translator.memory), body)
  }

  /// Asks for a page (PRI), which also forgets what is cached for it.
  ///
  /// - Parameter request: The request.
  /// - Returns: Whether the guest will answer; the unit answered itself otherwise.
  public func requestPage(_ request: GuestPageRequest) -> Bool {
    if case .success(let route) = source.route(request.pasid), let domain = route.domain {
      let iotlb = translator.memory.unit.iotlb
      if route.context.pasid == nil {
        iotlb.invalidate(tag: VTdTag.second(domain), from: request.address, pageCount: 1)
      } else if let pasid = route.pasid {
        iotlb.invalidate(
          tag: VTdTag.first(domain), process: pasid, from: request.address, pageCount: 1)
      }
    }
    return events.report(request, from: requester)
  }
}
