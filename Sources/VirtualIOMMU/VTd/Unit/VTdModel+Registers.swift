extension VTdModel {
  /// What a guest reads.
  ///
  /// - Parameters:
  ///   - offset: Where, in bytes.
  ///   - size: How many bytes.
  /// - Returns: The register; zero for an access that no register takes.
  func read(_ offset: Int, size: Int) -> UInt64 {
    guard Self.isAccess(offset, size) else { return 0 }
    let low = UInt64(registers.readable(offset))
    return size == 4 ? low : low | UInt64(registers.readable(offset + 4)) << 32
  }

  /// Does what a guest's write does.
  ///
  /// - Parameters:
  ///   - value: What is written; bytes above `size` are not looked at.
  ///   - offset: Where, in bytes.
  ///   - size: How many bytes; an access that no register takes changes nothing.
  mutating func write(_ value: UInt64, at offset: Int, size: Int) {
    guard Self.isAccess(offset, size) else { return }
    let low = UInt32(truncatingIfNeeded: value)
    guard size == 8 else { return writeDoubleword(low, at: offset) }
    let high = UInt32(truncatingIfNeeded: value >> 32)
    guard registers.isWide(offset) else {
      writeDoubleword(low, at: offset)
      return writeDoubleword(high, at: offset + 4)
    }
    registers.guestWrites(low, at: offset)
    registers.guestWrites(high, at: offset + 4)
    didWriteLow(offset)
    didWriteHigh(offset)
  }

  /// Registers take aligned accesses of 4 and 8 bytes.
  private static func isAccess(_ offset: Int, _ size: Int) -> Bool {
    (size == 4 || size == 8) && offset >= 0 && offset & (size - 1) == 0
      && offset <= VTdRegister.byteCount - size
  }

  private mutating func writeDoubleword(_ value: UInt32, at offset: Int) {
    registers.guestWrites(value, at: offset)
    guard registers.isWide(offset) else { return didWrite(offset) }
    if offset & 7 == 0 { didWriteLow(offset) } else { didWriteHigh(offset - 4) }
  }

  /// What follows from a write to a register of 4 bytes.
  private mutating func didWrite(_ offset: Int) {
    switch offset {
    case VTdRegister.command: didCommand()
    case VTdRegister.faultStatus: didClearFaultStatus()
    case VTdRegister.completionStatus:
      if registers[offset] & 1 == 0 { dropPending(VTdRegister.completionEvent) }
    case VTdRegister.requestStatus:
      if registers[offset] & 3 == 0 { dropPending(VTdRegister.requestEvent) }
    case VTdRegister.faultEvent, VTdRegister.completionEvent, VTdRegister.requestEvent:
      didWriteControl(offset)
    default: break
    }
  }

  /// What follows from a write to the lower half of a register of 8 bytes.
  private mutating func didWriteLow(_ offset: Int) {
    // The upper half of the queue's tail is reserved, and drivers write the lower alone.
    if offset == VTdRegister.queueTail { driveQueue() }
  }

  /// What follows from a write to the upper half of a register of 8 bytes, which completes it.
  private mutating func didWriteHigh(_ offset: Int) {
    switch offset {
    case VTdRegister.contextCommand: didCommandContext()
    case VTdRegister.invalidate: didCommandInvalidation()
    case VTdRegister.faultRecords..<VTdRegister.byteCount:
      if (offset - VTdRegister.faultRecords) & 8 != 0 { didClearRecord() }
    default: break
    }
  }
}
