import HostABI
import SoftHost

/// A program on the software host that makes requests with as little around them as possible.
///
/// Structures are written as bytes: what is measured is the request, not a client.
class BenchProgram {
  let host = SoftwareHost.server()
  let process: SoftProcess
  let context: Int32
  /// Where structures stand.
  let place: UInt64
  private var bytes = [UInt8](repeating: 0, count: 48)

  init() throws(LinuxErrno) {
    process = host.makeProcess()
    context = try process.open("/dev/iommu")
    place = try process.allocate(4096, [.read, .write])
  }

  /// Makes a request with 32-bit words, and returns the word at an index afterwards.
  @discardableResult
  func request(
    _ number: UInt32, on descriptor: Int32? = nil, _ words: [UInt32], answer: Int = 0
  ) throws(LinuxErrno) -> UInt32 {
    for (index, word) in words.enumerated() { set(word, index) }
    try call(number, on: descriptor ?? context)
    let back = try process.load(place + UInt64(4 * answer), 4)
    return back.reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// Sets one word of the structure.
  func set(_ word: UInt32, _ index: Int) { Self.put(word, 4 * index, in: &bytes) }

  // A function of its own, because each use of a property is checked for exclusive access.
  private static func put(_ word: UInt32, _ place: Int, in bytes: inout [UInt8]) {
    for byte in 0..<4 { bytes[place + byte] = UInt8(truncatingIfNeeded: word >> (8 * byte)) }
  }

  /// Sets two words of the structure.
  func set(_ value: UInt64, _ index: Int) {
    set(UInt32(truncatingIfNeeded: value), index)
    set(UInt32(truncatingIfNeeded: value >> 32), index + 1)
  }

  /// Makes a request with the structure as it is.
  func call(_ number: UInt32, on descriptor: Int32) throws(LinuxErrno) {
    try process.store(bytes, place)
    _ = try process.ioctl(descriptor, number, place)
  }
}

/// The accelerator with a page table for PASIDs.
final class BenchDevice: BenchProgram {
  private var device: Int32 = -1
  private var table: UInt32 = 0

  override init() throws(LinuxErrno) {
    try super.init()
    device = try process.open("/dev/vfio/devices/vfio0")
    let bind = [24, 0, UInt32(bitPattern: context), 0, 0, 0]
    let id = try request(0x3B76, on: device, bind, answer: 3)
    let space = try request(0x3B81, [12, 0, 0], answer: 2)
    table = try request(0x3B89, [48, 8, id, space, 0, 0, 0, 0, 0, 0, 0, 0], answer: 4)
    try request(0x3B77, on: device, [16, 0, table, 0])
  }

  func attach(_ pasids: ClosedRange<UInt32>) throws(LinuxErrno) {
    for index in 0..<12 { set(0 as UInt32, index) }
    set(16 as UInt32, 0)
    set(1 as UInt32, 1)
    set(table, 2)
    for pasid in pasids {
      set(pasid, 3)
      try call(0x3B77, on: device)
    }
  }

  func detach(_ pasids: ClosedRange<UInt32>) throws(LinuxErrno) {
    set(12 as UInt32, 0)
    set(1 as UInt32, 1)
    for pasid in pasids {
      set(pasid, 2)
      try call(0x3B78, on: device)
    }
  }
}
