import HostABI
import SoftHost

/// An address space, shown to a device, with many mappings of one page each, every second page.
final class MappedSpace: BenchProgram {
  /// What is measured.
  enum Operation: String, CaseIterable {
    case map = "MAP of a page at a free address among others"
    case unmap = "UNMAP of such a page"
    case automatic = "MAP with automatic placement"
  }

  private var memory: UInt64 = 0
  private var space: UInt32 = 0
  private let mappings: Int
  private var random = SplitMix64(seed: 7)

  init(mappings: Int) throws(LinuxErrno) {
    self.mappings = mappings
    try super.init()
    let device = try process.open("/dev/vfio/devices/vfio0")
    let bind = [24, 0, UInt32(bitPattern: context), 0, 0, 0]
    let id = try request(0x3B76, on: device, bind, answer: 3)
    space = try request(0x3B81, [12, 0, 0], answer: 2)
    let table = try request(0x3B89, [48, 0, id, space, 0, 0, 0, 0, 0, 0, 0, 0], answer: 4)
    try request(0x3B77, on: device, [16, 0, table, 0])
    memory = try process.allocate(4096, [.read, .write])
    for index in 0..<mappings { try map(at: Self.address(2 * index)) }
  }

  private static func address(_ page: Int) -> UInt64 { 1 << 32 + UInt64(page) << 12 }

  private func map(at address: UInt64?) throws(LinuxErrno) {
    set(40 as UInt32, 0)
    set((address == nil ? 6 : 7) as UInt32, 1)
    set(space, 2)
    set(0 as UInt32, 3)
    set(memory, 4)
    set(4096 as UInt64, 6)
    set(address ?? 0, 8)
    try call(0x3B85, on: context)
  }

  private func unmap(_ address: UInt64, _ byteCount: UInt64 = 4096) throws(LinuxErrno) {
    set(24 as UInt32, 0)
    set(space, 1)
    set(address, 2)
    set(byteCount, 4)
    try call(0x3B86, on: context)
  }

  /// The seconds that the operation takes, repeated at addresses that are all over the space.
  func time(_ operation: Operation, _ rounds: Int) -> Double {
    // Free addresses are the odd pages; each is used once a round.
    let count = min(rounds, mappings)
    let pages = (0..<mappings).shuffled(using: &random).prefix(count).map { 2 * $0 + 1 }
    var total = 0.0
    var done = 0
    while done < rounds {
      let mapping = seconds { () throws(LinuxErrno) in
        if operation == .automatic {
          for _ in pages { try map(at: nil) }
        } else {
          for page in pages { try map(at: Self.address(page)) }
        }
      }
      let unmapping = seconds { () throws(LinuxErrno) in
        if operation == .automatic {
          try unmap(4096, 1 << 32 - 4096)
        } else {
          for page in pages { try unmap(Self.address(page)) }
        }
      }
      total += operation == .unmap ? unmapping : mapping
      done += count
    }
    return total * Double(rounds) / Double(done)
  }

  private func seconds(_ body: () throws(LinuxErrno) -> Void) -> Double {
    do { return try processorSeconds(body) } catch {
      preconditionFailure("a request that works failed: \(error)")
    }
  }
}
