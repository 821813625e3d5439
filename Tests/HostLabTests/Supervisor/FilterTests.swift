import HostSystem
import Testing

@testable import HostLab

/// The filter as the kernel would run it, instruction by instruction (`Documentation/networking/filter`).
private struct FilterMachine {
  let program: [UInt64]

  enum Verdict: Hashable {
    case allow
    case notify
    case fail(UInt32)
    case broken
  }

  func run(_ number: Int32, _ arguments: [UInt64], architecture: UInt32) -> Verdict {
    var data = [UInt32](repeating: 0, count: 16)
    data[0] = UInt32(bitPattern: number)
    data[1] = architecture
    for (index, argument) in arguments.enumerated() {
      data[4 + 2 * index] = UInt32(truncatingIfNeeded: argument)
      data[5 + 2 * index] = UInt32(truncatingIfNeeded: argument >> 32)
    }
    var a: UInt32 = 0
    var at = 0
    while at < program.count {
      let word = program[at]
      let (code, k) = (UInt16(truncatingIfNeeded: word), UInt32(truncatingIfNeeded: word >> 32))
      let (yes, no) = (Int(word >> 16 & 0xFF), Int(word >> 24 & 0xFF))
      at += 1
      switch code {
      case 0x20:
        guard k % 4 == 0, k < 64 else { return .broken }
        a = data[Int(k / 4)]
      case 0x74: a >>= k
      case 0x54: a &= k
      case 0x15: at += a == k ? yes : no
      case 0x35: at += a >= k ? yes : no
      case 0x45: at += a & k != 0 ? yes : no
      case 0x06:
        switch k & 0xFFFF_0000 {
        case 0x7FFF_0000: return .allow
        case 0x7FC0_0000: return .notify
        case 0x0005_0000: return .fail(k & 0xFFFF)
        default: return .broken
        }
      default: return .broken
      }
    }
    return .broken
  }
}

@Suite("What the filter sends to the supervisor")
struct FilterTests {
  private static let window: Range<Int32> = 768..<1024

  private func run(
    _ number: Int32, _ arguments: [UInt64] = [], answersStat: Bool = false,
    architecture: UInt32 = SystemCall.architecture
  ) -> FilterMachine.Verdict {
    let filter = Filter(window: Self.window, answersStat: answersStat)
    return FilterMachine(program: filter.program()).run(
      number, arguments, architecture: architecture)
  }

  @Test("the kernel takes no more than 4,096 instructions, and jumps of a byte")
  func size() {
    let program = Filter(window: Self.window, answersStat: true).program()
    #expect(program.count < 512)
  }

  @Test(
    "calls on one of our descriptors come here, on all others they do not",
    arguments: [
      SystemCall.read, SystemCall.write, SystemCall.readv, SystemCall.writev, SystemCall.close,
      SystemCall.dup, SystemCall.fcntl, SystemCall.fstat, SystemCall.statx, SystemCall.pread,
      SystemCall.pwrite, SystemCall.preadv, SystemCall.pwritev, SystemCall.preadv2,
      SystemCall.pwritev2, SystemCall.newfstatat, SystemCall.dup3, SystemCall.sendfile,
      SystemCall.splice, SystemCall.copyFileRange,
    ])
  func descriptors(number: Int32) {
    for descriptor in [768, 900, 1023] as [UInt64] {
      #expect(run(number, [descriptor]) == .notify)
      // The register's upper half is not part of the argument.
      #expect(run(number, [descriptor | 0xABCD << 32]) == .notify)
    }
    for descriptor in [0, 3, 767, 1024, UInt64(UInt32.max), .max] {
      #expect(run(number, [descriptor]) == .allow)
    }
  }

  @Test("requests of VFIO and iommufd come here on any descriptor, others do not")
  func requests() {
    for descriptor in [3, 800] as [UInt64] {
      for request in [0x3B64, 0x3B81, 0x3BFF, 0xABCD_3B85] as [UInt64] {
        #expect(run(SystemCall.ioctl, [descriptor, request]) == .notify)
      }
      for request in [0x5401, 0x3A81, 0x3C00, 0xC050_2100] as [UInt64] {
        #expect(run(SystemCall.ioctl, [descriptor, request]) == .allow)
      }
    }
  }

  @Test("offsets of regions come here on any descriptor, those of files do not")
  func offsets() {
    let region = Filter.firstOffset
    for offset in [region, region + 4, 0x2F << 40, (1 << 63) - 1] as [UInt64] {
      #expect(run(SystemCall.pread, [3, 0, 8, offset]) == .notify)
      #expect(run(SystemCall.pwritev, [3, 0, 1, offset]) == .notify)
      #expect(run(SystemCall.mmap, [0, 4096, 3, 1, 3, offset]) == .notify)
    }
    for offset in [0, 4096, 1 << 40, region - 1, 1 << 63, .max] as [UInt64] {
      #expect(run(SystemCall.pread, [3, 0, 8, offset]) == .allow)
      #expect(run(SystemCall.mmap, [0, 4096, 3, 1, 3, offset]) == .allow)
    }
  }

  @Test("a mapping names a descriptor unless it is anonymous")
  func mappings() {
    #expect(run(SystemCall.mmap, [0, 4096, 3, 1, 800, 0]) == .notify)
    #expect(run(SystemCall.mmap, [0, 4096, 3, 0x22, 800, 0]) == .allow)
    #expect(run(SystemCall.mmap, [0, 4096, 3, 0x21, .max, 0]) == .allow)
    #expect(run(SystemCall.mmap, [0, 4096, 3, 0x22, .max, Filter.firstOffset]) == .allow)
  }

  @Test("the second descriptor of a call counts too")
  func seconds() {
    #expect(run(SystemCall.dup3, [3, 800]) == .notify)
    #expect(run(SystemCall.sendfile, [3, 800]) == .notify)
    #expect(run(SystemCall.splice, [3, 0, 800]) == .notify)
    #expect(run(SystemCall.copyFileRange, [3, 0, 800]) == .notify)
    #expect(run(SystemCall.dup3, [3, 4]) == .allow)
  }

  @Test("ways that would pass by are closed")
  func closed() {
    for number in [
      SystemCall.ioUringSetup, SystemCall.ioUringEnter, SystemCall.ioUringRegister,
    ] {
      #expect(run(number) == .fail(38))
    }
    #expect(run(SystemCall.ioSubmit, [0, 1, 0x1000]) == .notify)
    // Another architecture's numbers mean other calls.
    #expect(run(SystemCall.read, [800], architecture: 0x4000_0003) == .fail(38))
    #if arch(x86_64)
      #expect(run(0x4000_0000 | SystemCall.read, [800]) == .fail(38))
    #endif
  }

  @Test("paths are looked at when opened, and when asked about only where nodes are plain files")
  func paths() {
    #expect(run(SystemCall.openat, [0xFFFF_FF9C, 0x1000]) == .notify)
    #expect(run(SystemCall.openat2, [3, 0x1000]) == .notify)
    for call in [SystemCall.newfstatat, SystemCall.statx] {
      #expect(run(call, [0xFFFF_FF9C, 0x1000]) == .allow)
      #expect(run(call, [0xFFFF_FF9C, 0x1000], answersStat: true) == .notify)
    }
  }

  @Test("the window leaves a program most of its numbers", arguments: [16, 256, 1024, 20_000])
  func window(limit: UInt64) {
    let window = Filter.window(limit: limit)
    #expect(window.upperBound <= Int32(limit) && !window.isEmpty)
    #expect(window.lowerBound >= Int32(min(limit, 1024)) / 2)
  }
}
