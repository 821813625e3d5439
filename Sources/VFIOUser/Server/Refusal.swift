import HostABI

/// Why a message is answered with an error.
struct Refusal: Error {
  let errno: LinuxErrno
  let why: String

  init(_ errno: LinuxErrno, _ why: String) {
    self.errno = errno
    self.why = why
  }

  /// What the device threw.
  init(device errno: LinuxErrno) { self.init(errno, "the device refuses") }

  /// Memory that the device does not take.
  init(device refusal: UserRefusal) {
    self.init(refusal.errno, refusal.why ?? "the device refuses")
  }
}
