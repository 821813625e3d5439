import Testing

@testable import VFIOUser

@Suite("Messages are the bytes of the specification")
struct CodecTests {
  @Test(
    "a header is sixteen bytes, each at its place",
    arguments: [
      ("0100 0900 20000000 00000000 00000000", 1, 9, 32, 0, 0),
      ("ffff 0c00 10000000 10000000 00000000", 0xffff, 12, 16, 0x10, 0),
      ("0700 0200 10000000 21000000 11000000", 7, 2, 16, 0x21, 17),
      (
        "3412 7856 efbeadde 78563412 f0debc9a", 0x1234, 0x5678, 0xdead_beef, 0x1234_5678,
        0x9abc_def0
      ),
    ] as [(String, UInt16, UInt16, UInt32, UInt32, UInt32)])
  func header(
    text: String, id: UInt16, command: UInt16, size: UInt32, flags: UInt32, error: UInt32
  ) {
    let bytes = hex(text)
    guard let header = UserHeader(bytes.span) else {
      Issue.record("no header")
      return
    }
    #expect(header.id == id && header.command.rawValue == command)
    #expect(header.byteCount == size && header.flags == flags && header.error == error)
    var written = [UInt8](repeating: 0xEE, count: 16)
    var span = written.mutableSpan
    header.write(into: &span)
    #expect(written == bytes)
    for count in 0..<16 {
      let short = UserHeader(bytes.span.extracting(0..<count))
      #expect(short == nil)
    }
  }

  @Test("flags say what kind of message it is")
  func flags() {
    func header(_ flags: UInt32) -> UserHeader {
      UserHeader(id: 0, command: .reset, byteCount: 16, flags: flags)
    }
    #expect(header(0).isCommand && !header(0).isReply)
    #expect(header(1).isReply && !header(1).isCommand)
    #expect(header(0x10).wantsNoReply && header(0x10).isCommand)
    #expect(header(0x21).hasError && header(0x21).isReply)
    #expect(!header(2).isReply && !header(2).isCommand && !header(0xF).isReply)
  }

  @Test("commands have the numbers and names of the specification")
  func commands() {
    let named: [(UserCommand, Int, String)] = [
      (.version, 1, "VERSION"), (.mapDMA, 2, "DMA_MAP"), (.unmapDMA, 3, "DMA_UNMAP"),
      (.deviceInfo, 4, "DEVICE_GET_INFO"), (.regionInfo, 5, "DEVICE_GET_REGION_INFO"),
      (.regionIOFiles, 6, "DEVICE_GET_REGION_IO_FDS"),
      (.interruptInfo, 7, "DEVICE_GET_IRQ_INFO"), (.setInterrupts, 8, "DEVICE_SET_IRQS"),
      (.regionRead, 9, "REGION_READ"), (.regionWrite, 10, "REGION_WRITE"),
      (.readDMA, 11, "DMA_READ"), (.writeDMA, 12, "DMA_WRITE"), (.reset, 13, "DEVICE_RESET"),
      (.dirtyPages, 14, "DIRTY_PAGES"), (.regionWriteMany, 15, "REGION_WRITE_MULTI"),
      (.feature, 16, "DEVICE_FEATURE"), (.readMigrationData, 17, "MIG_DATA_READ"),
      (.writeMigrationData, 18, "MIG_DATA_WRITE"),
    ]
    for (command, number, name) in named {
      #expect(Int(command.rawValue) == number && "\(command)" == name)
    }
    #expect("\(UserCommand(rawValue: 0))" == "command 0")
    #expect("\(UserCommand(rawValue: 99))" == "command 99")
  }

  @Test("what QEMU says of itself is read")
  func qemu() throws {
    let text = """
      {"capabilities": {"migration": {"max_bitmap_size": 268435456, "pgsize": 4096}, \
      "max_msg_fds": 16, "max_data_xfer_size": 1048576, "pgsizes": 4096, \
      "max_dma_maps": 65535, "write_multiple": true}}
      """
    let bytes = Array(text.utf8) + [0]
    let capabilities = try UserCapabilities(bytes.span)
    #expect(capabilities.maximumDescriptors == 16)
    #expect(capabilities.maximumTransfer == 1_048_576)
    #expect(capabilities.pageSizes == 4096)
    #expect(capabilities.maximumMappings == 65_535)
    #expect(capabilities.canWriteMany == true)
    #expect(capabilities.migrationPageSize == 4096)
    #expect(capabilities.maximumBitmap == 268_435_456)
    #expect(capabilities.hasTwinSocket == nil)
  }

  @Test("capabilities are read as they were written")
  func roundTrip() throws {
    var all = UserCapabilities()
    #expect(all.encoded() == Array("{\"capabilities\":{}}".utf8) + [0])
    all.maximumDescriptors = 8
    all.maximumTransfer = 1 << 20
    all.maximumMappings = 7
    all.pageSizes = .max
    all.canWriteMany = false
    all.migrationPageSize = 65_536
    all.maximumBitmap = 99
    all.hasTwinSocket = true
    let bytes = all.encoded()
    let read = try UserCapabilities(bytes.span)
    #expect(read == all)
    let nothing = try UserCapabilities(bytes.span.extracting(0..<0))
    #expect(nothing == UserCapabilities())
  }

  @Test(
    "wrong version data is refused",
    arguments: [
      "", "{", "{}x", "[]", "1", "{\"capabilities\":3}", "{\"capabilities\":{\"pgsizes\":\"a\"}}",
      "{\"capabilities\":{\"max_msg_fds\":-1}}", "{\"capabilities\":{\"max_msg_fds\":1.5}}",
      "{\"capabilities\":{\"max_msg_fds\":1e3}}", "{\"capabilities\":{\"max_msg_fds\":01}}",
      "{\"capabilities\":{\"max_msg_fds\":18446744073709551616}}",
      "{\"capabilities\":{\"write_multiple\":1}}", "{\"capabilities\":{\"migration\":[]}}",
      "{\"a\":1,\"a\":2}", "{\"a\":\"\\x\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\u{1}\"}",
      "{\"a\":tru}", "{\"a\" 1}", "{\"a\":1,}", "[1,]", "{'a':1}", "{\"a\":.5}", "{\"a\":1.}",
      "{\"a\":1e}", "{\"a\":[[[[[[[[1]]]]]]]]}", "{\"a\":\"unended",
    ])
  func refused(text: String) {
    for end in [0, UInt8(ascii: " ")] {
      #expect(throws: SmallJSON.Problem.self) {
        let bytes = Array(text.utf8) + [end]
        _ = try UserCapabilities(bytes.span)
      }
    }
  }

  @Test(
    "JSON that is right is read",
    arguments: [
      (
        " { \"a\" : [ 1 , true , null , \"\\u00e9\\n\\ud83d\\ude00\" ] } ",
        .object(["a": .list([.number(1), .truth(true), .null, .text("é\n😀")])])
      ),
      ("-1", .otherNumber), ("0", .number(0)), ("18446744073709551615", .number(.max)),
      ("1.5e-3", .otherNumber), ("\"\"", .text("")), ("false", .truth(false)), ("{}", .object([:])),
    ] as [(String, SmallJSON)])
  func json(text: String, value: SmallJSON) throws {
    let bytes = Array(text.utf8)
    let read = try SmallJSON.read(bytes.span)
    #expect(read == value)
  }

  @Test("long version data is refused")
  func long() {
    let text = [UInt8](repeating: UInt8(ascii: " "), count: SmallJSON.sizeLimit + 1)
    #expect(throws: SmallJSON.Problem.size) { _ = try SmallJSON.read(text.span) }
  }
}
