#if os(Linux)
  import CLinux

  /// Linux's system calls on descriptors and addresses, with the kernel's own answers.
  ///
  /// Addresses are numbers here, because any number may be asked about: the kernel checks them and
  /// answers `EFAULT`, and no pointer is made of them in this process. What the calls do to memory
  /// that Swift code uses at the same time is the caller's to keep apart.
  package enum Calls {
    /// Makes one call.
    ///
    /// - Throws: ``CallFailure`` with the errno.
    static func make(
      _ number: Int32, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0, _ d: UInt64 = 0,
      _ e: UInt64 = 0, _ f: UInt64 = 0
    ) throws(CallFailure) -> Int64 {
      let result = clinux_call(number, a, b, c, d, e, f)
      guard result < 0, result >= -4095 else { return result }
      throw CallFailure(errno: Int32(-result))
    }

    /// Makes one call, again as long as a signal interrupts it before it did anything.
    static func repeating(
      _ number: Int32, _ a: UInt64 = 0, _ b: UInt64 = 0, _ c: UInt64 = 0, _ d: UInt64 = 0,
      _ e: UInt64 = 0, _ f: UInt64 = 0
    ) throws(CallFailure) -> Int64 {
      while true {
        do {
          return try make(number, a, b, c, d, e, f)
        } catch  where error.errno == CallFailure.interrupted {
          continue
        }
      }
    }
  }

  extension Int32 {
    /// A signed argument as the register that carries it.
    var register: UInt64 { UInt64(bitPattern: Int64(self)) }
  }
#endif

/// A system call that failed: its error number, above zero.
package struct CallFailure: Error, Hashable, Sendable {
  package let errno: Int32

  package static let interrupted: Int32 = 4
  package static let badAddress: Int32 = 14
  package static let invalid: Int32 = 22
  package static let badDescriptor: Int32 = 9

  package init(errno: Int32) { self.errno = errno }
}
