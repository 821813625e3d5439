import HostABI
import Hardware
import IOMMUClient
import Testing

@Suite("Dirty pages and invalidation")
struct TableTests {
  let kernel = ScriptedKernel()
  let context: IOMMUContext

  init() throws { context = try IOMMUContext(on: kernel) }

  func device() throws -> BoundDevice {
    try VFIODevice(path: "/dev/vfio/devices/vfio0", on: kernel).bind(to: context)
  }

  @Test("dirty bits are read relative to the start of the range", arguments: [0, 1, 2, 3])
  func dirty(seed: UInt64) throws {
    var numbers = Numbers(state: seed)
    let device = try device()
    let space = try IOAddressSpace(in: context)
    let table = try space.makePageTable(for: device, options: .dirtyTracking)
    // The last size needs more than what is kept for requests.
    for pages in [1, 7, 64, 1000, 600_000] {
      let count = (pages + 63) / 64 * 8
      var bytes = [UInt8](repeating: 0, count: count)
      var expected: Set<Int> = []
      for _ in 0..<min(pages, 100) {
        let page = Int.random(in: 0..<pages, using: &numbers)
        bytes[page / 8] |= 1 << (page & 7)
        expected.insert(page)
      }
      kernel.change { $0.dirtyBytes = bytes }
      let start = IOVA(0x4000_0000)
      let range = start...IOVA(start.rawValue + UInt64(pages) << 12 - 1)
      let dirty = try table.dirtyPages(in: range, clearing: false)
      #expect(dirty.pageCount == pages && dirty.dirtyCount == expected.count)
      var found: Set<Int> = []
      var last: IOVA?
      dirty.forEachRun { run in
        #expect(last.map { $0.rawValue + 1 < run.lowerBound.rawValue } ?? true)
        last = run.upperBound
        for address in stride(from: run.lowerBound.rawValue, to: run.upperBound.rawValue, by: 4096)
        {
          found.insert(Int((address - start.rawValue) >> 12))
          #expect(dirty.contains(IOVA(address + 5)))
        }
      }
      #expect(found == expected)
      #expect(!dirty.contains(IOVA(start.rawValue - 1)))
      let sent = kernel.arguments(GetDirtyBitmapArgument.self)[
        kernel.arguments(GetDirtyBitmapArgument.self).count - 1]
      #expect(sent.flags == 1 && sent.iova == start.rawValue && sent.pageSize == 4096)
      #expect(sent.length == UInt64(pages) << 12 && sent.hwptID == table.id)
    }
  }

  @Test("page sizes and ranges that make no sense are refused")
  func dirtyRefused() throws {
    let device = try device()
    let space = try IOAddressSpace(in: context)
    let table = try space.makePageTable(for: device, options: .dirtyTracking)
    for size: UInt64 in [0, 3, 4097] {
      let error = #expect(throws: IOMMUError.self) {
        try table.dirtyPages(in: IOVA(0)...IOVA(0xFFFF), pageSize: size)
      }
      #expect(error?.cause == .refused(.pageSize(size)))
    }
    let error = #expect(throws: IOMMUError.self) {
      try table.dirtyPages(in: IOVA(0)...IOVA(.max), pageSize: 1)
    }
    #expect(error?.cause == .refused(.range))
  }

  @Test(
    "invalidations of any number arrive whole and in order", arguments: [0, 1, 2730, 2731, 9000])
  func invalidate(count: Int) throws {
    let device = try device()
    let space = try IOAddressSpace(in: context)
    let parent = try space.makePageTable(for: device, options: .nestParent)
    let table = try parent.makeNestedTable(
      for: device, .vtd(VTdFirstStage(tableAddress: GuestPhysicalAddress(0))))
    let ranges = (0..<count).map {
      VTdInvalidationRange(
        address: IOVA(UInt64($0) << 12), pageCount: 3, leavesOnly: $0.isMultiple(of: 2))
    }
    #expect(try table.invalidate(ranges) == count)
    let calls = kernel.calls.filter { $0.argument is InvalidateArgument }
    let expected = (0..<UInt64(count)).flatMap {
      ScriptedKernel.State.bytes($0 << 12, 3, $0.isMultiple(of: 2) ? 1 : 0)
    }
    #expect(Array(calls.map(\.data).joined()) == expected)
    #expect(kernel.arguments(InvalidateArgument.self).allSatisfy { $0.hwptID == table.id })
  }

  @Test("the error of a bad entry says how many were handled", arguments: [0, 2, 2730, 5000])
  func badEntry(entry: Int) throws {
    kernel.change { $0.badEntry = entry }
    let device = try device()
    let space = try IOAddressSpace(in: context)
    let parent = try space.makePageTable(for: device, options: .nestParent)
    let table = try parent.makeNestedTable(
      for: device, .vtd(VTdFirstStage(tableAddress: GuestPhysicalAddress(0))))
    let error = #expect(throws: IOMMUError.self) {
      try table.invalidate(Array(repeating: .everything, count: 6000))
    }
    #expect(error?.handled == entry && error?.errno == .EINVAL)
  }

  @Test("commands of a guest's SMMUv3 go to its virtual IOMMU")
  func commands() throws {
    let device = try device()
    let space = try IOAddressSpace(in: context)
    let parent = try space.makePageTable(for: device, options: .nestParent)
    let viommu = try VirtualIOMMU(.smmuv3, for: device, on: parent)
    try viommu.invalidate([SMMUv3Command(word0: 0x30, word1: 7)])
    let sent = kernel.arguments(InvalidateArgument.self)[0]
    #expect(sent.dataType == 1 && sent.entryLength == 16 && sent.hwptID == viommu.id)
    let queue = try HardwareQueue(
      0, of: viommu, at: GuestPhysicalAddress(0x8000), byteCount: 0x1000)
    let made = kernel.arguments(HWQueueAllocArgument.self)[0]
    #expect(made.type == 1 && made.parentIOVA == 0x8000 && made.viommuID == viommu.id)
    try queue.destroy()
  }
}
