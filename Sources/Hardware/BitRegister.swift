/// A register or in-memory table entry, read as the bit ranges that its specification prints.
public protocol BitRegister: RawRepresentable, Hashable, Sendable
where RawValue: FixedWidthInteger & UnsignedInteger & Sendable {
  /// All bits of the register.
  var rawValue: RawValue { get set }

  /// Makes a register from all its bits.
  init(rawValue: RawValue)
}

extension BitRegister {
  /// The field in the given bits, lowest and highest inclusive, as specifications number them.
  ///
  /// Setting a value that is wider than the field is a bug of ours and traps.
  @inlinable
  public subscript(bits: ClosedRange<Int>) -> RawValue {
    get { (rawValue >> bits.lowerBound) & (.max >> (RawValue.bitWidth - bits.count)) }
    set {
      let mask = RawValue.max >> (RawValue.bitWidth - bits.count)
      precondition(newValue & ~mask == 0, "value is wider than the field")
      rawValue = (rawValue & ~(mask << bits.lowerBound)) | (newValue << bits.lowerBound)
    }
  }

  /// One bit as a flag.
  @inlinable
  public subscript(bit: Int) -> Bool {
    get { (rawValue >> bit) & 1 == 1 }
    set {
      let mask = RawValue(1) << bit
      rawValue = newValue ? rawValue | mask : rawValue & ~mask
    }
  }
}
