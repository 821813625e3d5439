import HostABI
import HostSystem
import Hardware
import IOMMU
import TestSupport
import Testing
import VFIOUser
import VirtualIOMMU

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@testable import Serving

@Suite("Memory of a client is mapped a file at a time")
struct ServedMemoryTests {
  private let memory = ServedMemory()
  private let file: Int32
  private let bytes: AnonymousMemory
  private static let pageCount = 4096

  init() throws {
    file = try Calls.makeMemoryFile(Self.pageCount * 4096)
    bytes = try AnonymousMemory(mapping: file, byteCount: Self.pageCount * 4096)
    for page in 0..<Self.pageCount { bytes.store(UInt64(page) << 8 | 0x77, at: page * 4096) }
  }

  /// As a message brings it: a descriptor of its own.
  private func mapping(
    _ page: UInt64, at address: UInt64, count: UInt64 = 1, isWritable: Bool = true
  ) throws -> UserMapping {
    let other = dup(file)
    try #require(other >= 0)
    return UserMapping(
      range: address...address + count * 4096 - 1, isReadable: true, isWritable: isWritable,
      file: (ReceivedFile(owning: other), page * 4096))
  }

  private func value(_ address: UInt64) -> UInt64? {
    var word = [UInt8](repeating: 0, count: 8)
    var span = word.mutableSpan
    guard memory.memory.read(from: GuestPhysicalAddress(address), into: &span) else { return nil }
    return word.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private func write(_ value: UInt8, to address: UInt64) -> Bool {
    let word = [UInt8](repeating: value, count: 8)
    return memory.memory.write(to: GuestPhysicalAddress(address), from: word.span)
  }

  /// The views that parts have, each once.
  private var views: [FileView] {
    memory.all.compactMap(\.pages?.view).reduce(into: []) { seen, view in
      if !seen.contains(where: { $0 === view }) { seen.append(view) }
    }
  }

  @Test("a mapping of each page takes one view and one descriptor, and reaches its own page")
  func pages() throws {
    defer { try? Calls.close(file) }
    var random = SplitMix64(seed: 7)
    let order = (0..<UInt64(Self.pageCount)).shuffled(using: &random)
    for (index, page) in order.enumerated() {
      try memory.map(mapping(page, at: UInt64(index) << 21))
    }
    #expect(views.count == 1)
    weak let view = views.first
    #expect(memory.all.allSatisfy { $0.file?.file === view?.file })
    for (index, page) in order.enumerated() {
      #expect(value(UInt64(index) << 21) == page << 8 | 0x77)
    }
    #expect(value(0x1000) == nil)
    #expect(try refusal(of: mapping(0, at: 1 << 21)) == .EEXIST)
    for index in stride(from: 0, to: order.count, by: 2) {
      let start = UInt64(index) << 21
      memory.unmap(start...start + 0xFFF)
    }
    for (index, page) in order.enumerated() {
      let expected = index.isMultiple(of: 2) ? nil : page << 8 | 0x77
      #expect(value(UInt64(index) << 21) == expected)
    }
    memory.removeAll()
    #expect(view == nil && memory.all.isEmpty && value(1 << 21) == nil)
  }

  /// With which errno a mapping is refused.
  private func refusal(of mapping: UserMapping) -> LinuxErrno? {
    do throws(UserRefusal) {
      try memory.map(mapping)
      return nil
    } catch { return error.errno }
  }

  @Test("what may only be read is not writable by another mapping's rights")
  func rights() throws {
    defer { try? Calls.close(file) }
    try memory.map(mapping(1, at: 0x1000))
    try memory.map(mapping(1, at: 0x2000, isWritable: false))
    try memory.map(mapping(2, at: 0x3000, isWritable: false))
    #expect(views.count == 2)
    #expect(write(9, to: 0x1000) && !write(8, to: 0x2000) && !write(8, to: 0x3000))
    #expect(value(0x2000) == 0x0909_0909_0909_0909)
  }

  @Test("a file that grows is mapped anew, and what was mapped before stays")
  func growing() throws {
    defer { try? Calls.close(file) }
    let end = UInt64(Self.pageCount)
    try memory.map(mapping(3, at: 0x3000))
    #expect(try refusal(of: mapping(end, at: 0x4000)) == .EINVAL)
    #expect(ftruncate(file, off_t(end + 1) * 4096) == 0)
    try memory.map(mapping(end, at: 0x4000))
    try memory.map(mapping(4, at: 0x5000))
    #expect(views.count == 2)
    #expect(value(0x3000) == 0x377 && value(0x4000) == 0 && value(0x5000) == 0x477)
  }

  @Test("a file that was short for a while is whole for what is mapped afterwards")
  func shrinking() throws {
    defer { try? Calls.close(file) }
    try memory.map(mapping(5, at: 0x5000))
    #expect(ftruncate(file, 0) == 0)
    #expect(value(0x5000) == 0)
    #expect(ftruncate(file, off_t(Self.pageCount) * 4096) == 0)
    bytes.store(0x99 as UInt64, at: 5 * 4096)
    try memory.map(mapping(5, at: 0x6000))
    #expect(value(0x6000) == 0x99)
    #expect(value(0x5000) == 0, "what was missing is lost to who had it")
  }

  @Test("a file that ends inside a page is mapped with all of its last page")
  func oddEnd() throws {
    defer { try? Calls.close(file) }
    try #require(ftruncate(file, off_t(Self.pageCount) * 4096 + 904) == 0)
    try memory.map(mapping(6, at: 0x6000))
    #expect(views.map(\.bytes) == [0..<UInt64(Self.pageCount + 1) * 4096])
    try memory.map(mapping(7, at: 0x7000))
    #expect(views.count == 1 && value(0x7000) == 0x777)
    #expect(try refusal(of: mapping(UInt64(Self.pageCount), at: 0x8000)) == .EINVAL)
  }

  @Test("parts of a file that is too large for all of it have views, up to a number")
  func large() throws {
    defer { try? Calls.close(file) }
    try #require(ftruncate(file, 1 << 41) == 0)
    let limit = UInt64(ServedMemory.fileLimit)
    for page in 0..<limit { try memory.map(mapping(page, at: page << 12)) }
    #expect(views.count == ServedMemory.fileLimit)
    #expect(try refusal(of: mapping(limit, at: limit << 12)) == .ENOSPC)
    #expect(value((limit - 1) << 12) == (limit - 1) << 8 | 0x77)
    memory.unmap(0...0xFFF)
    try memory.map(mapping(limit, at: limit << 12))
    #expect(value(limit << 12) == limit << 8 | 0x77)
    memory.removeAll()
    // More than a TiB is not mapped, and what does not exist neither.
    let tooLarge = (UInt64(1) << 28) + 1
    #expect(try refusal(of: mapping(0, at: 0, count: tooLarge)) == .ENOSPC)
    var last = try mapping(0, at: 0)
    last.file?.offset = .max - 0xFFF
    #expect(refusal(of: last) == .EINVAL)
    try memory.map(mapping(0, at: 0))
  }

  @Test("a large guest takes no large table, and nothing of it stays")
  func largeGuest() throws {
    defer { try? Calls.close(file) }
    let size: UInt64 = 64 << 30
    try #require(ftruncate(file, off_t(size)) == 0)
    let table = memory.memory.table
    let before = table.tableBlocks
    // Aligned to nothing but pages.
    let start: UInt64 = 0x1_0000_3000
    try memory.map(mapping(0, at: start, count: size >> 12))
    #expect(table.mappedPages == Int(size >> 12))
    #expect(table.tableBlocks < before + 16)
    for page in [0, 1, 511, 512, UInt64(Self.pageCount) - 1] {
      #expect(value(start + page << 12) == page << 8 | 0x77)
    }
    #expect(value(start + size - 8) == 0)
    #expect(value(start - 8) == nil && value(start + size) == nil)
    #expect(try refusal(of: mapping(0, at: start + size / 2)) == .EEXIST)
    memory.removeAll()
    #expect(table.tableBlocks == 1 && table.mappedPages == 0 && value(start) == nil)
  }
}
