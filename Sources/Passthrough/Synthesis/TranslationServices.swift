package import PCIe

/// The ATS and PRI capabilities of a function that VFIO shows: it drops all writes to them, so
/// what a guest may change is emulated.
package struct TranslationServices {
  /// `PCI_EXT_CAP_ID_ATS` and `PCI_EXT_CAP_ID_PRI`.
  package static let atsID: UInt16 = 0x000F
  package static let priID: UInt16 = 0x0013

  // Registers of a PRI capability, by their offset in it (10.5.2).
  package static let priControl = 4
  package static let priStatus = 6
  package static let priAllocation = 0xC
  /// PRI control: enable.
  package static let priEnable: UInt32 = 1
  /// PRI status: response failure, and unexpected page request group index.
  package static let priErrors: UInt32 = 3
  /// PRI status: no request is outstanding, and none will be made.
  package static let priStopped: UInt32 = 1 << 8
  /// PRI status: responses carry the PASID of their requests.
  package static let priResponsesNamePASIDs: UInt32 = 1 << 15

  /// The control register of an ATS capability (10.5.1.3): enable, and the smallest unit while off.
  package static func atsRows(at offset: Int) -> [EmulatedRegister] {
    [
      EmulatedRegister(
        offset: offset + 6, width: .word, reset: 0, writable: 0x801F, locked: 0x001F,
        lock: 0x8000)
    ]
  }

  /// The registers of a PRI capability that a guest may change (10.5.2.3 to 10.5.2.6).
  ///
  /// Reset is a bit that reads 0: the kernel has nothing outstanding while the guest has it off.
  package static func priRows(at offset: Int, in view: ConfigSpace) -> [EmulatedRegister] {
    let namesPASIDs = UInt32(view.read16(offset + priStatus)) & priResponsesNamePASIDs
    return [
      EmulatedRegister(
        offset: offset + priControl, width: .word, reset: 0, writable: priEnable),
      EmulatedRegister(
        offset: offset + priStatus, width: .word, reset: priStopped | namesPASIDs,
        writeOneToClear: priErrors, status: priStopped),
      EmulatedRegister(
        offset: offset + priAllocation, width: .dword, reset: 0, writable: .max),
    ]
  }
}
