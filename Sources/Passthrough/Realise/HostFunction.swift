import HostABI
import IOMMUClient
import PCIe

/// A realised device's own config space: VFIO's, or whatever the VMM has.
///
/// What the host does not answer reads as ones, and is dropped when written, as on a bus whose device
/// is gone.
struct HostFunction: PhysicalConfigSpace {
  private enum Source {
    case vfio(KeptDevice, DeviceRegion)
    case foreign(any PhysicalConfigSpace)
    case gone
  }

  private var source: Source

  /// A device of VFIO.
  init(_ device: KeptDevice) throws(IOMMUError) {
    source = .vfio(device, try device.device.region(VFIOPCI.configRegion))
  }

  /// A device that the VMM reaches by itself.
  init(foreign: any PhysicalConfigSpace) { source = .foreign(foreign) }

  /// Lets go of the device.
  mutating func end() { source = .gone }

  mutating func read(_ width: AccessWidth, at offset: Int) -> UInt32 {
    switch source {
    case .vfio(let device, let region):
      let device = device
      let place = UInt64(offset)
      switch width {
      case .byte:
        return (try? device.device.load(UInt8.self, region, at: place)).map { UInt32($0) } ?? .max
      case .word:
        return (try? device.device.load(UInt16.self, region, at: place)).map { UInt32($0) } ?? .max
      case .dword: return (try? device.device.load(UInt32.self, region, at: place)) ?? .max
      }
    case .foreign(var other):
      defer { source = .foreign(other) }
      return other.read(width, at: offset)
    case .gone: return .max
    }
  }

  mutating func write(_ value: UInt32, _ width: AccessWidth, at offset: Int) {
    switch source {
    case .vfio(let device, let region):
      let place = UInt64(offset)
      switch width {
      case .byte: try? device.device.store(UInt8(truncatingIfNeeded: value), region, at: place)
      case .word: try? device.device.store(UInt16(truncatingIfNeeded: value), region, at: place)
      case .dword: try? device.device.store(value, region, at: place)
      }
    case .foreign(var other):
      other.write(value, width, at: offset)
      source = .foreign(other)
    case .gone: break
    }
  }

  /// All bytes, as the VMM sees them.
  mutating func snapshot() throws(RealiseSnapshotError) -> ConfigSpace {
    let bytes: [UInt8]
    switch source {
    case .vfio(let device, let region):
      do throws(IOMMUError) {
        bytes = try device.device.read(region, at: 0, count: ConfigSpace.extendedSize)
      } catch {
        throw .host(error)
      }
    case .foreign, .gone:
      bytes = stride(from: 0, to: ConfigSpace.extendedSize, by: 4).flatMap { offset in
        let value = read(.dword, at: offset)
        return (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
      }
    }
    do {
      return try ConfigSpace(bytes)
    } catch {
      throw .size(bytes.count)
    }
  }
}

/// Why a config space cannot be read.
enum RealiseSnapshotError: Error {
  case host(IOMMUError)
  case size(Int)
}
