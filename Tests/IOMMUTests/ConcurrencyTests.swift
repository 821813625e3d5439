import Hardware
import HostSystem
import IOMMU
import Synchronization
import TestSupport
import Testing

@Suite("Threads that translate while others change")
struct ConcurrencyTests {
  /// Pages are taken away, marked as gone, and given back: nobody may see one that is gone.
  @Test("after a drain nobody uses what was unmapped", arguments: [false, true])
  func unmapping(isNested: Bool) throws {
    let small = try SmallGuest()
    let unit = TranslationUnit(cacheCapacity: 64)
    let context =
      isNested ? small.context(tag: 1) : TranslationContext(.paging(small.guest.stage2), tag: 1)
    for page in 0..<UInt64(SmallGuest.pages) { small.guest[page << 12] = page + 1 }
    let isDone = Atomic(false)
    let wrong = Atomic(0)
    let reads = Atomic(0)
    onThreads(4) { thread in
      var random = SplitMix64(seed: UInt64(thread))
      if thread == 0 {
        for round in 0..<400 {
          let page = Int.random(in: 0..<16, using: &random)
          do {
            try small.guest.unmap(page)
            if round & 1 == 0 {
              unit.iotlb.invalidate(tag: 1)
            } else {
              unit.iotlb.invalidate(tag: 1, from: IOVA(UInt64(page) << 12), pageCount: 1)
            }
            unit.drain()
            small.guest.stage2.reclaim()
            // Now the page is ours alone.
            small.guest[UInt64(page) << 12] = 0
            small.guest[UInt64(page) << 12] = UInt64(page) + 1
            try small.guest.map(page)
          } catch {
            wrong.add(1, ordering: .relaxed)
          }
        }
        isDone.store(true, ordering: .relaxed)
        return
      }
      while !isDone.load(ordering: .relaxed) || reads.load(ordering: .relaxed) < 100 {
        let page = UInt64.random(in: 0..<16, using: &random)
        unit.withDMA { dma in
          switch dma.translate(IOVA(page << 12), .read, for: context) {
          case .success(let found):
            if HostMemory.load(at: found.address) != page + 1 { wrong.add(1, ordering: .relaxed) }
            reads.add(1, ordering: .relaxed)
          case .fault(let fault):
            if fault.stage != .second { wrong.add(1, ordering: .relaxed) }
          }
        }
      }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
    #expect(reads.load(ordering: .relaxed) >= 100)
  }

  @Test("after an invalidation nobody gets what a slow walk saw before")
  func installing() throws {
    let small = try SmallGuest()
    // One set, so that all compete for it.
    let unit = TranslationUnit(cacheCapacity: 8)
    let context = small.context(tag: 1, pasid: 3)
    let isDone = Atomic(false)
    let stale = Atomic(0)
    onThreads(3) { thread in
      if thread == 0 {
        for round in 0..<2000 as Range<UInt64> {
          let target = round % 60
          small.set(5, to: target)
          switch round % 3 {
          case 0: unit.iotlb.invalidate(tag: 1, from: IOVA(0x5000), pageCount: 1)
          case 1: unit.iotlb.invalidate(tag: 1, pasid: PASID(rawValue: 3))
          default: unit.iotlb.invalidate(tag: 1, from: IOVA(0), pageCount: .max)
          }
          let found = unit.translate(0x5000, for: context).translation?.page(in: small.guest)
          if found != target { stale.add(1, ordering: .relaxed) }
        }
        isDone.store(true, ordering: .relaxed)
        return
      }
      while !isDone.load(ordering: .relaxed) {
        for page in [5, 6, 7, 8, 9, 10] as [UInt64] {
          _ = unit.translate(page << 12, for: context)
        }
      }
    }
    #expect(stale.load(ordering: .relaxed) == 0)
  }

  @Test("dirty pages are not lost between threads that write")
  func dirty() throws {
    let guest = try GuestMemory(pages: 64)
    guest.stage2.setDirtyTracking(true)
    let unit = TranslationUnit()
    let context = TranslationContext(.paging(guest.stage2), tag: 1)
    let isDone = Atomic(0)
    let seen = Mutex(Set<UInt64>())
    onThreads(3) { thread in
      if thread == 0 {
        repeat {
          do {
            try guest.stage2.forEachDirtyPage(
              from: IOVA(0), byteCount: 64 << 12, clearing: true
            ) { page in seen.withLock { _ = $0.insert(page.rawValue >> 12) } }
          } catch { Issue.record("\(error)") }
          unit.iotlb.invalidate(tag: 1)
          unit.drain()
        } while isDone.load(ordering: .acquiring) < 2
        return
      }
      for page in 0..<64 as Range<UInt64> where page % 2 == UInt64(thread - 1) {
        _ = unit.translate(page << 12, .read, for: context)
        _ = unit.translate(page << 12, .write, for: context)
      }
      isDone.add(1, ordering: .releasing)
    }
    try guest.stage2.forEachDirtyPage(from: IOVA(0), byteCount: 64 << 12, clearing: true) { page in
      seen.withLock { _ = $0.insert(page.rawValue >> 12) }
    }
    #expect(seen.withLock { $0.count } == 64)
  }

  @Test("entries whose bits several threads set keep all of them")
  func accessedBits() throws {
    for _ in 0..<20 {
      let small = try SmallGuest()
      for page in 0..<16 as Range<UInt64> {
        small.guest[(UInt64(SmallGuest.pages) + 3) << 12 | page << 3] = page << 12 | 7
      }
      let unit = TranslationUnit()
      let context = small.context(tag: 1)
      let refused = Atomic(0)
      onThreads(4) { thread in
        for page in 0..<16 as Range<UInt64> {
          let found = unit.translate(page << 12, thread & 1 == 0 ? .read : .write, for: context)
          if found.fault != nil { refused.add(1, ordering: .relaxed) }
        }
      }
      #expect(refused.load(ordering: .relaxed) == 0)
      for page in 0..<16 as Range<UInt64> {
        #expect(
          small.guest[(UInt64(SmallGuest.pages) + 3) << 12 | page << 3] == page << 12 | 0x67)
      }
    }
  }
}
