import PCIe

/// A device of the guest, as its kernel finds and drives it: through config space alone.
struct GuestFunction {
  /// A capability that the guest found.
  struct Found {
    let id: UInt16
    let offset: Int
  }

  /// Reads config space: offset, width.
  let read: (Int, AccessWidth) -> UInt32
  /// Writes config space: value, offset, width.
  let write: (UInt32, Int, AccessWidth) -> Void

  /// The extended list, read entry by entry as Linux does (`pci_find_next_ext_capability`).
  func extendedCapabilities() -> [Found] {
    var found: [Found] = []
    var offset = ConfigSpace.extendedStart
    // So many entries fit; a list that is longer runs in a circle.
    for _ in 0..<(ConfigSpace.extendedSize - ConfigSpace.extendedStart) / 8 {
      let header = read(offset, .dword)
      guard header != 0, header != .max else { break }
      found.append(Found(id: UInt16(header & 0xFFFF), offset: offset))
      offset = Int(header >> 20) & ~3
      guard offset >= ConfigSpace.extendedStart else { break }
    }
    return found
  }

  /// Memory decode and bus mastering.
  func enable() { write(read(4, .word) | 6, 4, .word) }

  /// Turns PASIDs on, with all that the capability offers (`pci_enable_pasid`).
  ///
  /// - Returns: What the control register then reads.
  func enablePASIDs(at offset: Int) -> UInt32 {
    write(1 | read(offset + 4, .word) & 6, offset + 6, .word)
    return read(offset + 6, .word)
  }

  /// Turns ATS on, in units of 4 KiB (`pci_enable_ats`).
  func enableATS(at offset: Int) -> UInt32 {
    write(0x8000, offset + 6, .word)
    return read(offset + 6, .word)
  }

  /// Turns page requests on, as many as the device may have outstanding (`pci_enable_pri`).
  func enablePageRequests(at offset: Int) -> UInt32 {
    write(read(offset + 8, .dword), offset + 0xC, .dword)
    write(1, offset + 4, .word)
    return read(offset + 4, .word)
  }
}
