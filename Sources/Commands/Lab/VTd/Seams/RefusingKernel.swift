import HostABI
import Synchronization

/// A kernel that refuses the next request of one kind, when it is told to.
final class RefusingKernel: KernelFilter {
  let kernel: any HostKernel
  private let refusal = Mutex<(request: UInt32, errno: LinuxErrno)?>(nil)

  init(_ kernel: any HostKernel) { self.kernel = kernel }

  /// Refuses the next request of a kind.
  ///
  /// - Parameters:
  ///   - request: The request's number.
  ///   - errno: The answer.
  func refuse(_ request: UInt32, with errno: LinuxErrno) {
    refusal.withLock { $0 = (request, errno) }
  }

  private func check(_ request: UInt32) throws(LinuxErrno) {
    let errno = refusal.withLock { refusal -> LinuxErrno? in
      guard let found = refusal, found.request == request else { return nil }
      refusal = nil
      return found.errno
    }
    if let errno { throw errno }
  }

  func perform<Argument: WireStructure>(
    _ request: UInt32, on descriptor: Int32, _ argument: inout Argument
  ) throws(LinuxErrno) -> Int32 {
    do {
      try check(request)
    } catch {
      // The kernel says how many entries it handled also when it fails.
      if var invalidation = argument as? InvalidateArgument {
        invalidation.entryCount = 0
        if let answer = invalidation as? Argument { argument = answer }
      }
      throw error
    }
    return try kernel.perform(request, on: descriptor, &argument)
  }

  func ioctl(
    _ descriptor: Int32, _ request: UInt32, _ argument: UInt64
  ) throws(LinuxErrno) -> Int32 {
    try check(request)
    return try kernel.ioctl(descriptor, request, argument)
  }
}
