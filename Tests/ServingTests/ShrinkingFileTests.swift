import HostSystem
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite("Files that others make shorter", .serialized)
struct ShrinkingFileTests {
  @Test("a file cut under its mapping reads as zeros, and splits the mapping into a few parts only")
  func parts() throws {
    let pageCount = 512
    let file = try Calls.makeMemoryFile(pageCount * 4096)
    defer { try? Calls.close(file) }
    let memory = try AnonymousMemory(mapping: file, byteCount: pageCount * 4096)
    #expect(ShrinkingMemory.guardAgainst(memory, pageSize: 4096))
    defer { ShrinkingMemory.forget(memory) }
    for page in 0..<pageCount { memory.store(UInt64(page + 1), at: page * 4096) }
    #expect(ftruncate(file, 16 * 4096) == 0)
    for page in stride(from: 17, to: pageCount, by: 2) {
      #expect(memory.load(UInt64.self, at: page * 4096) == 0)
    }
    for page in 0..<16 { #expect(memory.load(UInt64.self, at: page * 4096) == UInt64(page + 1)) }
    #expect(try Self.parts(of: [memory]) <= 12)
  }

  /// How many mappings of this process begin in some memory.
  private static func parts(of all: [AnonymousMemory]) throws -> Int {
    let text = String(
      decoding: try ByteStream.bytes(of: "/proc/self/maps", limit: 64 << 20), as: UTF8.self)
    let starts = text.split(separator: "\n").compactMap { line in
      UInt64(line.prefix { $0 != "-" }, radix: 16)
    }
    let ranges = all.map { $0.address..<$0.address + UInt64($0.byteCount) }
      .sorted { $0.lowerBound < $1.lowerBound }
    var (count, next) = (0, 0)
    for start in starts.sorted() {
      while next < ranges.count, ranges[next].upperBound <= start { next += 1 }
      if next < ranges.count, ranges[next].contains(start) { count += 1 }
    }
    return count
  }

  @Test("many files cut under many mappings leave a process most of the mappings that it may have")
  func manyParts() throws {
    let (rangeCount, pageCount) = (2048, 16)
    let file = try Calls.makeMemoryFile(pageCount * 4096)
    defer { try? Calls.close(file) }
    let all = try (0..<rangeCount).map { _ in
      let memory = try AnonymousMemory(mapping: file, byteCount: pageCount * 4096)
      #expect(ShrinkingMemory.guardAgainst(memory, pageSize: 4096))
      return memory
    }
    defer { for memory in all { ShrinkingMemory.forget(memory) } }
    #expect(ftruncate(file, 0) == 0)
    for memory in all {
      for page in [14, 12, 10, 8] { #expect(memory.load(UInt64.self, at: page * 4096) == 0) }
    }
    // 65,530 are the usual limit of a whole process, which many clients may bring to this.
    #expect(try Self.parts(of: all) <= rangeCount + 2 * 4096)
  }

  @Test("a file of fixed size keeps it, whoever has it")
  func fixed() throws {
    let file = try Calls.makeMemoryFile(8192, isFixed: true)
    defer { try? Calls.close(file) }
    for size in [0, 4096, 8191, 8193, 1 << 40] { #expect(ftruncate(file, off_t(size)) == -1) }
    #expect(try Calls.facts(of: file).byteCount == 8192)
  }
}
