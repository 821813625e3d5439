public import Hardware

/// The first dword of an extended capability, PCI Express Base Specification 7.6.3.
public struct ExtendedHeader: BitRegister {
  /// All 32 bits.
  public var rawValue: UInt32

  /// Makes a header from all its bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Makes a header from its fields.
  ///
  /// - Parameters:
  ///   - id: Bits 15:0.
  ///   - version: Bits 19:16.
  ///   - next: Bits 31:20, an offset below 4,096.
  public init(id: UInt16, version: UInt8, next: Int) {
    rawValue = UInt32(id)
    self.version = version
    self.next = next
  }

  /// The capability ID, bits 15:0.
  public var id: UInt16 { UInt16(self[0...15]) }

  /// The capability version, bits 19:16.
  public var version: UInt8 {
    get { UInt8(self[16...19]) }
    set { self[16...19] = UInt32(newValue) }
  }

  /// The offset of the next capability, bits 31:20, as they stand.
  public var next: Int {
    get { Int(self[20...31]) }
    set { self[20...31] = UInt32(newValue) }
  }
}
