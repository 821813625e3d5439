extension SampleDevice {
  /// A network function, 8086:10d3, with power management, MSI and MSI-X, without PASIDs: 128 KiB of
  /// registers at BAR 0, 32 bytes of I/O at BAR 2, 16 KiB at BAR 3 with the MSI-X table.
  public static let network: ConfigSpace = networkBuilder.config

  /// The same, before anything is added.
  package static var networkBuilder: ConfigSpaceBuilder {
    var device = ConfigSpaceBuilder()
    device.put32(0x10D3_8086, 0x0010_0000, 0x0200_0000, at: 0x00)
    device.put32(0xF000_0000, 0, 0x0000_E001, 0xF002_0000, at: 0x10)
    device.put32(0x0000_8086, 0xF004_0000, 0x0000_0040, at: 0x2C)
    device.put32(0x0000_0100, at: 0x3C)
    // PM 3, D1 and D2 absent; MSI with 64-bit address and masks for four vectors.
    device.put32(0x0003_5001, 0x0000_0008, at: 0x40)
    device.put32(0x0184_7005, at: 0x50)
    device.put32(0x0002_A011, 0x0000_0003, 0x0000_0803, at: 0x70)
    // PCI Express 2.0 endpoint with a function-level reset, one lane at 2.5 GT/s.
    device.put32(0x0002_0010, 0x1000_8CC2, 0x0000_2810, 0x0003_6C11, 0x1011_0000, at: 0xA0)
    device.putExtendedHeader(id: 0x01, version: 1, next: 0x140, at: 0x100)
    device.put32(0, 0, 0x0006_2031, 0, 0x2000, 0xA0, at: 0x104)
    device.putExtendedHeader(id: 0x03, version: 1, next: 0, at: 0x140)
    device.put32(0xFF12_3456, 0x001B_21FF, at: 0x144)
    return device
  }
}
