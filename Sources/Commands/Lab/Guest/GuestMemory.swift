import HostABI
import Hardware

/// Memory of the program that plays the VMM, filled with zeros at first.
final class GuestBacking {
  let kernel: any HostKernel
  /// Where it starts in the program.
  let address: UInt64
  let byteCount: UInt64

  init(on kernel: any HostKernel, byteCount: UInt64) throws(LinuxErrno) {
    self.kernel = kernel
    self.byteCount = byteCount
    address = try kernel.allocate(Int(byteCount), [.read, .write])
  }

  deinit { try? kernel.release(address, Int(byteCount)) }
}

/// The simulated guest's memory: pages of the program that plays the VMM, at guest-physical
/// addresses of their own.
final class GuestMemory {
  static let pageSize: UInt64 = 4096

  /// What holds its bytes; a migration changes it.
  var backing: GuestBacking
  /// The guest-physical address of its first byte.
  let start: GuestPhysicalAddress

  /// Allocates the memory.
  init(
    on kernel: any HostKernel, at start: GuestPhysicalAddress, byteCount: UInt64
  ) throws(LinuxErrno) {
    self.start = start
    backing = try GuestBacking(on: kernel, byteCount: byteCount)
  }

  private var kernel: any HostKernel { backing.kernel }
  /// Where the memory starts in the program.
  var hostAddress: UInt64 { backing.address }
  var byteCount: UInt64 { backing.byteCount }

  /// The guest-physical address of the last byte.
  var last: GuestPhysicalAddress { GuestPhysicalAddress(start.rawValue + (byteCount - 1)) }

  /// Where the host has a byte of the guest.
  func host(_ address: GuestPhysicalAddress) -> UInt64 {
    hostAddress &+ (address.rawValue &- start.rawValue)
  }

  func load(_ address: GuestPhysicalAddress, _ count: Int) throws(LinuxErrno) -> [UInt8] {
    try kernel.load(host(address), count)
  }

  func store(_ bytes: [UInt8], _ address: GuestPhysicalAddress) throws(LinuxErrno) {
    try kernel.store(bytes, host(address))
  }

  func word(_ address: GuestPhysicalAddress) throws(LinuxErrno) -> UInt64 {
    let bytes = try load(address, 8)
    return bytes.span.little(UInt64.self, at: 0) ?? 0
  }

  func store(_ word: UInt64, _ address: GuestPhysicalAddress) throws(LinuxErrno) {
    try store((0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }, address)
  }

  /// The text that stands at an address, up to a count of bytes.
  func text(_ address: GuestPhysicalAddress, _ count: Int) throws(LinuxErrno) -> String {
    String(decoding: try load(address, count).prefix { $0 != 0 }, as: UTF8.self)
  }
}

/// The guest's page allocator: every page once, from the lowest.
struct GuestPages {
  private var next: UInt64
  private let end: UInt64

  init(of memory: GuestMemory) {
    next = memory.start.rawValue
    end = memory.start.rawValue + memory.byteCount
  }

  /// A page of zeros, or the first of several that follow each other.
  mutating func take(_ count: UInt64 = 1) -> GuestPhysicalAddress {
    precondition(
      count * GuestMemory.pageSize <= end - next,
      "the lab's guest has memory for all that the lab does")
    defer { next += count * GuestMemory.pageSize }
    return GuestPhysicalAddress(next)
  }
}
