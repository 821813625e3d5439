import HostABI
import PCIe
import Testing

@testable import SoftHost

@Suite("VFIO: SET_IRQS and what fires")
struct VFIOInterruptTests {
  /// A request, and how it fails on a network function with nothing enabled.
  typealias Case = (
    name: String, index: UInt32, flags: UInt32, start: UInt32, count: UInt32, size: UInt32?,
    errno: LinuxErrno
  )

  /// In the order of the kernel's checks; each but the last few passes those before.
  private static let cases: [Case] = [
    ("argsz 19", 2, 0x21, 0, 1, 19, .EINVAL),
    ("index 5", 5, 0x21, 0, 1, 20, .EINVAL),
    ("start + count past 32 bits", 2, 0x21, 1, .max, 20, .EINVAL),
    ("start + count at the last number", 2, 0x21, 0, .max, 20, .EINVAL),
    ("an unknown flag", 2, 0x61, 0, 1, 20, .EINVAL),
    ("start at the number of vectors", 2, 0x21, 3, 0, 20, .EINVAL),
    ("one vector too many", 2, 0x21, 1, 3, 20, .EINVAL),
    ("no data flag", 2, 0x20, 0, 1, 20, .EINVAL),
    ("145: two data flags", 2, 0x23, 0, 1, 99, .EINVAL),
    ("145: two data flags and two actions", 2, 0x35, 0, 1, 99, .EINVAL),
    ("bools that do not fit", 2, 0x22, 0, 2, 21, .EINVAL),
    ("descriptors that do not fit", 2, 0x24, 0, 2, 27, .EINVAL),
    ("145: two actions", 2, 0x31, 0, 1, 20, .ENOTTY),
    ("no action", 2, 0x01, 0, 1, 20, .ENOTTY),
    ("mask MSI", 1, 0x09, 0, 1, 20, .ENOTTY),
    ("unmask MSI-X", 2, 0x11, 0, 1, 20, .ENOTTY),
    ("mask errors", 3, 0x09, 0, 1, 20, .ENOTTY),
    ("unmask requests", 4, 0x11, 0, 1, 20, .ENOTTY),
    ("mask INTx while off", 0, 0x09, 0, 1, 20, .EINVAL),
    ("trigger MSI while off", 1, 0x21, 0, 1, 20, .EINVAL),
    ("disable MSI-X while off", 2, 0x21, 0, 0, 20, .EINVAL),
    ("trigger INTx while off", 0, 0x21, 0, 1, 20, .EINVAL),
    ("enable no vector at all", 2, 0x24, 0, 0, 20, .ERANGE),
    ("fire errors that nobody is told of", 3, 0x21, 0, 1, 20, .EINVAL),
    ("a bool for no error", 3, 0x22, 0, 0, 20, .EINVAL),
    ("no descriptor for errors", 3, 0x24, 0, 0, 20, .EINVAL),
  ]

  @Test("the checks of the fixed part", arguments: cases.indices)
  func checks(index: Int) throws {
    let wrong = Self.cases[index]
    var function = try Functions.opened(Functions.network())
    let data = [UInt8](repeating: 0, count: 16)
    #expect(
      errno {
        _ = try function.setIRQs(
          wrong.index, flags: wrong.flags, start: wrong.start, count: wrong.count, data: data,
          size: wrong.size)
      } == wrong.errno, "\(wrong.name)")
    #expect(function.enabledInterrupts == nil)
  }

  @Test(
    "145: SET_IRQS: two data flags EINVAL, two actions ENOTTY, a zero-count index EINVAL"
  )
  func statement() throws {
    var function = try Functions.opened(Functions.accelerator())
    #expect(errno { _ = try function.setIRQs(2, flags: 0x23, count: 1, size: 99) } == .EINVAL)
    #expect(errno { _ = try function.setIRQs(2, flags: 0x31, count: 1) } == .ENOTTY)
    // The accelerator has neither INTx nor MSI, so not even a disable reaches them.
    for index: UInt32 in [0, 1] {
      #expect(errno { _ = try function.setIRQs(index, flags: 0x21, count: 0) } == .EINVAL)
    }
  }

  @Test("MSI-X: enable, fire by device and software, drop one, disable")
  func vectors() throws {
    let files = Descriptors()
    var function = try Functions.opened(Functions.accelerator())
    #expect(
      try function.setIRQs(2, flags: 0x24, count: 3, data: descriptors(100, -1, 102), files) == 0)
    #expect(function.enabledInterrupts == 2)
    #expect(try function.config(0x82, 2) == 0x8008)
    // Messages are writes to memory.
    #expect(function.fire(vector: 0) == false)
    try function.enable()
    #expect(function.fire(vector: 0) && files[100].count == 1)
    for vector in [1, 3, 8, 9, -1, .max, .min] { #expect(function.fire(vector: vector) == false) }
    _ = try function.setIRQs(2, flags: 0x21, count: 9, files)
    #expect(files[100].count == 2 && files[102].count == 1)
    _ = try function.setIRQs(2, flags: 0x22, start: 1, count: 2, data: [1, 0], files)
    #expect(files[102].count == 1)
    // Vectors cannot be added: "noresize".
    #expect(
      errno {
        _ = try function.setIRQs(2, flags: 0x24, start: 3, count: 1, data: descriptors(103), files)
      } == .EINVAL)
    _ = try function.setIRQs(2, flags: 0x24, count: 1, data: descriptors(-1), files)
    #expect(!function.fire(vector: 0) && function.fire(vector: 2))
    #expect(try function.setIRQs(2, flags: 0x21, count: 0, files) == 0)
    #expect(function.enabledInterrupts == nil && !function.fire(vector: 2))
    #expect(try function.config(0x82, 2) == 0x0008)
  }

  @Test("MSI-X: vectors can be added where the platform can")
  func dynamic() throws {
    let files = Descriptors()
    let sample = try Functions.accelerator()
    var function = try Functions.opened(
      .init(config: sample.config, bars: sample.bars, addsVectors: true))
    try function.enable()
    _ = try function.setIRQs(2, flags: 0x24, count: 1, data: descriptors(100), files)
    _ = try function.setIRQs(2, flags: 0x24, start: 8, count: 1, data: descriptors(108), files)
    #expect(function.fire(vector: 8) && files[108].count == 1)
  }

  @Test("fewer vectors than asked for: the number comes back and nothing is on", arguments: [0, 2])
  func fewer(limit: Int) throws {
    let sample = try Functions.accelerator()
    var function = try Functions.opened(.init(config: sample.config, vectorLimit: limit))
    let data = descriptors(100, 101, 102)
    if limit == 0 {
      #expect(errno { _ = try function.setIRQs(2, flags: 0x24, count: 3, data: data) } == .ENOSPC)
    } else {
      #expect(try function.setIRQs(2, flags: 0x24, count: 3, data: data) == 2)
      #expect(function.enabledInterrupts == nil)
      #expect(
        try function.setIRQs(2, flags: 0x24, count: 2, data: descriptors(100, 101)) == 0)
    }
    #expect(function.enabledInterrupts == (limit == 0 ? nil : 2))
  }

  @Test(
    "a bad descriptor drops the block, and the kind when it was being turned on",
    arguments: [(3, LinuxErrno.EBADF), (50, .EINVAL)] as [(Int32, LinuxErrno)])
  func badDescriptor(bad: Int32, error: LinuxErrno) throws {
    let files = Descriptors()
    var function = try Functions.opened(Functions.accelerator())
    try function.enable()
    let block = descriptors(100, 101, bad)
    #expect(
      errno { _ = try function.setIRQs(2, flags: 0x24, count: 3, data: block, files) } == error)
    #expect(function.enabledInterrupts == nil)
    _ = try function.setIRQs(2, flags: 0x24, count: 4, data: descriptors(100, 101, 102, 103), files)
    #expect(
      errno {
        _ = try function.setIRQs(
          2, flags: 0x24, start: 1, count: 2, data: descriptors(104, bad), files)
      }
        == error)
    #expect(function.enabledInterrupts == 2)
    let told = (0..<4).map { function.fire(vector: $0) }
    #expect(told == [true, false, false, true])
  }

  @Test("one kind at a time", arguments: [0, 1, 2] as [UInt32], [0, 1, 2] as [UInt32])
  func exclusive(first: UInt32, second: UInt32) throws {
    var function = try Functions.opened(Functions.network())
    _ = try function.setIRQs(first, flags: 0x24, count: 1, data: descriptors(100))
    let error = errno {
      _ = try function.setIRQs(second, flags: 0x24, count: 1, data: descriptors(101))
    }
    #expect(error == (first == second ? nil : .EINVAL))
    #expect(function.enabledInterrupts == first)
  }

  @Test("INTx: masked when it fires, fires again at once while the level stays")
  func line() throws {
    let files = Descriptors()
    var function = try Functions.opened(Functions.network())
    _ = try function.setIRQs(0, flags: 0x24, count: 1, data: descriptors(100), files)
    function.setLine(true)
    #expect(files[100].count == 1 && function.isLineMasked)
    function.setLine(true)
    #expect(files[100].count == 1)
    _ = try function.setIRQs(0, flags: 0x11, count: 1, files)
    #expect(files[100].count == 2 && function.isLineMasked)
    function.setLine(false)
    _ = try function.setIRQs(0, flags: 0x12, count: 1, data: [0], files)
    #expect(function.isLineMasked)
    _ = try function.setIRQs(0, flags: 0x12, count: 1, data: [1], files)
    #expect(files[100].count == 2 && !function.isLineMasked)
    _ = try function.setIRQs(0, flags: 0x0A, count: 1, data: [1], files)
    function.setLine(true)
    #expect(files[100].count == 2)
    // Software fires past the mask.
    _ = try function.setIRQs(0, flags: 0x21, count: 1, files)
    _ = try function.setIRQs(0, flags: 0x22, count: 1, data: [0], files)
    #expect(files[100].count == 3)
    #expect(
      errno { _ = try function.setIRQs(0, flags: 0x0C, count: 1, data: descriptors(101), files) }
        == .ENOTTY)
    _ = try function.setIRQs(0, flags: 0x21, count: 0, files)
    #expect(function.enabledInterrupts == nil)
  }

  @Test("INTx: the unmask eventfd, and EBUSY for a second one")
  func unmaskEvent() throws {
    let files = Descriptors()
    var function = try Functions.opened(Functions.network())
    _ = try function.setIRQs(0, flags: 0x24, count: 1, data: descriptors(100), files)
    _ = try function.setIRQs(0, flags: 0x14, count: 1, data: descriptors(101), files)
    #expect(function.awaitedSinks.count == 1 && function.awaitedSinks[0] === files[101])
    #expect(
      errno { _ = try function.setIRQs(0, flags: 0x14, count: 1, data: descriptors(102), files) }
        == .EBUSY)
    #expect(
      errno { _ = try function.setIRQs(0, flags: 0x14, count: 1, data: descriptors(50), files) }
        == .EINVAL)
    function.setLine(true)
    function.signalled(files[100])
    #expect(files[100].count == 1)
    function.signalled(files[101])
    #expect(files[100].count == 2)
    _ = try function.setIRQs(0, flags: 0x14, count: 1, data: descriptors(-1), files)
    #expect(function.awaitedSinks.isEmpty)
    // One that was signalled before unmasks at once.
    files[103].signal()
    _ = try function.setIRQs(0, flags: 0x14, count: 1, data: descriptors(103), files)
    #expect(files[100].count == 3)
  }

  @Test("INTx: the command register's bit is virtual and masks")
  func lineDisable() throws {
    let files = Descriptors()
    var function = try Functions.opened(Functions.network())
    _ = try function.setIRQs(0, flags: 0x24, count: 1, data: descriptors(100), files)
    try function.setConfig(4, 0x0406, 2)
    #expect(try function.config(4, 2) == 0x0406)
    #expect(function.registers.bytes[5] & 4 == 0)
    function.setLine(true)
    _ = try function.setIRQs(0, flags: 0x11, count: 1, files)
    _ = try function.setIRQs(0, flags: 0x21, count: 1, files)
    #expect(files[100].count == 0)
    try function.setConfig(5, 0, 1)
    #expect(files[100].count == 1)
  }

  @Test("MSI: the enable bit is the request's, and masked vectors stay pending")
  func messages() throws {
    let files = Descriptors()
    var function = try Functions.opened(Functions.network())
    try function.enable()
    try function.setConfig(0x52, 0x0085, 2)
    #expect(try function.config(0x52, 2) & 1 == 0)
    _ = try function.setIRQs(
      1, flags: 0x24, count: 4, data: descriptors(100, 101, 102, 103), files)
    #expect(function.registers.bytes[0x52] & 1 == 1)
    try function.setConfig(0x52, 0x00A5, 2)
    #expect(try function.config(0x52, 2) == 0x01A5)
    try function.setConfig(0x60, 0b0110)
    #expect(function.fire(vector: 0) && !function.fire(vector: 1) && !function.fire(vector: 2))
    #expect(try function.config(0x64) == 0b0110 && files[101].count == 0)
    try function.setConfig(0x60, 0b0100)
    #expect(try function.config(0x64) == 0b0100 && files[101].count == 1 && files[102].count == 0)
    _ = try function.setIRQs(1, flags: 0x21, count: 0, files)
    #expect(function.registers.bytes[0x52] & 1 == 0)
  }

  @Test("errors and requests have one sink each, beside the others", arguments: [3, 4] as [UInt32])
  func single(index: UInt32) throws {
    let files = Descriptors()
    var function = try Functions.opened(Functions.network())
    func tell() { index == 3 ? function.reportError() : function.requestRelease() }
    tell()
    _ = try function.setIRQs(index, flags: 0x24, count: 1, data: descriptors(100), files)
    tell()
    #expect(files[100].count == 1)
    _ = try function.setIRQs(index, flags: 0x21, count: 1, files)
    _ = try function.setIRQs(index, flags: 0x22, count: 1, data: [1], files)
    _ = try function.setIRQs(index, flags: 0x22, count: 1, data: [0], files)
    #expect(files[100].count == 3)
    #expect(
      errno { _ = try function.setIRQs(index, flags: 0x24, count: 1, data: descriptors(7), files) }
        == .EBADF)
    _ = try function.setIRQs(index, flags: 0x24, count: 1, data: descriptors(101), files)
    tell()
    #expect(files[100].count == 3 && files[101].count == 1)
    _ = try function.setIRQs(index, flags: 0x21, count: 0, files)
    tell()
    #expect(files[101].count == 1)
    #expect(function.enabledInterrupts == nil)
  }
}
