import Serving
import Testing

@testable import Commands

#if os(Linux)
  @Suite("The status of a server, read back")
  struct ServeStatusTests {
    @Test("what a server tells as JSON is what its user's program reads")
    func roundTrip() throws {
      var status = ServeStatus(
        seconds: 7,
        devices: [
          .init(
            function: .init(
              name: "dsa0", place: "00:08.0", socket: "/s\"\\", client: "QEMU",
              mappingCount: 2, mappedByteCount: .max, controls: ["PASID"], interruptCount: 9),
            kind: "dsa", pasidCount: 2, firstPASIDs: [1, 77], dmaReadCount: 1, dmaWriteCount: 2,
            dmaByteCount: 3, faultCount: 4, lastFault: "f", pageRequestCount: 5,
            waitingPageRequestCount: 6,
            problems: ["one"]),
          .init(function: .init(name: "n", place: "", socket: ""), kind: "nic"),
        ],
        unit: .init(
          function: .init(name: "iommu", place: "00:05.0", socket: "/u"), registerBase: 1 << 63,
          isHidden: true, status: .max, rootTable: 2, queueAddress: 3, queueHead: 4, queueTail: 5,
          faultStatus: 6, eventCount: 7, cacheHitCount: 8, cacheMissCount: 9))
      #expect(try ServeStatusView.status(status.json, from: "") == status)
      status.unit = nil
      #expect(try ServeStatusView.status(status.json, from: "") == status)
    }

    @Test("anything else is refused in words")
    func strange() {
      #expect(throws: ServeStatusError.self) {
        try ServeStatusView.status(Array("{}".utf8), from: "/run/p")
      }
    }
  }
#endif
