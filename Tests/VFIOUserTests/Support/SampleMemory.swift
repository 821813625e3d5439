import HostABI
import Synchronization
import VFIOUser

/// Memory of a client behind messages: what was written is read.
final class SampleMemory: UserClientMemory {
  static let byteCount = 4 << 20
  let bytes = Mutex([UInt8](repeating: 0, count: SampleMemory.byteCount))
  let writes = Mutex<[(address: UInt64, count: Int)]>([])

  func read(_ address: UInt64, _ byteCount: Int) throws(LinuxErrno) -> [UInt8] {
    guard address <= UInt64(Self.byteCount - byteCount) else { throw .EFAULT }
    return bytes.withLock { Array($0[Int(address)..<Int(address) + byteCount]) }
  }

  func write(_ address: UInt64, _ bytes: Span<UInt8>) throws(LinuxErrno) {
    guard address <= UInt64(Self.byteCount - bytes.count) else { throw .EFAULT }
    var copy = [UInt8](repeating: 0, count: bytes.count)
    for index in bytes.indices { copy[index] = bytes[index] }
    let written = copy
    self.bytes.withLock {
      $0.replaceSubrange(Int(address)..<Int(address) + written.count, with: written)
    }
    writes.withLock { $0.append((address, written.count)) }
  }
}
