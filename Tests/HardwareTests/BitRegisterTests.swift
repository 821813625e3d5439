import Hardware
import TestSupport
import Testing

private struct Register: BitRegister {
  var rawValue: UInt32
}

@Suite("Bit registers")
struct BitRegisterTests {
  @Test("every field reads what was written and leaves the rest alone")
  func everyField() {
    var generator = SplitMix64(seed: 3)
    for low in 0..<32 {
      for high in low..<32 {
        let old = UInt32(truncatingIfNeeded: generator.next())
        let mask = UInt32((UInt64(1) << (high - low + 1) - 1) << UInt64(low))
        let value = UInt32(truncatingIfNeeded: generator.next()) & mask >> low
        var register = Register(rawValue: old)
        #expect(register[low...high] == (old & mask) >> low)
        register[low...high] = value
        #expect(register[low...high] == value)
        #expect(register.rawValue & ~mask == old & ~mask)
      }
    }
  }

  @Test("every flag", arguments: 0..<32)
  func everyFlag(bit: Int) {
    var register = Register(rawValue: 0)
    register[bit] = true
    #expect(register.rawValue == 1 << bit && register[bit])
    register.rawValue = .max
    register[bit] = false
    #expect(register.rawValue == ~(1 << bit) && !register[bit])
  }
}
