import GuestSupport
import HostABI
import HostLab
import HostSystem
import Hardware
import PCIe
import Passthrough
import Serving
import SoftHost
import Synchronization
import VFIOUser
import VirtualIOMMU

/// A VMM's side of a served device: guest memory in a memfd, a guest that drives a VT-d unit, and a
/// device of a software host behind it.
final class PassedMachine {
  let host = SoftwareHost.server(isStrict: true)
  let kernel: OwnProcessKernel
  let driver: GuestDriver
  let file: ReceivedFile
  let device: PassedDevice
  let trace = Notes()
  static let size: UInt64 = 8 << 20
  static let place = RequesterID(bus: 0, devfn: 8 << 3)

  init(
    _ number: Int = 0, place: RequesterID = PassedMachine.place, isBehindUnit: Bool = true,
    configuration: VTdConfiguration? = nil
  ) throws {
    let configuration =
      try configuration ?? VTdConfiguration(features: VTdConfiguration.passthroughFeatures)
    kernel = OwnProcessKernel(host)
    file = ReceivedFile(owning: try Calls.makeMemoryFile(Int(Self.size)))
    let view = try kernel.map(
      file.descriptor, offset: 0, Int(Self.size), [.read, .write])
    driver = try GuestDriver(configuration, in: kernel, from: view, size: Self.size)
    device = try PassedDevice(
      "dsa0", from: .node("/dev/vfio/devices/vfio\(number)"), at: place,
      behind: isBehindUnit ? driver.unit : nil, on: kernel, offersMapping: false, trace: trace)
  }

  /// All guest memory, as a client maps it.
  func mapping(_ range: Range<UInt64> = 0..<PassedMachine.size, isWritable: Bool = true)
    -> UserMapping
  {
    UserMapping(
      range: range.lowerBound...(range.upperBound - 1), isReadable: true, isWritable: isWritable,
      file: (file, range.lowerBound))
  }

  func config(_ offset: Int, _ count: Int) throws -> UInt64 {
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    try device.read(7, at: UInt64(offset), into: &span)
    return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  func setConfig(_ value: UInt64, _ offset: Int, _ count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    try device.write(7, at: UInt64(offset), bytes.span)
  }

  /// Where a capability of the extended list is, as a guest finds it.
  func find(_ id: UInt64) throws -> Int? {
    var offset = 0x100
    for _ in 0..<480 where offset != 0 {
      let header = try config(offset, 4)
      if header & 0xFFFF == id { return offset }
      offset = Int(header >> 20)
    }
    return nil
  }

  /// What the device's eight-byte read finds; `nil` when it is refused or blocked.
  func read(_ address: UInt64, pasid: UInt32? = nil, from number: Int = 0) -> UInt64? {
    var bytes = [UInt8](repeating: 0, count: 8)
    var span = bytes.mutableSpan
    let result = host.endpoints[number].read(
      IOVA(address), into: &span, pasid: pasid.flatMap { PASID(rawValue: $0) })
    guard case .done = result else { return nil }
    return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// Whether the device's write of eight bytes got through.
  func write(_ value: UInt64, _ address: UInt64, pasid: UInt32? = nil) -> Bool {
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    let result = host.endpoints[0].write(
      IOVA(address), bytes.span, pasid: pasid.flatMap { PASID(rawValue: $0) })
    if case .done = result { return true }
    return false
  }

  /// The guest turns the device on, tells the unit of it, and passes requests without a PASID through.
  ///
  /// - Returns: The PASID directory.
  func start() throws -> UInt64 {
    try setConfig(6, 4, 2)
    guard driver.boot() else { throw LinuxErrno.EIO }
    let directory = driver.context(Self.place)
    driver.entry(0, directory, root: nil)
    let source = UInt64(Self.place.sourceID) << 32
    guard driver.submit([(1 | 3 << 4 | source, 0)]) else { throw LinuxErrno.EIO }
    return directory
  }

  /// Puts a process's tables behind a PASID.
  func attach(_ pasid: UInt32, _ directory: UInt64, root: UInt64?) -> Bool {
    driver.entry(pasid, directory, root: root)
    return driver.submit([(7 | 1 << 4 | 1 << 16 | UInt64(pasid) << 32, 0)])
  }
}

/// Keeps what a device tells.
final class Notes: ServeTrace {
  private let events = Mutex<[ServeEvent]>([])
  var wantsAccesses: Bool { false }
  func note(_ event: ServeEvent, of device: String) { events.withLock { $0.append(event) } }
  var all: [ServeEvent] { events.withLock { $0 } }
}

/// A client that nobody asks anything.
final class SilentPeer: UserPeer {
  func post(_ address: UInt64, _ bytes: Span<UInt8>) -> Bool { false }
  func read(_ address: UInt64, into buffer: inout MutableSpan<UInt8>) throws(LinuxErrno) {
    throw .EIO
  }
  func write(_ address: UInt64, _ bytes: Span<UInt8>) throws(LinuxErrno) { throw .EIO }
}
