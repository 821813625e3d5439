import HostABI
import HostSystem
import Synchronization
import VFIOUser

/// A device of plain memory that notes how it is called.
final class SampleDevice: UserDevice {
  struct State {
    var regions: [[UInt8]]
    var calls: [String] = []
    var mappings: [UserMapping] = []
    var changes: [UserInterruptChange] = []
    var refusal: LinuxErrno?
    /// What is said of memory that is refused.
    var why: String?
    var peer: (any UserPeer)?
    /// Called on the connection's thread when region 0 is read at its last byte.
    var atLastByte: (@Sendable () -> Void)?
  }

  static let bigRegion = 1
  static let sharedRegion = 2
  static let readOnlyRegion = 6

  let information: UserDeviceInformation
  let sample: SampleMigration?
  let state: Mutex<State>

  var migration: (any UserMigration)? { sample }

  init(migrating sample: SampleMigration? = nil, sharing file: ReceivedFile? = nil) {
    var regions = [UserDeviceInformation.Region](repeating: .init(), count: 9)
    regions[0] = .init(byteCount: 4096, flags: [.read, .write])
    regions[1] = .init(byteCount: 3 << 20, flags: [.read, .write])
    if let file {
      regions[2] = .init(
        byteCount: 0x10000, flags: [.read, .write], file: (file, 0x2000),
        mappableParts: [0x1000..<0x2000, 0x4000..<0x8000])
    }
    regions[6] = .init(byteCount: 0x100, flags: .read)
    regions[7] = .init(byteCount: 4096, flags: [.read, .write])
    information = UserDeviceInformation(
      name: "sample", regions: regions,
      interrupts: [
        .init(count: 1, flags: 7), .init(count: 4, flags: 9), .init(count: 8, flags: 9),
        .init(), .init(count: 1, flags: 1),
      ])
    self.sample = sample
    state = Mutex(
      State(regions: regions.map { [UInt8](repeating: 0, count: Int($0.byteCount)) }))
  }

  var calls: [String] { state.withLock { $0.calls } }
  var peer: (any UserPeer)? { state.withLock { $0.peer } }

  func refuseNext(_ errno: LinuxErrno) { state.withLock { $0.refusal = errno } }

  private func note(_ call: String) throws(LinuxErrno) {
    let refusal = state.withLock { state in
      state.calls.append(call)
      defer { state.refusal = nil }
      return state.refusal
    }
    if let refusal { throw refusal }
  }

  func attached(to peer: any UserPeer) {
    state.withLock { state in
      state.peer = peer
      state.calls.append("attached")
    }
  }

  func detached() {
    state.withLock { state in
      state.peer = nil
      state.mappings = []
      state.changes = []
      state.calls.append("detached")
    }
  }

  func read(
    _ region: Int, at offset: UInt64, into buffer: inout MutableSpan<UInt8>
  ) throws(LinuxErrno) {
    let refusal = state.withLock { state in
      defer { state.refusal = nil }
      return state.refusal
    }
    if let refusal { throw refusal }
    let bytes = state.withLock { state in
      Array(state.regions[region][Int(offset)..<Int(offset) + buffer.count])
    }
    for index in bytes.indices { buffer[index] = bytes[index] }
    if region == 0, offset == 4095 { state.withLock { $0.atLastByte }?() }
  }

  func write(_ region: Int, at offset: UInt64, _ bytes: Span<UInt8>) throws(LinuxErrno) {
    try note("write \(region) \(offset) \(bytes.count)")
    var copy = [UInt8](repeating: 0, count: bytes.count)
    for index in bytes.indices { copy[index] = bytes[index] }
    let written = copy
    state.withLock {
      $0.regions[region].replaceSubrange(Int(offset)..<Int(offset) + written.count, with: written)
    }
    sample?.wrote(region, at: offset, written)
  }

  func map(_ mapping: UserMapping) throws(UserRefusal) {
    do throws(LinuxErrno) { try note("map \(mapping.range)") } catch {
      throw UserRefusal(error, state.withLock { $0.why })
    }
    state.withLock { $0.mappings.append(mapping) }
  }

  func unmap(_ range: ClosedRange<UInt64>) {
    state.withLock { state in
      state.calls.append("unmap \(range)")
      state.mappings.removeAll { $0.range == range }
    }
  }

  func setInterrupts(_ change: UserInterruptChange) throws(LinuxErrno) {
    try note("interrupts \(change.kind) \(change.start) \(change.actions.map(word))")
    state.withLock { $0.changes.append(change) }
  }

  private func word(_ action: UserInterruptChange.Action) -> String {
    switch action {
    case .trigger(let file): file == nil ? "nobody" : "eventfd"
    case .fire: "fire"
    case .mask: "mask"
    case .unmask: "unmask"
    case .unmaskBy(let file): file == nil ? "unmask by nobody" : "unmask by eventfd"
    case .none: "none"
    }
  }

  func reset() throws(LinuxErrno) { try note("reset") }
}
