import HostSystem
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

@Suite("Files that others make shorter")
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
    let text = String(
      decoding: try ByteStream.bytes(of: "/proc/self/maps", limit: 64 << 20), as: UTF8.self)
    let range = memory.address..<memory.address + UInt64(memory.byteCount)
    let parts = text.split(separator: "\n").count { line in
      UInt64(line.prefix { $0 != "-" }, radix: 16).map(range.contains) ?? false
    }
    #expect(parts <= 12)
  }

  @Test("a file of fixed size keeps it, whoever has it")
  func fixed() throws {
    let file = try Calls.makeMemoryFile(8192, isFixed: true)
    defer { try? Calls.close(file) }
    for size in [0, 4096, 8191, 8193, 1 << 40] { #expect(ftruncate(file, off_t(size)) == -1) }
    #expect(try Calls.facts(of: file).byteCount == 8192)
  }
}
