import Hardware

extension CapabilityInsertion {
  /// The registers to emulate so that a guest sees the capability: link, header and body.
  ///
  /// All are read-only, except that the control register of a PASID capability behaves as its
  /// specification has it. A VMM that adds a capability with other writable registers makes their
  /// rows itself.
  public var registers: [EmulatedRegister] { linkRegisters + capabilityRegisters }

  /// The header that leads to the capability: one row or none.
  var linkRegisters: [EmulatedRegister] { link.map { [EmulatedRegister($0)] } ?? [] }

  /// The rows of the capability itself, header first.
  var capabilityRegisters: [EmulatedRegister] {
    capability.flatMap { patch in
      isPASID && patch.offset == offset + 4
        ? PASIDCapability.registers(UInt16(truncatingIfNeeded: patch.value), at: patch.offset)
        : [EmulatedRegister(patch)]
    }
  }

  private var isPASID: Bool {
    capability.first.map { ExtendedHeader(rawValue: $0.value).id } == Capability.pasidID
  }
}

extension PASIDCapability {
  /// The rows of the PASID Capability and Control registers, 7.8.9.2 and 7.8.9.3.
  ///
  /// - Parameters:
  ///   - register: The PASID Capability register.
  ///   - offset: Where it stands, 4 behind the capability's header.
  /// - Returns: A read-only row and the row of the control register.
  package static func registers(_ register: UInt16, at offset: Int) -> [EmulatedRegister] {
    let control = UInt32(controlBits(of: register))
    return [
      EmulatedRegister(offset: offset, width: .word, reset: UInt32(register)),
      // Changing the permissions of an enabled function is undefined, so it has no effect here.
      EmulatedRegister(
        offset: offset + 2, width: .word, role: .pasidControl, reset: 0, writable: control,
        locked: control & ~UInt32(enable), lock: UInt32(enable)),
    ]
  }
}
