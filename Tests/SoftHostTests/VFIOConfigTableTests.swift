import Hardware
import HostABI
import PCIe
import TestSupport
import Testing

@testable import SoftHost

/// What a program can change at every single offset, for three devices.
@Suite("VFIO: config space, byte by byte")
struct VFIOConfigTableTests {
  /// Bits that a program can change, at some bytes.
  typealias Row = (bytes: ClosedRange<Int>, bits: UInt8)

  /// The accelerator, with a device below that takes every write.
  private static let open: [Row] = [
    (0x04...0x04, 0xFF), (0x05...0x05, 0xFF), (0x0C...0x0D, 0xFF), (0x0F...0x0F, 0xFF),
    // BARs 0 and 2 with 64 and 128 KiB; the other two are not there.
    (0x12...0x17, 0xFF), (0x1A...0x1A, 0xFE), (0x1B...0x1F, 0xFF),
    (0x3C...0x3C, 0xFF),
    // PCI Express: no phantom functions, no ARI forwarding, FLR reads zero.
    (0x48...0x48, 0xFF), (0x49...0x49, 0x7D), (0x68...0x68, 0xDF), (0x69...0x69, 0xFF),
    (0x6C...0x7F, 0xFF), (0x8C...0x8F, 0xFF),
    // PM: D0 and D3, then what is neither state nor PME.
    (0x94...0x94, 0xFF), (0x95...0x95, 0x7E), (0x96...0x97, 0xFF), (0x98...0xFF, 0xFF),
    // AER: the defined bits.
    (0x104...0x104, 0x31), (0x105...0x105, 0xF0), (0x106...0x106, 0xFF), (0x107...0x107, 0x03),
    (0x108...0x108, 0x31), (0x109...0x109, 0xF0), (0x10A...0x10A, 0xFF), (0x10B...0x10B, 0x03),
    (0x10C...0x10C, 0x31), (0x10D...0x10D, 0xF0), (0x10E...0x10E, 0xFF), (0x10F...0x10F, 0x03),
    (0x110...0x110, 0xC1), (0x111...0x111, 0xF1), (0x114...0x114, 0xC1), (0x115...0x115, 0xF1),
    (0x118...0x118, 0x40), (0x119...0x119, 0x01),
    (0x12C...0x14F, 0xFF), (0x158...0x15F, 0xFF),
    // TPH's steering table of two entries ends at 0x170, VC's two channels at 0x198.
    (0x198...0x1FF, 0xFF),
    // The DVSEC's body, and from here on gaps and the hidden PASID capability.
    (0x204...0x21F, 0xFF), (0x228...0x23F, 0xFF), (0x250...0xFFF, 0xFF),
  ]

  /// The accelerator as it is: what its own registers take.
  private static let accelerator: [Row] = [
    (0x04...0x04, 0x47), (0x05...0x05, 0x05), (0x0C...0x0C, 0xFF),
    (0x12...0x17, 0xFF), (0x1A...0x1A, 0xFE), (0x1B...0x1F, 0xFF),
    (0x3C...0x3C, 0xFF),
    (0x48...0x48, 0xFF), (0x49...0x49, 0x7D), (0x68...0x68, 0xDF), (0x69...0x69, 0xFF),
    (0x94...0x94, 0x03),
    (0x108...0x108, 0x31), (0x109...0x109, 0xF0), (0x10A...0x10A, 0xFF), (0x10B...0x10B, 0x03),
    (0x10C...0x10C, 0x31), (0x10D...0x10D, 0xF0), (0x10E...0x10E, 0xFF), (0x10F...0x10F, 0x03),
    (0x114...0x114, 0xC1), (0x115...0x115, 0xF1),
    // Hidden, and reached all the same: PASID enable and privileged mode.
    (0x236...0x236, 0x05),
  ]

  private static let network: [Row] = [
    (0x04...0x04, 0x47), (0x05...0x05, 0x05), (0x0C...0x0C, 0xFF),
    // 128 KiB of registers, 32 ports, 16 KiB.
    (0x12...0x12, 0xFE), (0x13...0x13, 0xFF), (0x18...0x18, 0xE0), (0x19...0x1B, 0xFF),
    (0x1D...0x1D, 0xC0), (0x1E...0x1F, 0xFF),
    (0x30...0x30, 0x01), (0x32...0x33, 0xFF), (0x3C...0x3C, 0xFF),
    (0x44...0x44, 0x03),
    // MSI: enable stays off and the enable field with it; then address, data, masks.
    (0x52...0x52, 0x8E), (0x54...0x5B, 0xFF), (0x5C...0x5D, 0xFF), (0x60...0x63, 0xFF),
    (0xA8...0xA8, 0xFF), (0xA9...0xA9, 0x7D), (0xC8...0xC8, 0xDF), (0xC9...0xC9, 0xFF),
    (0x108...0x108, 0x31), (0x109...0x109, 0xF0), (0x10A...0x10A, 0xFF), (0x10B...0x10B, 0x03),
    (0x10C...0x10C, 0x31), (0x10D...0x10D, 0xF0), (0x10E...0x10E, 0xFF), (0x10F...0x10F, 0x03),
    (0x114...0x114, 0xC1), (0x115...0x115, 0xF1),
    (0x118...0x118, 0x40), (0x119...0x119, 0x01),
  ]

  private static let virtual: [Row] = [
    // Bus mastering is the function's own, memory decode the kernel's.
    (0x04...0x04, 0x06), (0x05...0x05, 0x04), (0x0C...0x0C, 0xFF),
    (0x11...0x11, 0xC0), (0x12...0x17, 0xFF), (0x3C...0x3C, 0xFF),
    (0xA8...0xA8, 0xFF), (0xA9...0xA9, 0x7D), (0xC8...0xC8, 0xDF), (0xC9...0xC9, 0xFF),
  ]

  enum Device: String, CaseIterable {
    case open, accelerator, network, virtual

    func description() throws -> FunctionDescription {
      switch self {
      case .accelerator: return try .dataStreamingAccelerator()
      case .network: return try .networkFunction()
      case .virtual: return try #require(try .virtualFunction(of: .networkFunction()))
      case .open:
        let sample = try FunctionDescription.dataStreamingAccelerator()
        return try FunctionDescription(
          config: sample.config, bars: sample.bars,
          writableBits: stride(from: 0, to: 4096, by: 4).map { .init(at: $0, mask: .max) })
      }
    }

    var rows: [Row] {
      switch self {
      case .open: VFIOConfigTableTests.open
      case .accelerator: VFIOConfigTableTests.accelerator
      case .network: VFIOConfigTableTests.network
      case .virtual: VFIOConfigTableTests.virtual
      }
    }

    var bits: [UInt8] {
      var bits = [UInt8](repeating: 0, count: 4096)
      for row in rows { for offset in row.bytes { bits[offset] = row.bits } }
      return bits
    }
  }

  @Test(
    "141: a byte of ones sets the writable bits and a byte of zeros clears them, at every offset",
    arguments: Device.allCases)
  func writes(device: Device) throws {
    let start = try Functions.opened(device.description())
    let bits = device.bits
    var wrong: [String] = []
    for offset in 0..<4096 {
      for value: UInt8 in [0xFF, 0x00] {
        var function = start
        let place = at(7, UInt64(offset))
        let old = try function.read(at: place, count: 1)[0]
        let count = try function.write([value], at: place)
        let new = try function.read(at: place, count: 1)[0]
        let expected = old & ~bits[offset] | value & bits[offset]
        if new != expected || count != 1 {
          wrong.append("\(offset.hex): \(old) \(value) -> \(new), not \(expected)")
        }
      }
    }
    #expect(wrong.isEmpty)
  }

  @Test("wider writes do what their bytes do", arguments: Device.allCases, [2, 4])
  func widerWrites(device: Device, width: Int) throws {
    let start = try Functions.opened(device.description())
    let bits = device.bits
    for offset in stride(from: 0, to: 4096, by: width) {
      // A write to the power state takes place as a whole; two of its values are no states here.
      for value: UInt8 in [0xFF, 0x00] {
        var function = start
        let place = at(7, UInt64(offset))
        let old = try function.read(at: place, count: width)
        let count = try function.write(Array(repeating: value, count: width), at: place)
        let new = try function.read(at: place, count: width)
        let expected = (0..<width).map {
          old[$0] & ~bits[offset + $0] | value & bits[offset + $0]
        }
        #expect(new == expected && count == width, "\(offset.hex)")
      }
    }
  }

  @Test("reads: what differs from the device, at every offset", arguments: Device.allCases)
  func reads(device: Device) throws {
    var function = try Functions.opened(device.description())
    let seen = try function.read(at: at(7), count: 4096)
    let own = function.registers.bytes
    let differing = (0..<4096).filter { seen[$0] != own[$0] }
    switch device {
    // The pointer of ATS leads past PASID: 0x240 in place of 0x230.
    case .open, .accelerator: #expect(differing == [0x223])
    case .network: #expect(differing == [])
    // Identity, memory decode, the BAR's flags.
    case .virtual:
      #expect(differing.allSatisfy { [0, 1, 2, 3, 4, 0x10].contains($0) })
      #expect(seen[0..<5] == [0x86, 0x80, 0xCA, 0x10, 0x02])
    }
    for width in 1...8 {
      for start in stride(from: 0, to: 4096 - width, by: 7) {
        let piece = try function.read(at: at(7, UInt64(start)), count: width)
        #expect(piece == Array(seen[start..<start + width]))
      }
    }
  }
}
