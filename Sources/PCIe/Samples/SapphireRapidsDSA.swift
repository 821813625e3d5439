/// Config spaces of real device models, built from their registers.
public enum SampleDevice {
  /// The address that the sample device is shown at.
  public static let address = PCIAddress(bus: 0x6A, device: 0x01, function: 0)

  /// Intel Data Streaming Accelerator of Sapphire Rapids, 8086:0b25, as its driver leaves it: a
  /// root complex integrated endpoint with AER, LTR, TPH, two virtual channels, the SIOV DVSEC,
  /// ATS, PASID and PRI.
  public static let sapphireRapidsDSA: ConfigSpace = {
    var device = ConfigSpaceBuilder()
    // Memory, bus master, parity and SERR# enabled; a capability list; class 0x088000.
    device.put32(0x0B25_8086, 0x0010_0146, 0x0880_0000, at: 0x00)
    // BAR0 64 KiB of registers and BAR2 128 KiB of portals, both 64-bit prefetchable.
    device.put32(0xFFF4_000C, 0x206F, 0xFFF0_000C, 0x206F, at: 0x10)
    device.put16(0x8086, at: 0x2C)
    device.put8(0x40, at: 0x34)
    // PCI Express 2.0, integrated endpoint, function-level reset, End-End TLP prefixes.
    device.put32(0x0092_8010, 0x1000_8022, 0x0000_5957, at: 0x40)
    device.put32(0x1073_0810, 0x0000_1010, at: 0x64)
    // MSI-X: nine vectors, table at BAR0 + 0x2000, pending bits at BAR0 + 0x3000.
    device.put32(0x8008_9011, 0x2000, 0x3000, at: 0x80)
    device.put32(0x0003_0001, 0x0008, at: 0x90)

    device.putExtendedHeader(id: 0x01, version: 2, next: 0x150, at: 0x100)
    device.put32(0x0010_0000, 0x0004_0000, at: 0x108)
    device.putExtendedHeader(id: 0x18, next: 0x160, at: 0x150)
    device.putExtendedHeader(id: 0x17, next: 0x170, at: 0x160)
    device.put32(0x0001_0205, 0x0000_0102, at: 0x164)
    device.putExtendedHeader(id: 0x02, next: 0x200, at: 0x170)
    device.put32(0x11, 1, at: 0x174)
    device.put32(0x8000_00FD, at: 0x184)
    device.put32(0x8100_0002, at: 0x190)
    // SIOV: page sizes, and one capability bit for interrupt message storage.
    device.putExtendedHeader(id: 0x23, next: 0x220, at: 0x200)
    device.put32(0x0180_8086, 0x0000_0005, 1, 1, 1, at: 0x204)
    device.putExtendedHeader(id: 0x0F, next: 0x230, at: 0x220)
    device.put32(0x8000_0060, at: 0x224)
    device.putExtendedHeader(id: 0x1B, next: 0x240, at: 0x230)
    device.put32(0x0005_1404, at: 0x234)
    device.putExtendedHeader(id: 0x13, next: 0, at: 0x240)
    device.put32(0x8100_0000, 0x200, at: 0x244)
    return device.config
  }()
}
