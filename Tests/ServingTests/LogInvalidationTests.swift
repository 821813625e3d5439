import Hardware
import LogText
import Testing
import VirtualIOMMU

@testable import Serving

@Suite("What a guest invalidates, in the log")
struct LogInvalidationTests {
  private static func words(_ batch: VTdInvalidationBatch) -> String {
    ServeEvent.invalidated(batch).words(nil).text
  }

  private static func pages(
    _ address: UInt64, _ count: UInt64, pasid: UInt32 = 5, isLeafOnly: Bool = false
  ) -> VTdInvalidationBatch.Entry? {
    let range = FirstStageInvalidation(address: address, pageCount: count, isLeafOnly: isLeafOnly)
    return PASID(rawValue: pasid).map { .unit(.pasidPages(range, $0, domain: 3)) }
  }

  private static func batch(
    _ entries: [VTdInvalidationBatch.Entry?], waits: Int = 0
  ) -> VTdInvalidationBatch {
    var batch = VTdInvalidationBatch()
    for case let entry? in entries { batch.append(entry) }
    for _ in 0..<waits { batch.appendWait() }
    return batch
  }

  @Test(
    "each kind names whose entries go, and which",
    arguments: [
      (.unit(.allContexts), "all context entries"),
      (.unit(.contexts(domain: 2)), "context entries of domain 2"),
      (.unit(.context(source: 0x40, mask: 0, domain: 2)), "context entry of 00:08.0 domain 2"),
      (
        .unit(.context(source: 0x40, mask: 7, domain: 2)),
        "context entry of 00:08.0 mask 7 domain 2"
      ),
      (.unit(.allPASIDs), "all PASID entries"),
      (.unit(.pasids(domain: 2)), "PASID entries of domain 2"),
      (.unit(.pasid(PASID(rawValue: 9)!, domain: 2)), "entry of PASID 9 domain 2"),
      (.unit(.allTranslations), "all domains: all pages"),
      (.unit(.translations(domain: 2)), "domain 2: all pages"),
      (
        .unit(
          .pages(FirstStageInvalidation(address: 0x4000, pageCount: 4, isLeafOnly: true), domain: 2)
        ),
        "domain 2: 4 pages at 0x4000, leaves only"
      ),
      (.unit(.allInterrupts), "all interrupt entries"),
      (.unit(.interrupts(index: 8, maskBits: 2)), "interrupt entry 8 mask 2 bits"),
      (
        .deviceTLB(.everything, PASID(rawValue: 9), isGlobal: false, source: 0x41),
        "device TLB of 00:08.1 PASID 9: all pages"
      ),
      (
        .deviceTLB(.everything, PASID(rawValue: 9), isGlobal: true, source: 0x41),
        "device TLB of 00:08.1 all PASIDs: all pages"
      ),
    ] as [(VTdInvalidationBatch.Entry, String)])
  func kinds(entry: VTdInvalidationBatch.Entry, text: String) {
    #expect(Self.words(Self.batch([entry])) == text)
  }

  @Test("a wide burst is summed up, and kept in bounds")
  func burst() {
    let batch = Self.batch((0..<1000).map { Self.pages($0 << 12, 1) }, waits: 1)
    #expect(batch.first.count == VTdInvalidationBatch.capacity && batch.count == 1000)
    #expect(
      Self.words(batch)
        == "PASID 5 domain 3: 1 page at 0x0; PASID 5 domain 3: 1 page at 0x1000; "
        + "PASID 5 domain 3: 1 page at 0x2000; 997 more, 1,000 pages in all; wait")
    // Counts that no sum can hold are as many as can be told.
    let most = Self.batch(
      (0..<3).map { _ in Self.pages(0, .max - 1) })
    #expect(most.pageCount == .max)
  }

  @Test("a driver's pages of one PASID are one line with a count")
  func folding() throws {
    let written = WrittenLog()
    let log = ServeLog(format: .text(LogStyle())) { written.append($0) }
    log.learn(try LogTextTests.functions)
    for round in 0..<10 as Range<UInt64> {
      log.note(
        .access(region: 0, offset: 0x88, byteCount: 8, value: 64 * round, isWrite: true),
        of: "iommu")
      log.note(.invalidated(Self.batch([Self.pages(round << 12, 1)], waits: 1)), of: "iommu")
    }
    log.note(.invalidated(Self.batch([Self.pages(0, 1, pasid: 6)])), of: "iommu")
    #expect(log.finish() == nil)
    let indent = String(repeating: " ", count: 24)
    #expect(
      written.lines.dropFirst(2).prefix(4).map { String($0.dropFirst(13)) } == [
        "iommu     BAR0 write    0x88, IQT ← 0x0000000000000000",
        "iommu     invalidate    PASID 5 domain 3: 1 page at 0x0; wait",
        indent + "… 18 more like the last 2 at 0x88, 9 invalidations",
        "iommu     invalidate    PASID 6 domain 3: 1 page at 0x0",
      ])
    #expect(written.lines.last == "  iommu  0 reads, 10 writes; 11 invalidations")
  }

  @Test("JSON has the same in keys")
  func json() {
    let batch = Self.batch(
      [
        Self.pages(0x7000, 2, isLeafOnly: true),
        .deviceTLB(.everything, PASID(rawValue: 5), isGlobal: false, source: 0x40),
      ], waits: 1)
    let line = ServeEvent.invalidated(batch).jsonLine(of: "iommu", nil, at: 7)
    #expect(
      String(decoding: line, as: UTF8.self)
        == #"{"type":"invalidation","time_ns":7,"device":"iommu","count":2,"pages":2,"waits":1,"#
        + #""first":[{"what":"pasid_pages","pasid":5,"domain":3,"address":"0x7000","pages":2,"#
        + #""leaves_only":true},"#
        + #"{"what":"device_tlb","source":"00:08.0","pasid":5,"is_global":false}]}"# + "\n")
  }

  @Test("what the guest's queue told is told once, as it was carried out")
  func queue() throws {
    let guest = try ServedGuest()
    try guest.turnOn()
    func told() -> [VTdInvalidationBatch] {
      guest.trace.all.compactMap { if case .invalidated(let batch) = $0.1 { batch } else { nil } }
    }
    #expect(told().isEmpty)
    // One page of PASID 5 in domain 1 (VT-d §6.5.2.4), then a wait that writes nothing.
    try guest.put(6 | 3 << 4 | 1 << 16 | 5 << 32, 0x9000)
    try guest.put(5)
    #expect(
      told() == [
        Self.batch([
          .unit(
            .pasidPages(
              FirstStageInvalidation(address: 0x9000, pageCount: 1, isLeafOnly: false),
              PASID(rawValue: 5)!, domain: 1))
        ])
      ])
    // A descriptor that is none asked for nothing.
    try guest.put(0xE)
    #expect(told().count == 1)
  }
}
