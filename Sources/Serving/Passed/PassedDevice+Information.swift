import HostABI
import IOMMUClient
import Passthrough
import VFIOUser

extension PassedDevice {
  /// What VFIO says about a device, as clients are told.
  static func information(
    _ name: String, _ kept: KeptDevice, _ kernel: any HostKernel, _ offersMapping: Bool
  ) throws(IOMMUError) -> (UserDeviceInformation, [DeviceRegion?]) {
    var regions: [DeviceRegion?] = []
    var told: [UserDeviceInformation.Region] = []
    var file: ReceivedFile?
    for index in 0..<VFIOPCI.regionCount {
      let region = try region(index, of: kept)
      regions.append(region)
      guard let region else {
        told.append(.init())
        continue
      }
      var one = UserDeviceInformation.Region(
        byteCount: region.byteCount, flags: region.flags.intersection([.read, .write]))
      if offersMapping, region.flags.contains(.mmap), region.byteCount > 0 {
        if file == nil {
          file = (try? kernel.duplicate(kept.device.descriptor)).map { ReceivedFile(owning: $0) }
        }
        if let file {
          one.flags.insert(.mmap)
          one.file = (file, region.offset)
          one.mappableParts = mappableParts(of: region)
        }
      }
      told.append(one)
    }
    var interrupts: [UserDeviceInformation.Interrupts] = []
    for kind in DeviceInterrupts.Kind.allCases {
      let facts = try interruptFacts(kind, of: kept)
      interrupts.append(
        .init(count: facts?.count ?? 0, flags: facts?.flags.rawValue ?? 0))
    }
    return (UserDeviceInformation(name: name, regions: told, interrupts: interrupts), regions)
  }

  /// A region; VFIO refuses those that a function does not have (VGA).
  private static func region(
    _ index: UInt32, of kept: KeptDevice
  ) throws(IOMMUError) -> DeviceRegion? {
    do throws(IOMMUError) { return try kept.device.region(index) } catch {
      guard error.errno == .EINVAL else { throw error }
      return nil
    }
  }

  private static func interruptFacts(
    _ kind: DeviceInterrupts.Kind, of kept: KeptDevice
  ) throws(IOMMUError) -> DeviceInterrupts? {
    do throws(IOMMUError) { return try kept.device.interrupts(kind) } catch {
      guard error.errno == .EINVAL else { throw error }
      return nil
    }
  }

  /// The parts of a region that may be mapped (`VFIO_REGION_INFO_CAP_SPARSE_MMAP`); empty for all.
  private static func mappableParts(of region: DeviceRegion) -> [Range<UInt64>] {
    guard let sparse = region.capabilities.first(where: { $0.id == 1 }) else { return [] }
    func word(_ offset: Int) -> UInt64? {
      guard offset + 8 <= sparse.body.count else { return nil }
      return (0..<8).reduce(0) { $0 | UInt64(sparse.body[offset + $1]) << UInt64(8 * $1) }
    }
    // A count, four bytes of nothing, then offset and size of each.
    guard let count = word(0).map({ Int($0 & 0xFFFF_FFFF) }) else { return [] }
    var parts: [Range<UInt64>] = []
    for index in 0..<min(count, sparse.body.count / 16) {
      guard let start = word(8 + 16 * index), let size = word(16 + 16 * index) else { break }
      let (end, overflow) = start.addingReportingOverflow(size)
      guard size > 0, !overflow, end <= region.byteCount else { continue }
      parts.append(start..<end)
    }
    return parts
  }
}
