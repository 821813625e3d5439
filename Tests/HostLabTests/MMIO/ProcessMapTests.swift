import Testing

@testable import HostSystem

#if os(Linux)
  @Suite("What a process has mapped is told address by address")
  struct ProcessMapTests {
    @Test("a file's mapping is found from its first to its last address, as the list has it")
    func own() throws {
      let code = Array(" r-xp ".utf8)
      let text = try Calls.contents("/proc/self/maps", limit: 1 << 24)
      var map = try ProcessMap(Calls.ownProcess)
      // Code stays where it is; other mappings, files' too, come and go while tests run.
      let files = text.split(separator: 10).filter { $0.firstRange(of: code) != nil }
        .compactMap { ProcessMap.parse($0) }.filter { $0.file.inode != 0 }
      #expect(files.count > 3)
      for file in files {
        for address in [file.first, file.last, file.first + (file.last - file.first) / 2] {
          #expect(map.mapping(at: address)?.file == file.file)
        }
      }
      #expect(map.mapping(at: 0) == nil && map.mapping(at: .max) == nil)
    }

    @Test("a line of the list is read whole or not at all")
    func lines() {
      func parse(_ text: String) -> MappedFile? { ProcessMap.parse(Array(text.utf8)[...]) }
      #expect(
        parse("7f00-8000 rw-s 200000000000 00:01 4711  /memfd:a b (deleted)")
          == MappedFile(
            file: FileIdentity(major: 0, minor: 1, inode: 4711), first: 0x7f00, last: 0x7fff,
            offset: 0x2000_0000_0000))
      #expect(parse("7f00-8000 rw-s 0 103:0a 7 /x")?.file.device == 0x1_030a)
      for text in ["", "7f00 rw-s 0 0:1 7", "8000-7f00 rw-s 0 00:01 7", "7f00-8000 rw-s 0 1 7"] {
        #expect(parse(text) == nil)
      }
    }
  }
#endif
