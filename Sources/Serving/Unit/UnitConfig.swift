import HostABI
import Hardware
import PCIe
import VFIOUser

/// Config space of the unit's function: a header with one base address register, and a capability that
/// makes it a PCI Express function.
struct UnitConfig {
  private var bytes: [UInt8]
  /// Which bits a guest can write.
  private let mask: [UInt8]

  /// The register page.
  static let byteCount: UInt64 = 4096

  init() {
    var bytes = [UInt8](repeating: 0, count: 4096)
    func put(_ value: UInt32, _ count: Int, _ offset: Int, _ target: inout [UInt8]) {
      for index in 0..<count {
        target[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index))
      }
    }
    // A device ID of the range for tests, so that no driver takes it: system peripheral, IOMMU.
    put(0x1B36, 2, 0, &bytes)
    put(0x00FE, 2, 2, &bytes)
    put(0x0806_0000, 4, 8, &bytes)
    put(0x1AF4_1100, 4, 0x2C, &bytes)
    // Status: a list of capabilities.
    put(0x10, 2, 6, &bytes)
    bytes[0x34] = 0x40
    // PCI Express, version 2, root complex integrated endpoint.
    put(0x0092_0010, 4, 0x40, &bytes)
    self.bytes = bytes
    var mask = [UInt8](repeating: 0, count: 4096)
    // Command: memory, bus master, INTx disable.
    put(0x0406, 2, 4, &mask)
    mask[0x0C] = 0xFF
    // A BAR of 4,096 bytes below 4 GiB.
    put(0xFFFF_F000, 4, 0x10, &mask)
    mask[0x3C] = 0xFF
    self.mask = mask
  }

  /// Where the registers are; `nil` before somebody has said it.
  var base: UInt64? {
    let value = bytes.span.value(4, at: 0x10) & 0xFFFF_F000
    return value == 0 || value == 0xFFFF_F000 ? nil : value
  }

  /// Whether the registers answer: memory decoding is on.
  var decodesMemory: Bool { bytes[4] & 2 != 0 }

  /// Puts everything back to how it was at first.
  mutating func reset() { self = UnitConfig() }

  func read(at offset: Int, into buffer: inout MutableSpan<UInt8>) {
    for index in buffer.indices {
      let place = offset + index
      buffer[index] = bytes.indices.contains(place) ? bytes[place] : 0xFF
    }
  }

  /// Writes what can be written.
  ///
  /// - Returns: Whether it is the firmware's question for an option ROM, which it asks when its tables
  ///   are in memory.
  mutating func write(at offset: Int, _ written: Span<UInt8>) -> Bool {
    for index in written.indices {
      let place = offset + index
      guard bytes.indices.contains(place) else { continue }
      bytes[place] = bytes[place] & ~mask[place] | written[index] & mask[place]
    }
    return offset == 0x30 && written.count == 4 && written.value(4, at: 0) == 0xFFFF_FFFE
  }

  /// The function as the guest finds it, for the names of its registers.
  static var space: ConfigSpace { ConfigSpace(unchecked: UnitConfig().bytes) }

  static func information(name: String) -> UserDeviceInformation {
    var regions = [UserDeviceInformation.Region](repeating: .init(), count: 9)
    regions[0] = .init(byteCount: byteCount, flags: [.read, .write])
    regions[Int(VFIOPCI.configRegion)] = .init(byteCount: 4096, flags: [.read, .write])
    return UserDeviceInformation(
      name: name, regions: regions,
      // No interrupts of its own, but errors, without which QEMU warns.
      interrupts: (0..<5).map { $0 == 3 ? .init(count: 1, flags: 1) : .init() })
  }
}
