import Hardware
package import IOMMU
import SoftHost
import Synchronization

/// Tells the log what devices do: requests to memory, page requests, interrupts, and cached
/// translations that the tables no longer hold.
package final class DeviceTrace: Sendable {
  private let log: RequestLog
  private let now: @Sendable () -> UInt64
  /// How many stale hits of each unit were told.
  private let told: Mutex<[Int]>
  private let units: [TranslationUnit]

  /// Makes a trace.
  ///
  /// - Parameters:
  ///   - log: The log.
  ///   - units: The host's units; those that are strict note stale hits.
  ///   - now: Nanoseconds since the program's start.
  package init(
    _ log: RequestLog, units: [TranslationUnit], now: @escaping @Sendable () -> UInt64
  ) {
    self.log = log
    self.units = units
    self.now = now
    told = Mutex(Array(repeating: 0, count: units.count))
  }

  /// A request to memory ended.
  func note(
    _ result: DMAResult, _ byteCount: Int, at address: IOVA, _ pasid: PASID?, isWrite: Bool,
    by endpoint: Endpoint
  ) {
    var dma = TracedDMA(
      device: endpoint.deviceIndex, pasid: pasid?.rawValue, address: address.rawValue,
      byteCount: byteCount, isWrite: isWrite)
    switch result {
    case .done: break
    case .fault(let fault, let done): dma.fault = Self.words(fault, done)
    case .blocked: dma.fault = "nothing is attached, no bus master, or in reset"
    case .unreachable(let done): dma.fault = "memory that nobody answers for after \(done) bytes"
    }
    log.record(.dma(dma), at: now())
    noteStaleHits(by: endpoint)
  }

  /// A page was asked for.
  func note(_ request: EndpointPageRequest, from endpoint: Endpoint, wasTaken: Bool) {
    let names: [(DMAAccess, String)] = [
      (.read, "read"), (.write, "write"), (.execute, "exec"), (.privileged, "priv"),
    ]
    log.record(
      .pageRequest(
        TracedPageRequest(
          device: endpoint.deviceIndex, pasid: request.pasid?.rawValue,
          address: request.address.rawValue,
          access: names.filter { request.access.contains($0.0) }.map(\.1).joined(separator: "|"),
          group: UInt32(request.group), wasTaken: wasTaken)), at: now())
  }

  /// An answer to page requests arrived.
  func note(_ response: EndpointPageResponse, to endpoint: Endpoint) {
    log.record(
      .pageResponse(
        device: endpoint.deviceIndex, pasid: response.pasid?.rawValue,
        group: UInt32(response.group), succeeded: response.code == .success), at: now())
  }

  /// An interrupt reached somebody.
  func noteInterrupt(_ vector: Int, of endpoint: Endpoint) {
    log.record(.interrupt(device: endpoint.deviceIndex, vector: vector), at: now())
  }

  /// Tells of stale hits since the last time; whose request finds them first names the device.
  private func noteStaleHits(by endpoint: Endpoint) {
    guard let index = units.firstIndex(where: { $0 === endpoint.unit }) else { return }
    let unit = endpoint.unit
    let count = unit.staleHitCount
    let before = told.withLock { told in
      defer { told[index] = max(told[index], count) }
      return told[index]
    }
    guard count > before else { return }
    // The unit keeps the first 256; more of the same tell nothing new.
    for hit in unit.staleHits.dropFirst(before).prefix(count - before) {
      log.record(
        .stale(
          device: endpoint.deviceIndex, pasid: hit.pasid?.rawValue, address: hit.iova.rawValue),
        at: now())
    }
  }

  private static func words(_ fault: TranslationFault, _ done: Int) -> String {
    let stage =
      switch fault.stage {
      case .configuration: "not configured"
      case .first: "the guest's table"
      case .second: "the host's table"
      }
    let reason =
      switch fault.reason {
      case .vtd(let reason): "VT-d reason \(reason.rawValue.hex)"
      case .smmu(let event, _): "SMMU event \(event.rawValue.hex)"
      }
    let place = done > 0 ? " at \(fault.address.rawValue.hex)" : ""
    return "\(stage)\(place), \(reason)"
  }
}
