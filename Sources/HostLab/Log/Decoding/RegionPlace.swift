import Hardware
import HostABI

/// Where in a device's file an access goes: a region, and an offset in it.
struct RegionPlace: Hashable, Sendable {
  /// VFIO's number of the region.
  let region: Int
  let offset: UInt64

  /// Finds the region of a file offset: `(0x10 + i) << 40` for memory, `(0x20 + i) << 40` for what a
  /// model handles, and `i << 40` as the kernel has it.
  init?(_ fileOffset: UInt64) {
    let number = Int(fileOffset >> VFIOPCI.offsetShift)
    region = number & 0xF
    guard number >> 4 <= 2, region < Int(VFIOPCI.regionCount) else { return nil }
    offset = fileOffset & (1 << VFIOPCI.offsetShift - 1)
  }

  /// The region's name: `config`, `BAR0`, `ROM`.
  var name: String { FieldNames.region[UInt64(region)] ?? "region \(region)" }

  var isConfig: Bool { region == Int(VFIOPCI.configRegion) }
}
