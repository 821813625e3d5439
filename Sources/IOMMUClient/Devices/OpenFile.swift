import HostABI
import Synchronization

/// A descriptor that closes once: when someone says so, or with its last user.
final class OpenFile: Sendable {
  let kernel: any HostKernel
  let descriptor: Int32
  let path: String
  private let isOpen = Atomic<Bool>(true)

  init(_ path: String, on kernel: any HostKernel) throws(IOMMUError) {
    do throws(LinuxErrno) {
      descriptor = try kernel.open(path)
    } catch {
      throw IOMMUError(.open, error, [.device(path: path, id: nil)])
    }
    self.kernel = kernel
    self.path = path
  }

  init(adopting descriptor: Int32, _ path: String, on kernel: any HostKernel) {
    self.descriptor = descriptor
    self.kernel = kernel
    self.path = path
  }

  func close() {
    guard isOpen.exchange(false, ordering: .relaxed) else { return }
    try? kernel.close(descriptor)
  }

  deinit { close() }
}
