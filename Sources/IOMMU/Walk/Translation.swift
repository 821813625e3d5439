public import Hardware

/// Where a request goes, within one 4 KiB page.
@frozen
public struct Translation: Hashable, Sendable, BitwiseCopyable {
  /// The byte of a pinned page.
  public let address: HostAddress
  /// What the tables allow in the mode that was asked for; a right that would first need a dirty bit
  /// to be set is left out until a write asks for it.
  public let permissions: DMAAccess
  /// The size of the smallest page on the way as a power of two, for ATS completions.
  public let pageShift: UInt8

  init(_ word: TranslationWord, offset: UInt64, isPrivileged: Bool) {
    address = HostAddress(rawValue: word.host | offset)
    permissions = DMAAccess(rawValue: word.permissions(isPrivileged: isPrivileged))
      .union(isPrivileged ? .privileged : [])
    pageShift = word.pageShift
  }
}

/// What a unit answers to a request.
public enum TranslationResult: Hashable, Sendable, BitwiseCopyable {
  /// The request may go there.
  case success(Translation)
  /// The request is refused.
  case fault(TranslationFault)
}

/// A finished translation of one 4 KiB page in one word, as caches keep it.
///
/// Bits 61:12 are the page with its space, 5:3 the rights of privileged requests, 2:0 those of user
/// requests (read, write, execute), 11:6 the size of the page as a power of two.
struct TranslationWord: Hashable, Sendable, BitwiseCopyable {
  static let hostMask: UInt64 = 0x3FFF_FFFF_FFFF_F000

  let rawValue: UInt64

  init(rawValue: UInt64) { self.rawValue = rawValue }

  /// - Parameters:
  ///   - host: A word with the page in bits 61:12.
  ///   - rights: Bits 5:0 as described above.
  ///   - pageShift: The size of the page as a power of two.
  init(host: UInt64, rights: UInt64, pageShift: Int) {
    rawValue = host & Self.hostMask | rights & 0x3F | UInt64(pageShift & 0x3F) << 6
  }

  var host: UInt64 { rawValue & Self.hostMask }
  var pageShift: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 6 & 0x3F) }

  func permissions(isPrivileged: Bool) -> UInt8 {
    UInt8(truncatingIfNeeded: rawValue >> (isPrivileged ? 3 : 0) & 7)
  }

  /// Whether a request may use the page.
  @inline(__always)
  func allows(_ access: DMAAccess) -> Bool {
    let needed = UInt64(access.rawValue & 7)
    let granted = rawValue >> (access.rawValue & 8 == 0 ? 0 : 3)
    // Whoever asks for no right in particular must have one all the same: the tables may refuse all
    // requests of privileged mode, and only a walk says so.
    guard needed != 0 else { return granted & 7 != 0 }
    return needed & ~granted == 0
  }
}

/// What a walk finds.
enum WalkResult {
  case mapped(TranslationWord)
  case fault(TranslationFault)
}
