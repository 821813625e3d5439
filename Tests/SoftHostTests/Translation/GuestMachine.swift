import HostABI
import Hardware
import IOMMU
import IOMMUClient
import SoftHost
import Testing

/// A VMM with one device on a software host, and its guest's memory.
struct GuestMachine: ~Copyable {
  let host: SoftwareHost
  let process: SoftProcess
  let endpoint: Endpoint
  let context: IOMMUClient.IOMMUContext
  let device: BoundDevice
  let space: IOAddressSpace
  /// Where guest memory starts in the program; guest-physical address 0.
  let memory: UInt64
  static let memorySize: UInt64 = 8 << 20

  init(
    device number: Int = 0, isStrict: Bool = false, on other: SoftwareHost? = nil,
    _ credentials: Credentials = .root
  ) throws {
    let host = other ?? SoftwareHost.server(isStrict: isStrict)
    let process = host.makeProcess(credentials)
    let context = try IOMMUClient.IOMMUContext(on: process)
    let device = try VFIODevice(path: "/dev/vfio/devices/vfio\(number)", on: process)
      .bind(to: context)
    let space = try IOAddressSpace(in: context)
    let memory = try process.allocate(Int(Self.memorySize), [.read, .write])
    _ = try space.map(memory, byteCount: Self.memorySize, at: IOVA(0))
    try Self.enable(device, of: process)
    self.host = host
    self.process = process
    endpoint = host.endpoints[number]
    self.context = context
    self.device = device
    self.space = space
    self.memory = memory
  }

  /// Bus mastering and memory decode, as VMMs turn on before they let a guest's device run.
  static func enable(_ device: borrowing BoundDevice, of process: SoftProcess) throws {
    let page = try process.allocate(4096, [.read, .write])
    try process.store([6, 0], page)
    _ = try process.pwrite(device.descriptor, page, 2, at: 7 << 40 + 4)
    try process.release(page, 4096)
  }

  func poke(_ value: UInt64, at address: UInt64) throws {
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    try process.store(bytes, memory + address)
  }

  func peek(_ address: UInt64) throws -> UInt64 {
    try process.load(memory + address, 8).enumerated().reduce(0) {
      $0 | UInt64($1.element) << (8 * $1.offset)
    }
  }

  /// Maps a page in a 4-level VT-d first-stage table; lower tables are taken from `next`.
  func mapFirstStage(
    _ address: UInt64, to page: UInt64, root: UInt64, next: inout UInt64, flags: UInt64 = 7
  ) throws {
    var table = root
    for level in (1...3).reversed() {
      let place = table + (address >> UInt64(12 + 9 * level) & 0x1FF) * 8
      var entry = try peek(place)
      if entry & 1 == 0 {
        entry = next | 7
        next += 4096
        try poke(entry, at: place)
      }
      table = entry & ~0xFFF
    }
    try poke(page | flags, at: table + (address >> 12 & 0x1FF) * 8)
  }

  /// What a device's eight-byte read finds.
  func read(_ address: UInt64, pasid: UInt32? = nil, _ mode: DMAAccess = []) -> Found {
    var bytes = [UInt8](repeating: 0, count: 8)
    var span = bytes.mutableSpan
    let result = endpoint.read(
      IOVA(address), into: &span, pasid: pasid.flatMap { PASID(rawValue: $0) }, mode)
    guard case .done = result else { return .refused(result) }
    return .value(
      bytes.enumerated().reduce(0) { $0 | UInt64($1.element) << (8 * $1.offset) })
  }

  func write(_ value: UInt64, _ address: UInt64, pasid: UInt32? = nil) -> DMAResult {
    let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    return endpoint.write(
      IOVA(address), bytes.span, pasid: pasid.flatMap { PASID(rawValue: $0) })
  }

  enum Found: Equatable {
    case value(UInt64)
    case refused(DMAResult)

    var isBlocked: Bool { self == .refused(.blocked) }

    var fault: TranslationFault? {
      if case .refused(.fault(let fault, _)) = self { fault } else { nil }
    }
  }
}
