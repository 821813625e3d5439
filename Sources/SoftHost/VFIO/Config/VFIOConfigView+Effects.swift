import PCIe

extension VFIOConfigView {
  /// One access to config space.
  struct Piece {
    let value: UInt32
    let width: AccessWidth
    let offset: Int

    /// Whether the access covers a byte.
    func covers(_ byte: Int) -> Bool { (offset..<offset + width.rawValue).contains(byte) }

    /// Whether the access covers one of some bytes.
    func covers(_ bytes: Range<Int>) -> Bool {
      bytes.overlaps(offset..<offset + width.rawValue)
    }
  }

  /// What registers do besides keeping bits.
  mutating func act(
    on piece: Piece, _ registers: inout FunctionRegisters, isMSIOn: Bool, readRequest: UInt32?
  ) -> ConfigEffects {
    let area = map.area(at: piece.offset)
    switch area.owner {
    case .header: return headerWritten(piece)
    case .legacy(0x01): return powerWritten(piece, area.start, &registers)
    case .legacy(0x03):
      vitalProductDataWritten(piece, area.start)
      return []
    case .legacy(0x05):
      messageControlWritten(piece, area.start, &registers, isMSIOn: isMSIOn)
      return []
    case .legacy(0x10):
      return deviceControlWritten(area.start, &registers, readRequest: readRequest)
    case .legacy(0x13):
      guard get(area.start + 4, 1) & 1 == 1 else { return [] }
      put(get(area.start + 4, 1) & ~1, at: area.start + 4, 1)
      // FLR and the transactions-pending bit: both must be there.
      return registers.read(.byte, at: area.start + 3) & 3 == 3 ? .reset : []
    default: return []
    }
  }

  private mutating func headerWritten(_ piece: Piece) -> ConfigEffects {
    if piece.covers(0x10..<0x28) || piece.covers(0x30..<0x34) { fixBARs() }
    guard piece.covers(4..<6) else { return [] }
    guard piece.offset == 4 else { return .command }
    // The copy remembers which decodes the program turned on.
    copy[4] = copy[4] & ~3 | UInt8(truncatingIfNeeded: piece.value) & 3
    return piece.value & 2 == 0 ? [.command, .unmapBARs] : .command
  }

  private func powerWritten(
    _ piece: Piece, _ start: Int, _ registers: inout FunctionRegisters
  ) -> ConfigEffects {
    guard piece.offset == start + 4 else { return [] }
    // D1 and D2 exist where the capability says so; the kernel refuses them elsewhere.
    let state = piece.value & 3
    let support = registers.read(.word, at: start + 2)
    if state == 1, support >> 9 & 1 == 0 { return [] }
    if state == 2, support >> 10 & 1 == 0 { return [] }
    registers.store(state, mask: 3, .byte, at: start + 4)
    return .power
  }

  private mutating func vitalProductDataWritten(_ piece: Piece, _ start: Int) {
    guard piece.covers(start + 3) else { return }
    let address = get(start + 2, 2)
    let data = description.vitalProductData
    let place = Int(address & 0x7FFF)
    // Bit 15 set asks for a write, which the data of a description does not take; it and an
    // address behind the end are left unanswered, which drivers take for a time-out.
    guard address >> 15 == 0, place < data.count else { return }
    var value: UInt32 = 0
    for index in 0..<4 where place + index < data.count {
      value |= UInt32(data[place + index]) << UInt32(8 * index)
    }
    put(value, at: start + 4, 4)
    put(address | 0x8000, at: start + 2, 2)
  }

  private mutating func messageControlWritten(
    _ piece: Piece, _ start: Int, _ registers: inout FunctionRegisters, isMSIOn: Bool
  ) {
    guard piece.covers(start + 2) else { return }
    var control = get(start + 2, 2)
    if !isMSIOn { control &= ~1 }
    if Int(control >> 4 & 7) > messageLimit {
      control = control & ~0x70 | UInt32(truncatingIfNeeded: messageLimit) << 4
    }
    put(control, at: start + 2, 2)
    registers.write(control, .word, at: start + 2)
  }

  /// The copy of the maximum read request, where a write may change it.
  func readRequest(near offset: Int) -> UInt32? {
    let area = map.area(at: offset)
    return area.owner == .legacy(0x10) ? get(area.start + 8, 2) & 0x7000 : nil
  }

  private mutating func deviceControlWritten(
    _ start: Int, _ registers: inout FunctionRegisters, readRequest: UInt32?
  ) -> ConfigEffects {
    var effects: ConfigEffects = []
    let control = get(start + 8, 2)
    if control >> 15 == 1 {
      put(control & 0x7FFF, at: start + 8, 2)
      if registers.read(.dword, at: start + 4) >> 28 & 1 == 1 { effects = .reset }
    }
    let wanted = control & 0x7000
    guard let readRequest, wanted != readRequest else { return effects }
    // Never below the payload size, so that whole packets can be used; six and seven are no sizes.
    let payload = registers.read(.word, at: start + 8) >> 5 & 7
    let size = max(wanted >> 12, payload)
    if size < 6 { registers.store(size << 12, mask: 0x7000, .word, at: start + 8) }
    return effects
  }

  /// Whether memory regions answer as far as the command register goes.
  var decodesMemory: Bool { description.isVirtualFunction || copy[4] & 2 != 0 }

  /// Whether the program turned INTx off in the command register.
  var disablesINTx: Bool { copy[5] & 4 != 0 }
}
