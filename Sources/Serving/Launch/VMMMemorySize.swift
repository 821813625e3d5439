/// A size of memory as QEMU's `-m` takes it.
struct VMMMemorySize: Hashable {
  /// Bytes.
  var bytes: UInt64

  /// What a guest gets when nobody said: QEMU's own 128 MiB are too few for a distribution's kernel.
  static let usual = VMMMemorySize(bytes: 512 << 20)

  init(bytes: UInt64) { self.bytes = bytes }

  /// Reads a number with a suffix, where mebibytes are meant if there is none.
  ///
  /// Decimal, with a fraction, or with `0x`; `nil` for all else, for zero, and for what is too large.
  /// QEMU rounds up to 8 KiB, and a backend has to have just that size.
  init?(_ text: String) {
    var digits = Substring(text)
    var shift: UInt64 = 20
    let isHex = digits.hasPrefix("0x") || digits.hasPrefix("0X")
    if let unit = digits.last, !unit.isNumber, !(isHex && unit.isHexDigit) {
      let suffixes: [Character] = ["b", "k", "m", "g", "t", "p", "e"]
      guard let index = suffixes.firstIndex(of: Character(unit.lowercased())) else { return nil }
      shift = UInt64(index) * 10
      digits.removeLast()
    }
    let whole: UInt64?
    var fraction: UInt64 = 0
    if isHex {
      whole = UInt64(digits.dropFirst(2), radix: 16)
    } else {
      let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.allSatisfy({ $0.allSatisfy { $0.isASCII && $0.isNumber } }) else { return nil }
      whole = UInt64(parts[0])
      if parts.count == 2 {
        guard let found = Self.fraction(parts[1], shift) else { return nil }
        fraction = found
      }
    }
    guard let whole, whole.leadingZeroBitCount >= shift else { return nil }
    let sum = (whole << shift).addingReportingOverflow(fraction)
    guard !sum.overflow, sum.partialValue > 0, sum.partialValue <= UInt64(Int64.max) - 8191 else {
      return nil
    }
    bytes = (sum.partialValue + 8191) & ~8191
  }

  /// So many bytes are the digits behind a point.
  private static func fraction(_ digits: Substring, _ shift: UInt64) -> UInt64? {
    guard digits.count <= 6 else { return nil }
    guard !digits.isEmpty else { return 0 }
    guard let number = UInt64(digits) else { return nil }
    let scale = (0..<digits.count).reduce(UInt64(1)) { scale, _ in scale * 10 }
    let product = number.multipliedFullWidth(by: 1 << shift)
    return scale.dividingFullWidth(product).quotient
  }

  /// The size as QEMU's options take it, in the largest unit that it is a multiple of.
  var text: String {
    for (shift, unit) in [(30, "G"), (20, "M"), (10, "K")] where bytes & (1 << shift - 1) == 0 {
      return String(bytes >> shift) + unit
    }
    return String(bytes)
  }
}
