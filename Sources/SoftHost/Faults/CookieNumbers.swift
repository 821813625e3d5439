import HostABI

/// The numbers of groups that wait for an answer: the lowest free one, from 1.
///
/// Number 0 is an accident of Linux 7.2: it is kept from use by an entry of the kernel's own, which an
/// answer to cookie 0 removes, although it is refused. From then on 0 is a number like any other,
/// until nothing waits for an answer any more.
struct CookieNumbers {
  private enum Zero { case absent, kept, free, given }

  private var numbers = ObjectNumbers()
  private var zero = Zero.absent

  /// Gives the lowest free number.
  mutating func take() throws(LinuxErrno) -> UInt32 {
    if zero == .free {
      zero = .given
      return 0
    }
    let number = try numbers.take()
    if zero == .absent { zero = .kept }
    return number
  }

  /// Takes a number back; also one that was not given, as an answer may name any.
  mutating func free(_ number: UInt32) {
    if number == 0 {
      if zero != .absent { zero = .free }
    } else {
      _ = numbers.free(number)
    }
    if zero == .free, numbers.count == 0 { zero = .absent }
  }
}
