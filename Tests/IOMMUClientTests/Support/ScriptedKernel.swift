import HostABI
import Synchronization

/// A kernel that notes down what it is asked, and answers from a script.
///
/// It knows just enough of objects to refuse what Linux refuses: destroying what has users. Memory
/// is its own, so that nothing here can lean on addresses being the process's.
final class ScriptedKernel: HostKernel {
  /// One request as it came.
  struct Call: Sendable {
    let request: UInt32
    let descriptor: Int32
    let argument: any WireStructure
    /// What an address in the structure pointed at.
    var data: [UInt8] = []
  }

  /// What stands behind a number.
  struct Object: Sendable {
    var kind: IOMMUFDRequest?
    var uses: [UInt32] = []
    var descriptor: Int32?
  }

  /// Everything that tests set and look at.
  struct State: Sendable {
    var calls: [Call] = []
    var objects: [UInt32: Object] = [:]
    var files: [Int32: String] = [:]
    var memory: [UInt64: [UInt8]] = [:]
    /// Device descriptor to its number and what is attached.
    var devices: [Int32: UInt32] = [:]
    var attached: [Int32: [UInt32?: UInt32]] = [:]
    /// Errors to answer with, by request, once each.
    var failures: [UInt32: [LinuxErrno]] = [:]
    /// Entry of an invalidation to fail at, counted over all requests.
    var badEntry: Int?
    var entriesSeen = 0
    var ranges: [(UInt64, UInt64)] = [(0, .max)]
    var hardware = HardwareInfoArgument()
    var hardwareBytes: [UInt8] = []
    var dirtyBytes: [UInt8] = []
    /// What reading a queue finds, one element a read.
    var reads: [[UInt8]] = []
    var smallestRead = 0
    var writes: [[UInt8]] = []
    var config: [UInt8] = []
    /// Structures with everything behind them, by request.
    var structures: [UInt32: [UInt8]] = [:]
    var nextFile: Int32 = 100
    var nextPage: UInt64 = 0x7000_0000_0000
  }

  let state = Mutex(State())

  var calls: [Call] { state.withLock { $0.calls } }

  /// The structures of one type that came, in order.
  func arguments<Argument: WireStructure>(_: Argument.Type) -> [Argument] {
    calls.compactMap { $0.argument as? Argument }
  }

  /// The numbers of the objects that were destroyed, in order.
  var destroyed: [UInt32] { arguments(DestroyArgument.self).map(\.id) }

  func fail(_ request: UInt32, _ errnos: LinuxErrno...) {
    state.withLock { $0.failures[request, default: []] += errnos }
  }

  /// Sets what answers are to say.
  func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

  /// What is still open, mapped or alive, in words.
  var leftovers: [String] {
    state.withLock { state in
      state.files.map { "descriptor \($0.key) of \($0.value)" }
        + state.memory.keys.map { "memory at \($0)" }
        + state.objects.map { "object \($0.key)" }
    }
  }

  // MARK: Files

  func open(_ path: String) throws(LinuxErrno) -> Int32 {
    try answer { (state) throws(LinuxErrno) in
      if let errno = state.failures[0]?.popLast() { throw errno }
      return state.open(path)
    }
  }

  func close(_ descriptor: Int32) throws(LinuxErrno) {
    try answer { (state) throws(LinuxErrno) in
      guard state.files.removeValue(forKey: descriptor) != nil else { throw LinuxErrno.EBADF }
      state.attached[descriptor] = nil
      if let device = state.devices.removeValue(forKey: descriptor) {
        state.objects[device] = nil
        // A vDevice of a closed device is destroyed behind its owner's back, which counts as a
        // leak: its number is never used again.
        for (id, object) in state.objects where object.uses.contains(device) {
          state.objects[id]?.uses = []
        }
      }
      // Linux would take a context's objects along. They stay here, so that one that nobody
      // destroyed is seen.
      for (id, object) in state.objects where object.descriptor == descriptor {
        state.objects[id]?.descriptor = nil
      }
    }
  }

  func duplicate(_ descriptor: Int32) throws(LinuxErrno) -> Int32 { throw .ENOSYS }

  func poll(_ descriptor: Int32) throws(LinuxErrno) -> Readiness {
    state.withLock { $0.reads.isEmpty ? .writable : [.readable, .writable] }
  }

  func read(_ descriptor: Int32, _ address: UInt64, _ count: Int) throws(LinuxErrno) -> Int {
    try answer { (state) throws(LinuxErrno) in
      if count < state.smallestRead { throw LinuxErrno.EINVAL }
      guard !state.reads.isEmpty else { return 0 }
      let bytes = state.reads.removeFirst()
      try state.store(bytes, address)
      return bytes.count
    }
  }

  func write(_ descriptor: Int32, _ address: UInt64, _ count: Int) throws(LinuxErrno) -> Int {
    try answer { (state) throws(LinuxErrno) in
      if let errno = state.failures[1]?.popLast() { throw errno }
      state.writes.append(try state.load(address, count))
      return count
    }
  }

  func pread(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    try answer { (state) throws(LinuxErrno) in
      let at = Int(offset - 7 << 40)
      guard at + count <= state.config.count else { throw LinuxErrno.EFAULT }
      try state.store(Array(state.config[at..<at + count]), address)
      return count
    }
  }

  func pwrite(
    _ descriptor: Int32, _ address: UInt64, _ count: Int, at offset: UInt64
  ) throws(LinuxErrno) -> Int {
    try answer { (state) throws(LinuxErrno) in
      let at = Int(offset - 7 << 40)
      guard at + count <= state.config.count else { throw LinuxErrno.EFAULT }
      state.config.replaceSubrange(at..<at + count, with: try state.load(address, count))
      return count
    }
  }

  func map(
    _ descriptor: Int32, offset: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 { throw .ENODEV }

  func makeEventCounter() throws(LinuxErrno) -> Int32 { state.withLock { $0.open("eventfd") } }

  func makeMemoryFile(_ byteCount: Int) throws(LinuxErrno) -> Int32 {
    state.withLock { $0.open("memfd") }
  }

  // MARK: Memory

  func allocate(
    _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) -> UInt64 {
    state.withLock { state in
      let address = state.nextPage
      let size = (byteCount + 4095) / 4096 * 4096
      state.nextPage += UInt64(size) + 4096
      state.memory[address] = [UInt8](repeating: 0xA5, count: size)
      return address
    }
  }

  func protect(
    _ address: UInt64, _ byteCount: Int, _ protection: MemoryProtection
  ) throws(LinuxErrno) {}

  func release(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) {
    try answer { (state) throws(LinuxErrno) in
      guard state.memory.removeValue(forKey: address) != nil else { throw LinuxErrno.EINVAL }
    }
  }

  func load(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) -> [UInt8] {
    try answer { (state) throws(LinuxErrno) in try state.load(address, byteCount) }
  }

  func store(_ bytes: [UInt8], _ address: UInt64) throws(LinuxErrno) {
    try answer { (state) throws(LinuxErrno) in try state.store(bytes, address) }
  }

  func answer<Value: Sendable>(
    _ body: (inout State) throws(LinuxErrno) -> Value
  ) throws(LinuxErrno) -> Value {
    try state.withLock { (state) throws(LinuxErrno) in try body(&state) }
  }
}

extension ScriptedKernel.State {
  mutating func open(_ path: String) -> Int32 {
    defer { nextFile += 1 }
    files[nextFile] = path
    return nextFile
  }

  func load(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) -> [UInt8] {
    guard
      let (base, bytes) = memory.first(where: {
        $0.key <= address && address < $0.key + UInt64($0.value.count)
      })
    else { throw LinuxErrno.EFAULT }
    let at = Int(address - base)
    guard at + byteCount <= bytes.count else { throw LinuxErrno.EFAULT }
    return Array(bytes[at..<at + byteCount])
  }

  mutating func store(_ bytes: [UInt8], _ address: UInt64) throws(LinuxErrno) {
    guard !bytes.isEmpty else { return }
    guard
      let base = memory.keys.first(where: {
        $0 <= address && address < $0 + UInt64(memory[$0]?.count ?? 0)
      })
    else { throw LinuxErrno.EFAULT }
    let at = Int(address - base)
    guard at + bytes.count <= memory[base]?.count ?? 0 else { throw LinuxErrno.EFAULT }
    memory[base]?.replaceSubrange(at..<at + bytes.count, with: bytes)
  }

  /// The lowest free number.
  mutating func make(
    _ kind: IOMMUFDRequest?, uses: [UInt32] = [], descriptor: Int32? = nil
  ) -> UInt32 {
    var id: UInt32 = 1
    while objects[id] != nil { id += 1 }
    objects[id] = ScriptedKernel.Object(kind: kind, uses: uses, descriptor: descriptor)
    return id
  }

  func hasUsers(_ id: UInt32) -> Bool {
    objects.values.contains { $0.uses.contains(id) }
      || attached.values.contains { $0.values.contains(id) }
      || objects[id]?.descriptor != nil
      || devices.values.contains(id)
  }
}
