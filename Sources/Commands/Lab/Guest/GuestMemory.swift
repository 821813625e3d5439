import HostABI
import Hardware

/// The simulated guest's memory: pages of the program that plays the VMM, at guest-physical
/// addresses of their own.
final class GuestMemory: Sendable {
  static let pageSize: UInt64 = 4096

  private let kernel: any HostKernel
  /// Where the memory starts in the program.
  let hostAddress: UInt64
  /// The guest-physical address of its first byte.
  let start: GuestPhysicalAddress
  let byteCount: UInt64

  /// Allocates the memory, filled with zeros.
  init(
    on kernel: any HostKernel, at start: GuestPhysicalAddress, byteCount: UInt64
  ) throws(LinuxErrno) {
    self.kernel = kernel
    self.start = start
    self.byteCount = byteCount
    hostAddress = try kernel.allocate(Int(byteCount), [.read, .write])
  }

  deinit { try? kernel.release(hostAddress, Int(byteCount)) }

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

  /// A page of zeros.
  mutating func take() -> GuestPhysicalAddress {
    precondition(next < end, "the lab's guest has memory for all that the lab does")
    defer { next += GuestMemory.pageSize }
    return GuestPhysicalAddress(next)
  }
}
