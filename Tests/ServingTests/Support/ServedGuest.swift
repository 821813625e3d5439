import DeviceModels
import HostABI
import HostSystem
import Hardware
import SoftHost
import Synchronization
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif
import Testing
import VFIOUser
import VirtualIOMMU

@testable import Serving

/// What a client keeps of messages of its devices, and memory that only messages reach.
final class SamplePeer: UserPeer {
  struct State {
    var posted: [(UInt64, [UInt8])] = []
    var memory: [UInt64: UInt8] = [:]
    var isGone = false
  }

  let state = Mutex(State())

  func post(_ address: UInt64, _ bytes: Span<UInt8>) -> Bool {
    state.withLock { state in
      guard !state.isGone else { return false }
      state.posted.append((address, bytes.indices.map { bytes[$0] }))
      return true
    }
  }

  func read(_ address: UInt64, into buffer: inout MutableSpan<UInt8>) throws(LinuxErrno) {
    var found = true
    state.withLock { state in
      for index in buffer.indices {
        guard let byte = state.memory[address + UInt64(index)] else {
          found = false
          return
        }
        buffer[index] = byte
      }
    }
    guard found else { throw .EINVAL }
  }

  func write(_ address: UInt64, _ bytes: Span<UInt8>) throws(LinuxErrno) {
    let isThere = state.withLock { state in
      guard bytes.indices.allSatisfy({ state.memory[address + UInt64($0)] != nil }) else {
        return false
      }
      for index in bytes.indices { state.memory[address + UInt64(index)] = bytes[index] }
      return true
    }
    guard isThere else { throw .EINVAL }
  }

  var posted: [(UInt64, [UInt8])] { state.withLock { $0.posted } }
}

/// What was told.
final class SampleTrace: ServeTrace {
  private let events = Mutex<[(String, ServeEvent)]>([])
  let wantsAccesses = true
  func note(_ event: ServeEvent, of device: String) {
    events.withLock { $0.append((device, event)) }
  }
  var all: [(String, ServeEvent)] { events.withLock { $0 } }
}

/// A guest with 8 MiB of memory in a file, one accelerator, and the unit; programmed without a socket.
final class ServedGuest {
  static let root: UInt64 = 0x1000
  static let contexts: UInt64 = 0x2000
  static let directory: UInt64 = 0x3000
  static let pasids: UInt64 = 0x4000
  static let queue: UInt64 = 0x5000
  static let requests: UInt64 = 0x7000
  /// First-stage tables, four pages a PASID.
  static let stages: UInt64 = 0x10_0000
  static let data: UInt64 = 0x40_0000
  static let byteCount = 8 << 20

  let trace = SampleTrace()
  let peer = SamplePeer()
  let unitPeer = SamplePeer()
  let machine: ServedMachine
  let bytes: AnonymousMemory
  let file: ReceivedFile
  private(set) var tail: UInt64 = 0

  let device: ModelDevice
  /// The unit's function; one that belongs to nobody where there is no unit.
  let function: UnitFunction

  init(hasUnit: Bool = true) throws {
    let options = ServeOptions(
      devices: [try ServedDeviceChoice(parsing: "dsa")],
      unit: hasUnit ? try ServedUnitChoice(parsing: "vtd") : nil, socketDirectory: "/nowhere")
    machine = try ServedMachine(
      options, kernel: SoftwareHost(HostDescription(units: [], devices: [])).makeProcess(),
      trace: trace)
    let model = machine.devices[0].model
    device = try #require(model)
    let spare = ServedMemory()
    let routes = MessageRoutes(of: "none", trace: trace)
    function =
      try machine.unit?.function
      ?? UnitFunction(
        "none", VTdUnit(try VTdConfiguration(), memory: spare.memory, interrupts: routes),
        memory: spare, routes: routes, trace: trace)
    file = ReceivedFile(owning: try Calls.makeMemoryFile(Self.byteCount))
    bytes = try AnonymousMemory(mapping: file.descriptor, byteCount: Self.byteCount)
    device.attached(to: peer)
    try device.map(mapping())
    if hasUnit {
      function.attached(to: unitPeer)
      try function.map(mapping())
    }
    device.start()
  }

  deinit { machine.stop() }

  func mapping(_ start: UInt64 = 0) -> UserMapping {
    UserMapping(
      range: start...start + UInt64(Self.byteCount) - 1, isReadable: true, isWritable: true,
      file: (file, 0))
  }

  /// All of memory but the last mebibyte.
  var shortMapping: UserMapping {
    UserMapping(
      range: 0...UInt64(Self.byteCount - (1 << 20)) - 1, isReadable: true, isWritable: true,
      file: (file, 0))
  }

  subscript(_ address: UInt64) -> UInt64 {
    get { bytes.load(UInt64.self, at: Int(address)) }
    set { bytes.store(newValue, at: Int(address)) }
  }

  // MARK: Registers

  func write(_ value: UInt64, _ count: Int, _ offset: Int, of other: (any UserDevice)? = nil)
    throws
  {
    try store(value, count, UInt64(offset), 0, other ?? function)
  }

  func store(
    _ value: UInt64, _ count: Int, _ offset: UInt64, _ region: Int, _ device: any UserDevice
  ) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    try device.write(region, at: offset, bytes.span)
  }

  func load(_ count: Int, _ offset: UInt64, _ region: Int, _ device: any UserDevice) throws
    -> UInt64
  {
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    try device.read(region, at: offset, into: &span)
    return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Turns the unit on, with PASIDs for the accelerator at 00:08.0.
  func turnOn() throws {
    self[Self.root] = Self.contexts | 1
    // DTE, PASIDE, PRE, present; a directory for PASIDs below 2^15.
    self[Self.contexts + 64 * 32] = Self.directory | 2 << 9 | 0x1D
    self[Self.directory] = Self.pasids | 1
    try write(Self.queue | 1 << 11, 8, VTdRegister.queueAddress)
    try write(Self.requests, 8, VTdRegister.requestAddress)
    try write(0xFEE0_1000, 4, VTdRegister.requestEvent + 8)
    try write(0x55, 4, VTdRegister.requestEvent + 4)
    try write(0, 4, VTdRegister.requestEvent)
    try write(0xFEE0_2000, 4, VTdRegister.faultEvent + 8)
    try write(0x66, 4, VTdRegister.faultEvent + 4)
    try write(0, 4, VTdRegister.faultEvent)
    try write(1 << 26, 4, VTdRegister.command)
    try write(Self.root | 1 << 10, 8, VTdRegister.rootTable)
    try write(1 << 26 | 1 << 30, 4, VTdRegister.command)
    try write(1 << 26 | 1 << 31, 4, VTdRegister.command)
  }

  /// Gives a PASID a first stage in which nothing is mapped.
  func enter(_ pasid: UInt64) {
    let top = Self.stages + pasid * 0x4000
    let entry = Self.pasids + pasid * 64
    self[entry + 8] = 1
    self[entry + 16] = top
    self[entry] = 1 | 1 << 6
    self[top] = (top + 0x1000) | 7
    self[top + 0x1000] = (top + 0x2000) | 7
    self[top + 0x2000] = (top + 0x3000) | 7
  }

  /// Maps a page below 2 MiB in a PASID's first stage.
  func map(_ page: UInt64, to place: UInt64, of pasid: UInt64, isWritable: Bool = true) {
    self[Self.stages + pasid * 0x4000 + 0x3000 + page >> 12 * 8] = place | (isWritable ? 7 : 5)
  }

  func put(_ low: UInt64, _ high: UInt64 = 0) throws {
    for (word, value) in [low, high, 0, 0].enumerated() {
      self[Self.queue + tail + UInt64(word) * 8] = value
    }
    tail = (tail + 32) % 4096
    try write(tail, 8, VTdRegister.queueTail)
  }

  // MARK: The accelerator

  func enable(pasids: [UInt32?]) throws {
    // Memory and bus master; ATS, PASID with privilege, page requests at their places.
    try store(6, 2, 4, 7, device)
    try store(0x8000, 2, 0x226, 7, device)
    try store(1, 2, 0x236, 7, device)
    try store(1, 2, 0x244, 7, device)
    for (index, pasid) in pasids.enumerated() {
      let place = 0x400 + 32 * UInt64(index)
      try store(16, 4, place, 0, device)
      try store(8, 4, place + 4, 0, device)
      var mode: UInt64 = 1 | 2 | 1 << 4
      if let pasid { mode |= UInt64(pasid) << 8 | 1 << 28 }
      try store(mode, 4, place + 8, 0, device)
      try store(21 | 4 << 5, 4, place + 12, 0, device)
    }
    try store(1 << UInt64(pasids.count) - 1, 4, 0x300, 0, device)
    try store(15, 4, 0x320, 0, device)
    try command(1)
    for index in pasids.indices { try command(6, UInt64(index)) }
  }

  func command(_ code: UInt64, _ operand: UInt64 = 0) throws {
    try store(operand | code << 20, 4, 0xA0, 0, device)
    try wait { try load(4, 0xA8, 0, device) & 1 << 31 == 0 }
  }

  /// Copies through a queue; the record is at `record`.
  func move(
    _ source: UInt64, _ target: UInt64, _ count: UInt64, record: UInt64, queue: UInt64 = 0,
    blocks: Bool = false
  ) throws {
    let flags: UInt64 = 0b1100 | (blocks ? 2 : 0)
    let words: [UInt64] = [flags << 32 | 3 << 56, record, source, target, count, 0, 0, 0]
    for (index, word) in words.enumerated() {
      try store(word, 8, queue << 14 | UInt64(index * 8), 2, device)
    }
  }

  /// Waits for something that a thread of the device brings about; minutes, if need be.
  func wait(_ condition: () throws -> Bool) throws {
    for _ in 0..<240_000 {
      if try condition() { return }
      usleep(500)
    }
    throw Late()
  }

  struct Late: Error {}
}
