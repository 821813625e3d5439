import HostABI
import Synchronization

/// Memory at the kernel's disposal for one request: arrays that its structure points at.
struct Scratch {
  let kernel: any HostKernel
  /// Where it starts, page-aligned.
  let address: UInt64
  let byteCount: Int

  /// Puts bytes at the start.
  func store(_ bytes: [UInt8]) throws(IOMMUError) {
    do throws(LinuxErrno) {
      try kernel.store(bytes, address)
    } catch {
      throw IOMMUError(.scratchMemory, error)
    }
  }

  /// Takes bytes from the start; never more than there are.
  func load(_ count: Int) throws(IOMMUError) -> [UInt8] {
    do throws(LinuxErrno) {
      return try kernel.load(address, max(0, min(count, byteCount)))
    } catch {
      throw IOMMUError(.scratchMemory, error)
    }
  }
}

/// Blocks of memory that requests borrow and give back, so that a request allocates none.
///
/// The lock protects the list of free blocks and is never held during a system call.
final class ScratchPool: Sendable {
  /// Bytes of a block that is kept.
  static let blockSize = 65536
  /// Blocks that are kept for the next request; more only exist while as many requests run.
  static let keptBlocks = 4

  private let kernel: any HostKernel
  private let free = Mutex<[UInt64]>([])

  init(_ kernel: any HostKernel) { self.kernel = kernel }

  deinit {
    for block in free.withLock({ $0 }) { try? kernel.release(block, Self.blockSize) }
  }

  /// Lends memory of at least the given size for the body; it holds whatever was there before.
  func with<Value>(
    _ byteCount: Int, _ body: (Scratch) throws(IOMMUError) -> Value
  ) throws(IOMMUError) -> Value {
    let isKept = byteCount <= Self.blockSize
    let size = isKept ? Self.blockSize : byteCount
    let block: UInt64
    if isKept, let known = free.withLock({ $0.popLast() }) {
      block = known
    } else {
      do throws(LinuxErrno) {
        block = try kernel.allocate(size, [.read, .write])
      } catch {
        throw IOMMUError(.scratchMemory, error)
      }
    }
    defer { giveBack(block, size, isKept: isKept) }
    return try body(Scratch(kernel: kernel, address: block, byteCount: size))
  }

  private func giveBack(_ block: UInt64, _ size: Int, isKept: Bool) {
    let isTaken =
      isKept
      && free.withLock { blocks in
        guard blocks.count < Self.keptBlocks else { return false }
        blocks.append(block)
        return true
      }
    if !isTaken { try? kernel.release(block, size) }
  }
}
