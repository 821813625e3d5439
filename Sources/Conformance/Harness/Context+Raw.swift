package import HostABI

extension Context {
  /// Sends bytes as they are, and returns how it ended and what the bytes are then.
  package func raw(
    _ number: UInt32, _ bytes: [UInt8]
  ) throws(LinuxErrno) -> (errno: LinuxErrno?, bytes: [UInt8]) {
    let address = try bench.stored(bytes)
    bench.lastRequest = "\(hex(number)) \(bytes.count) bytes"
    var errno: LinuxErrno?
    do { _ = try bench.kernel.ioctl(descriptor, number, address) } catch { errno = error }
    return (errno, try bench.kernel.load(address, bytes.count))
  }

  /// The errno of a request that is sent with an address of the caller's choice; `nil` if it works.
  package func errno(_ number: UInt32, at address: UInt64) -> LinuxErrno? {
    bench.lastRequest = "\(hex(number)) at \(hex(address))"
    do {
      _ = try bench.kernel.ioctl(descriptor, number, address)
      return nil
    } catch {
      return error
    }
  }
}

extension Bench {
  /// Expects an errno, or none.
  package func ends(
    _ actual: LinuxErrno?, _ expected: LinuxErrno?, _ what: @autoclosure () -> String
  ) {
    if actual != expected {
      differ("\(what()): expected \(text(expected)), got \(text(actual))")
    }
  }

  private func text(_ errno: LinuxErrno?) -> String { errno?.description ?? "success" }
}
