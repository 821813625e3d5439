package import PCIe

/// What the host's own half of the kernel does with a function: the controls that an IOMMU driver
/// turns on, which a program can at most look at.
extension VFIOFunction {
  /// The PASID Control register; `nil` without the capability, which programs do not see.
  package var pasidControl: PASIDControl? {
    places.pasid.map {
      PASIDControl(rawValue: UInt16(truncatingIfNeeded: registers.read(.word, at: $0 + 6)))
    }
  }

  /// What the device's PASID capability says; `nil` without one.
  package var pasidCapability: PASIDCapability? {
    places.pasid.map {
      PASIDCapability(register: UInt16(truncatingIfNeeded: registers.read(.word, at: $0 + 4)))
    }
  }

  /// Writes the PASID Control register, as far as the capability has the bits.
  ///
  /// - Returns: Whether the function has one.
  @discardableResult
  package mutating func setPASIDControl(_ control: PASIDControl) -> Bool {
    guard let place = places.pasid, let capability = pasidCapability else { return false }
    registers.store(
      UInt32(control.rawValue & capability.controlBits), mask: 7, .word, at: place + 6)
    tellModel()
    return true
  }

  /// Whether ATS is enabled; `nil` without the capability.
  package var isATSEnabled: Bool? {
    places.ats.map { registers.read(.word, at: $0 + 6) >> 15 == 1 }
  }

  /// Turns ATS on or off.
  ///
  /// - Parameters:
  ///   - isEnabled: Whether translations may be asked for and kept.
  ///   - smallestUnit: The smallest translation unit as a power of two, 12 to 43; other values are
  ///     brought into that range.
  /// - Returns: Whether the function has ATS.
  @discardableResult
  package mutating func setATS(_ isEnabled: Bool, smallestUnit: Int = 12) -> Bool {
    guard let place = places.ats else { return false }
    let unit = UInt32(min(max(smallestUnit, 12), 43) - 12)
    registers.store((isEnabled ? 1 << 15 : 0) | unit, mask: 0x801F, .word, at: place + 6)
    tellModel()
    return true
  }

  /// Whether page requests are enabled; `nil` without the capability.
  package var isPRIEnabled: Bool? {
    places.pri.map { registers.read(.word, at: $0 + 4) & 1 == 1 }
  }

  /// Turns page requests on or off.
  ///
  /// On clears the stopped and error bits and grants the outstanding requests, cut to what the
  /// device can have; off sets the stopped bit.
  ///
  /// - Parameters:
  ///   - isEnabled: Whether pages may be asked for.
  ///   - allocation: How many requests may be outstanding.
  /// - Returns: Whether the function has PRI.
  @discardableResult
  package mutating func setPRI(_ isEnabled: Bool, allocation: UInt32 = .max) -> Bool {
    guard let place = places.pri else { return false }
    if isEnabled {
      let capacity = registers.read(.dword, at: place + 8)
      registers.store(min(allocation, capacity), .dword, at: place + 12)
    }
    registers.store(isEnabled ? 1 : 0, mask: 1, .word, at: place + 4)
    registers.store(isEnabled ? 0 : 1 << 8, mask: isEnabled ? 0x103 : 0x100, .word, at: place + 6)
    tellModel()
    return true
  }
}
