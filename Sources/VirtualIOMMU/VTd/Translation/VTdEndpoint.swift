public import Hardware

/// Where faults and page requests of emulated devices go: the unit.
public protocol VTdRequestEvents: AnyObject, Sendable {
  /// Records a fault.
  ///
  /// - Parameter fault: The fault; one that FPD suppresses is not told.
  func record(_ fault: VTdFault)

  /// Queues a page request, or answers it.
  ///
  /// - Parameters:
  ///   - request: The request.
  ///   - requester: Whose.
  /// - Returns: Whether the guest will answer; the unit answered itself otherwise.
  func report(_ request: GuestPageRequest, from requester: RequesterID) -> Bool
}

/// A requester behind the unit, as the model of a device uses it.
///
/// Any thread may call it, but none that is inside the unit: faults are recorded there.
public struct VTdEndpoint: Sendable {
  /// Who it is.
  public var requester: RequesterID { source.requester }
  let source: VTdSource
  let translator: VTdTranslator
  let events: any VTdRequestEvents

  /// Puts a requester behind a unit.
  ///
  /// - Parameters:
  ///   - requester: Who it is.
  ///   - translator: The unit's own translation.
  ///   - events: Where faults and page requests go.
  public init(
    _ requester: RequesterID, translator: VTdTranslator, events: any VTdRequestEvents
  ) {
    source = translator.source(requester)
    self.translator = translator
    self.events = events
  }

  /// Runs a transaction: what it translates stays in place until `body` returns.
  ///
  /// - Parameters:
  ///   - pasid: The PASID of all its requests, or `nil`.
  ///   - reportsFaults: Whether what is refused is recorded; a device that has asked for a
  ///     translation (ATS) is refused there, and records nothing.
  ///   - body: Does the DMA; short, and without waiting for anything.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws.
  public func withRequests<Result, Failure: Error>(
    _ pasid: PASID? = nil, reportsFaults: Bool = true,
    _ body: (inout VTdRequests) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try run(VTdRequests(source, pasid, translator.memory), reportsFaults: reportsFaults, body)
  }

  func run<Result, Failure: Error>(
    _ requests: consuming VTdRequests, reportsFaults: Bool = true,
    _ body: (inout VTdRequests) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let result: Result
    do throws(Failure) {
      result = try body(&requests)
    } catch {
      // Whoever gives up half way has faulted all the same.
      let faults = requests.end()
      if reportsFaults { report(faults) }
      throw error
    }
    let faults = requests.end()
    if reportsFaults { report(faults) }
    return result
  }

  /// Reads memory as a device does, in a transaction of its own.
  ///
  /// - Parameters:
  ///   - iova: Where the first byte is.
  ///   - buffer: What is filled, from the start; large ones make the transaction long.
  ///   - pasid: The PASID of the requests.
  /// - Returns: How far it came.
  public func read(
    from iova: IOVA, into buffer: inout MutableSpan<UInt8>, _ pasid: PASID? = nil
  ) -> VTdOutcome {
    var requests = VTdRequests(source, pasid, translator.memory)
    let outcome = requests.read(from: iova, into: &buffer)
    report(requests.end())
    return outcome
  }

  /// Writes memory as a device does, in a transaction of its own.
  ///
  /// - Parameters:
  ///   - iova: Where the first byte goes.
  ///   - buffer: The bytes; many make the transaction long.
  ///   - pasid: The PASID of the requests.
  /// - Returns: How far it came.
  public func write(
    to iova: IOVA, from buffer: Span<UInt8>, _ pasid: PASID? = nil
  ) -> VTdOutcome {
    var requests = VTdRequests(source, pasid, translator.memory)
    let outcome = requests.write(to: iova, from: buffer)
    report(requests.end())
    return outcome
  }

  private func report(_ faults: [VTdFault]) {
    for fault in faults { events.record(fault) }
  }
}
