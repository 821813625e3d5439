import HostABI
import HostSystem
import Synchronization

/// An open file of the software host: what several descriptors, and objects, may share.
final class OpenFile {
  /// What was opened.
  enum Kind {
    /// `/dev/iommu`.
    case context(IOMMUContext)
    /// `/dev/vfio/devices/vfioN`.
    case device(DeviceFile)
    /// `/dev/vfio/N`.
    case group(IOMMUGroup)
    /// A fault queue.
    case faults(FaultQueue)
    /// An event queue of a vIOMMU.
    case events(EventQueue)
    /// An eventfd.
    case counter(EventCounter)
    /// An eventfd of another process.
    case event(any EventSink)
    /// A memfd.
    case memory(MemoryFile)
    /// An access of the mock-device requests.
    case access(MockAccess)
    /// A dma-buf of the mock-device requests.
    case buffer(MockBuffer)
    /// A file that means nothing to the host.
    case other
  }

  let kind: Kind
  /// Descriptors and objects that hold the file open.
  var holders = 1

  init(_ kind: Kind) { self.kind = kind }
}

/// An eventfd that never blocks.
final class EventCounter: EventSink {
  private let count = Mutex<UInt64>(0)

  /// Adds to the count, up to its greatest value.
  func add(_ value: UInt64) throws(LinuxErrno) {
    guard value != .max else { throw .EINVAL }
    let fits = count.withLock { count in
      guard value <= .max - 1 - count else { return false }
      count += value
      return true
    }
    if !fits { throw .EAGAIN }
  }

  /// Signals once; a full count stays.
  func signal() { count.withLock { $0 = $0 == .max - 1 ? $0 : $0 + 1 } }

  var isSignalled: Bool { count.withLock { $0 > 0 } }

  /// Takes the count.
  func take() throws(LinuxErrno) -> UInt64 {
    let value = count.withLock { count in
      defer { count = 0 }
      return count
    }
    guard value > 0 else { throw .EAGAIN }
    return value
  }
}

/// A memfd of fixed size.
final class MemoryFile: Sendable {
  let memory: AnonymousMemory
  let byteCount: Int

  init(_ memory: AnonymousMemory, byteCount: Int) {
    self.memory = memory
    self.byteCount = byteCount
  }

  init(byteCount: Int) throws(LinuxErrno) {
    guard byteCount >= 0 else { throw .EINVAL }
    guard let memory = try? AnonymousMemory(byteCount: max(byteCount, 1)) else { throw .ENOMEM }
    self.memory = memory
    self.byteCount = byteCount
  }
}
