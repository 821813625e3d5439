import HostABI
import Synchronization
import VFIOUser

/// Migration of a device whose state is the first 64 bytes of region 0, and whose writes of the
/// client's memory are told by writes of region 1.
final class SampleMigration: UserMigration {
  struct State {
    var state: UInt32 = 2
    var path: [UInt32] = []
    var bytes = [UInt8](repeating: 0, count: 64)
    var place = 0
    var ranges: [ClosedRange<UInt64>]?
    var written: Set<UInt64> = []
  }

  let migrationFlags: UInt64
  let canTrackWrites: Bool
  let shared = Mutex(State())

  init(flags: UInt64 = 1, canTrackWrites: Bool = true) {
    migrationFlags = flags
    self.canTrackWrites = canTrackWrites
  }

  var state: UInt32 { shared.withLock { $0.state } }

  func wrote(_ region: Int, at offset: UInt64, _ bytes: [UInt8]) {
    guard region == 0 else { return }
    shared.withLock { shared in
      for (index, byte) in bytes.enumerated() where Int(offset) + index < 64 {
        shared.bytes[Int(offset) + index] = byte
      }
    }
  }

  /// The device wrote memory of the client.
  func writes(_ address: UInt64) {
    shared.withLock { shared in
      if shared.ranges?.contains(where: { $0.contains(address) }) == true {
        shared.written.insert(address / 4096)
      }
    }
  }

  func enter(_ state: UInt32) throws(LinuxErrno) {
    shared.withLock { shared in
      shared.state = state
      shared.path.append(state)
      shared.place = 0
    }
  }

  func readState(_ limit: Int) throws(LinuxErrno) -> [UInt8] {
    shared.withLock { shared in
      // In small pieces, as a device may.
      let piece = Array(shared.bytes[shared.place...].prefix(min(limit, 7)))
      shared.place += piece.count
      return piece
    }
  }

  func writeState(_ bytes: Span<UInt8>) throws(LinuxErrno) {
    var copy: [UInt8] = []
    for index in bytes.indices { copy.append(bytes[index]) }
    let piece = copy
    let fits = shared.withLock { shared in
      guard shared.place + piece.count <= 64 else { return false }
      shared.bytes.replaceSubrange(shared.place..<shared.place + piece.count, with: piece)
      shared.place += piece.count
      return true
    }
    if !fits { throw .EINVAL }
  }

  func trackWrites(
    _ ranges: [ClosedRange<UInt64>]?, pageSize: UInt64
  ) throws(LinuxErrno) {
    shared.withLock { shared in
      shared.ranges = ranges
      shared.written = []
    }
  }

  func takeWrites(
    _ range: ClosedRange<UInt64>, pageSize: UInt64
  ) throws(LinuxErrno) -> [UInt64] {
    shared.withLock { shared in
      let pages = (range.upperBound - range.lowerBound) / pageSize + 1
      var words = [UInt64](repeating: 0, count: Int((pages + 63) / 64))
      for page in shared.written where range.contains(page * 4096) {
        let bit = (page * 4096 - range.lowerBound) / pageSize
        words[Int(bit / 64)] |= 1 << (bit % 64)
      }
      shared.written = shared.written.filter { !range.contains($0 * 4096) }
      return words
    }
  }
}
