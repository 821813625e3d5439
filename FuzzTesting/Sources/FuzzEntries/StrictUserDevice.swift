import HostABI
import Synchronization
import VFIOUser

/// A device that traps when a server breaks a promise.
final class StrictUserDevice: UserDevice, UserMigration {
  private struct State {
    var calls: [String] = []
    var peer: (any UserPeer)?
    var mappings: [UserMapping] = []
    var triggers: [Int: ReceivedFile] = [:]
    var migration: UInt32 = 2
    var moved = 0
    var tracked: [ClosedRange<UInt64>]?
    var written: Set<UInt64> = []
    var isAttached = false
    var hasEnded = false
  }

  private let migrates: Bool
  private let shared = Mutex(State())
  let information: UserDeviceInformation

  init(migrates: Bool) {
    self.migrates = migrates
    var regions = [UserDeviceInformation.Region](repeating: .init(), count: 9)
    regions[0] = .init(byteCount: 0x1000, flags: [.read, .write])
    regions[1] = .init(byteCount: 0x20_0000, flags: [.read])
    regions[2] = .init(byteCount: .max, flags: [.write])
    regions[3] = .init(
      byteCount: 0x4000, flags: [.read, .write],
      file: (ReceivedFile(owning: -1), 0x1000), mappableParts: [0x1000..<0x2000])
    regions[7] = .init(byteCount: 0x1000, flags: [.read, .write])
    information = UserDeviceInformation(
      name: "strict", regions: regions,
      interrupts: [
        .init(count: 1, flags: 7), .init(count: 4, flags: 9), .init(count: 64, flags: 9), .init(),
      ])
  }

  var migration: (any UserMigration)? { migrates ? self : nil }
  var calls: [String] { shared.withLock { $0.calls } }

  private func note(_ call: String) {
    shared.withLock { state in
      require(state.isAttached, "\(call) without a client")
      state.calls.append(call)
    }
  }

  func attached(to peer: any UserPeer) {
    shared.withLock { state in
      require(!state.isAttached && !state.hasEnded, "a second client")
      state.isAttached = true
      state.peer = peer
    }
  }

  func detached() {
    shared.withLock { state in
      require(state.isAttached, "a client is gone that never was")
      require(state.tracked == nil, "tracking outlives the client")
      let migration = state.migration
      state = State(calls: state.calls, migration: migration, hasEnded: true)
    }
  }

  func checkEnd() { require(!shared.withLock { $0.isAttached }, "the device was not told") }

  private func check(_ region: Int, _ offset: UInt64, _ count: Int, _ flag: VFIORegionFlags) {
    require(information.regions.indices.contains(region), "there is no region \(region)")
    let size = information.regions[region].byteCount
    require(information.regions[region].flags.contains(flag), "an access that is not allowed")
    require(count > 0 && count <= 1 << 20, "an access of \(count) bytes")
    require(offset < size && UInt64(count) <= size - offset, "an access outside of the region")
  }

  func read(
    _ region: Int, at offset: UInt64, into buffer: inout MutableSpan<UInt8>
  ) throws(LinuxErrno) {
    check(region, offset, buffer.count, .read)
    note("read \(region) \(offset) \(buffer.count)")
    if offset == 0x800 { throw .EIO }
    for index in 0..<min(buffer.count, 64) { buffer[index] = UInt8(truncatingIfNeeded: index) }
    // What a reply does not fill must not be another's.
    for index in min(buffer.count, 64)..<buffer.count { buffer[index] = 0 }
  }

  func write(_ region: Int, at offset: UInt64, _ bytes: Span<UInt8>) throws(LinuxErrno) {
    check(region, offset, bytes.count, .write)
    note("write \(region) \(offset) \(bytes.count)")
    if offset == 0x800 { throw .EPERM }
  }

  func map(_ mapping: UserMapping) throws(UserRefusal) {
    let (first, last) = (mapping.range.lowerBound, mapping.range.upperBound)
    require(first % 4096 == 0 && last % 4096 == 4095, "a mapping of no pages")
    shared.withLock { state in
      require(
        !state.mappings.contains { $0.range.overlaps(mapping.range) }, "mappings overlap")
    }
    note("map \(mapping.range) \(mapping.isReadable) \(mapping.isWritable)")
    if first == 0x8000 { throw UserRefusal(.ENOMEM) }
    shared.withLock { $0.mappings.append(mapping) }
  }

  func unmap(_ range: ClosedRange<UInt64>) {
    note("unmap \(range)")
    shared.withLock { state in
      let count = state.mappings.count
      state.mappings.removeAll { $0.range == range }
      require(state.mappings.count == count - 1, "an unmapping of what is not mapped")
    }
  }

  func setInterrupts(_ change: UserInterruptChange) throws(LinuxErrno) {
    require(information.interrupts.indices.contains(change.kind), "no such interrupts")
    let count = Int(information.interrupts[change.kind].count)
    require(
      change.start >= 0 && change.start + change.actions.count <= count, "too many interrupts")
    note("interrupts \(change.kind) \(change.start) \(change.actions.count)")
    shared.withLock { state in
      if change.actions.isEmpty { state.triggers = [:] }
      for (index, action) in change.actions.enumerated() {
        if case .trigger(let file) = action { state.triggers[change.start + index] = file }
      }
    }
  }

  func reset() throws(LinuxErrno) { note("reset") }

  /// Something that the device does of its own, on the connection's thread.
  func act(_ kind: UInt8, _ address: UInt64) {
    guard let peer = shared.withLock({ $0.peer }) else { return }
    var bytes: [UInt8] = [1, 2, 3, 4]
    switch kind {
    case 0: _ = peer.post(address, bytes.span)
    case 1:
      do throws(LinuxErrno) {
        var span = bytes.mutableSpan
        try peer.read(address, into: &span)
        fatalError("a wait on the connection's own thread")
      } catch {
        require(error == .EDEADLOCK, "\(error) on the connection's own thread")
      }
    default:
      shared.withLock { state in
        if state.tracked?.contains(where: { $0.contains(address) }) == true {
          state.written.insert(address & ~0xFFF)
        }
      }
    }
  }

  var migrationFlags: UInt64 { 5 }
  var canTrackWrites: Bool { true }
  private static let arcs: [(UInt32, UInt32)] = [
    (2, 1), (3, 1), (4, 1), (6, 2), (1, 2), (2, 6), (1, 3), (6, 3), (1, 4),
  ]

  var state: UInt32 { shared.withLock { $0.migration } }

  func enter(_ next: UInt32) throws(LinuxErrno) {
    note("enter \(next)")
    shared.withLock { state in
      require(
        Self.arcs.contains { $0 == (state.migration, next) },
        "no transition from \(state.migration) to \(next)")
      state.migration = next
      state.moved = 0
    }
  }

  func readState(_ limit: Int) throws(LinuxErrno) -> [UInt8] {
    shared.withLock { state in
      require(state.migration == 3 || state.migration == 6, "a state is read now")
      let count = min(limit, 100 - state.moved, 33)
      state.moved += count
      return [UInt8](repeating: 0xA5, count: count)
    }
  }

  func writeState(_ bytes: Span<UInt8>) throws(LinuxErrno) {
    require(shared.withLock { $0.migration } == 4, "a state is written now")
    note("state \(bytes.count)")
  }

  func trackWrites(
    _ ranges: [ClosedRange<UInt64>]?, pageSize: UInt64
  ) throws(LinuxErrno) {
    require(pageSize.nonzeroBitCount == 1 && pageSize >= 4096, "a page of \(pageSize) bytes")
    note("track \(ranges?.count ?? -1)")
    shared.withLock { state in
      require((state.tracked == nil) == (ranges != nil), "tracking twice, or ended twice")
      state.tracked = ranges
      state.written = []
    }
  }

  func takeWrites(
    _ range: ClosedRange<UInt64>, pageSize: UInt64
  ) throws(LinuxErrno) -> [UInt64] {
    shared.withLock { state in
      require(state.tracked != nil, "writes that nobody tracks")
      // More bits than there are pages, which must not be told.
      let pages = (range.upperBound - range.lowerBound) / pageSize + 1
      require(pages <= 8 << 20, "a bitmap of \(pages) pages")
      return [UInt64](repeating: .max, count: Int(pages / 64 + 2))
    }
  }
}
