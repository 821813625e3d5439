import HostSystem

/// The filter that decides, in the program's own kernel, which of its system calls come here.
///
/// Calls that name one of our descriptors come here by the descriptor's number: ours lie in a window
/// of numbers that programs seldom reach on their own. VFIO's and iommufd's requests come here
/// whatever the number, since a program may duplicate a descriptor to any.
struct Filter {
  /// The numbers of our descriptors.
  let window: Range<Int32>
  /// Whether paths are to be asked about too, since our device nodes are plain files.
  let answersStat: Bool

  /// The numbers for a program that may have so many descriptors.
  static func window(limit: UInt64) -> Range<Int32> {
    let end = Int32(clamping: min(limit, 1024))
    return max(end - 256, end / 2)..<end
  }

  /// Offsets from here on are of our regions.
  static let firstOffset: UInt64 = 0x10 << 40

  /// `struct sock_filter` instructions, each in one word.
  func program() -> [UInt64] {
    var code = FilterCode()
    code.load(FilterCode.architecture)
    code.unless(SystemCall.architecture, .fail(38))
    code.load(FilterCode.number)
    #if arch(x86_64)
      // The x32 calls would pass by the numbers below.
      code.ifAtLeast(0x4000_0000, .fail(38))
    #endif
    // The most frequent ones first.
    code.block(for: SystemCall.ioctl) { code in
      code.loadLow(1)
      code.shiftRight(8)
      code.and(0xFF)
      code.ifEqual(0x3B, .notify)
    }
    for number in [
      SystemCall.pread, SystemCall.pwrite, SystemCall.preadv, SystemCall.pwritev,
      SystemCall.preadv2, SystemCall.pwritev2,
    ] {
      code.block(for: number) { code in
        code.ifInWindow(0, window)
        code.ifFar(3)
      }
    }
    // A ring carries out calls without making them.
    for number in [SystemCall.ioUringSetup, SystemCall.ioUringEnter, SystemCall.ioUringRegister] {
      code.ifEqual(UInt32(number), .fail(38))
    }
    var always = [
      SystemCall.openat, SystemCall.openat2, SystemCall.open, SystemCall.closeRange,
      SystemCall.execve,
      SystemCall.execveat, SystemCall.ioSubmit,
    ]
    if answersStat { always += [SystemCall.stat, SystemCall.lstat] }
    for number in always where number >= 0 { code.ifEqual(UInt32(number), .notify) }
    for number in [
      SystemCall.read, SystemCall.write, SystemCall.readv, SystemCall.writev, SystemCall.close,
      SystemCall.dup,
      SystemCall.fcntl, SystemCall.fstat, SystemCall.lseek,
    ] {
      code.block(for: number) { $0.ifInWindow(0, window) }
    }
    for number in [SystemCall.newfstatat, SystemCall.statx] {
      code.block(for: number) { code in
        if answersStat { code.answer(.notify) } else { code.ifInWindow(0, window) }
      }
    }
    for number in [SystemCall.dup2, SystemCall.dup3] where number >= 0 {
      code.block(for: number) { code in
        code.ifInWindow(0, window)
        code.ifInWindow(1, window)
      }
    }
    code.block(for: SystemCall.sendfile) { code in
      code.ifInWindow(0, window)
      code.ifInWindow(1, window)
    }
    for number in [SystemCall.splice, SystemCall.copyFileRange] {
      code.block(for: number) { code in
        code.ifInWindow(0, window)
        code.ifInWindow(2, window)
      }
    }
    code.block(for: SystemCall.mmap) { code in
      code.loadLow(3)
      // MAP_ANONYMOUS: descriptor and offset mean nothing.
      code.skip(unlessAny: 0x20) { code in
        code.ifFar(5)
        code.ifInWindow(4, window)
      }
    }
    code.answer(.allow)
    return code.words
  }
}

/// Classic BPF as seccomp runs it.
struct FilterCode {
  /// What becomes of a call.
  enum Answer {
    case allow
    case notify
    /// It fails with an errno.
    case fail(UInt32)

    var value: UInt32 {
      switch self {
      case .allow: 0x7FFF_0000
      case .notify: 0x7FC0_0000
      case .fail(let errno): 0x0005_0000 | errno
      }
    }
  }

  /// Where `struct seccomp_data` has the call's number and the architecture.
  static let number: UInt32 = 0
  static let architecture: UInt32 = 4

  private(set) var words: [UInt64] = []

  private mutating func add(_ code: UInt16, _ k: UInt32, yes: UInt8 = 0, no: UInt8 = 0) {
    words.append(UInt64(code) | UInt64(yes) << 16 | UInt64(no) << 24 | UInt64(k) << 32)
  }

  mutating func load(_ offset: UInt32) { add(0x20, offset) }
  /// The low half of an argument.
  mutating func loadLow(_ argument: UInt32) { load(16 + 8 * argument) }
  mutating func shiftRight(_ bits: UInt32) { add(0x74, bits) }
  mutating func and(_ mask: UInt32) { add(0x54, mask) }
  mutating func answer(_ answer: Answer) { add(0x06, answer.value) }

  mutating func ifEqual(_ value: UInt32, _ then: Answer) {
    add(0x15, value, no: 1)
    answer(then)
  }

  mutating func unless(_ value: UInt32, _ then: Answer) {
    add(0x15, value, yes: 1)
    answer(then)
  }

  mutating func ifAtLeast(_ value: UInt32, _ then: Answer) {
    add(0x35, value, no: 1)
    answer(then)
  }

  /// A call comes here when its argument is one of our numbers.
  mutating func ifInWindow(_ argument: UInt32, _ window: Range<Int32>) {
    loadLow(argument)
    add(0x35, UInt32(window.lowerBound), no: 2)
    add(0x35, UInt32(window.upperBound), yes: 1)
    answer(.notify)
  }

  /// A call comes here when its argument is an offset of our regions.
  mutating func ifFar(_ argument: UInt32) {
    load(16 + 8 * argument + 4)
    // Offsets below zero are nobody's.
    add(0x35, UInt32(Filter.firstOffset >> 32), no: 2)
    add(0x35, 0x8000_0000, yes: 1)
    answer(.notify)
  }

  /// What follows happens only when none of the bits is set.
  mutating func skip(unlessAny bits: UInt32, _ body: (inout FilterCode) -> Void) {
    let place = words.count
    add(0x45, bits)
    body(&self)
    words[place] |= UInt64(words.count - place - 1) << 16
  }

  /// What follows is for one call, which is allowed at its end; the call's number is loaded.
  mutating func block(for number: Int32, _ body: (inout FilterCode) -> Void) {
    guard number >= 0 else { return }
    let place = words.count
    add(0x15, UInt32(number))
    body(&self)
    answer(.allow)
    words[place] |= UInt64(words.count - place - 1) << 24
  }
}
