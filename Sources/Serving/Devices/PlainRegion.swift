import HostABI
import HostSystem
import Hardware
import IOMMU
import VFIOUser

/// A region that is plain memory: a file of ours, which clients may map as well.
final class PlainRegion: Sendable {
  let file: ReceivedFile
  private let byteCount: UInt64
  private let memory: AnonymousMemory

  /// Makes a region of zeros.
  ///
  /// - Parameter byteCount: Its size in bytes.
  /// - Throws: `EINVAL` for a size that nothing has, `ENOMEM` when there is no memory.
  init(byteCount: UInt64) throws(LinuxErrno) {
    guard byteCount > 0, let count = Int(exactly: byteCount) else { throw .EINVAL }
    self.byteCount = byteCount
    do {
      // A client that changed its size would leave the next one a region that ends early.
      file = ReceivedFile(owning: try Calls.makeMemoryFile(count, isFixed: true))
      memory = try AnonymousMemory(mapping: file.descriptor, byteCount: count)
    } catch {
      throw .ENOMEM
    }
    // Its pages may be missing all the same, when the system has none left.
    guard ShrinkingMemory.guardAgainst(memory, pageSize: 4096) else { throw .ENOMEM }
  }

  deinit { ShrinkingMemory.forget(memory) }

  /// Reads bytes; `false` when some lie behind the end.
  func read(at offset: UInt64, into buffer: inout MutableSpan<UInt8>) -> Bool {
    guard isInside(offset, buffer.count) else { return false }
    HostMemory.copy(buffer.count, from: memory.address + offset, to: &buffer, at: 0)
    return true
  }

  /// Writes bytes; `false` when some lie behind the end.
  func write(at offset: UInt64, _ bytes: Span<UInt8>) -> Bool {
    guard isInside(offset, bytes.count) else { return false }
    HostMemory.copy(bytes.count, from: bytes, at: 0, to: memory.address + offset)
    return true
  }

  /// Makes all of it zero, so that the next client finds nothing of the last one's.
  func clear() { memory.clear() }

  private func isInside(_ offset: UInt64, _ count: Int) -> Bool {
    offset <= byteCount && UInt64(count) <= byteCount - offset
  }
}
