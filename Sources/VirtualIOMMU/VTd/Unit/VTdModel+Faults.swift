import Hardware

/// Fault recording and fault events (VT-d §7.2, §7.3).
extension VTdModel {
  /// Records a fault, unless it is one more of what is recorded already.
  mutating func record(_ fault: VTdFault) {
    var status = VTdFaultStatus(rawValue: registers[VTdRegister.faultStatus])
    // Faults are collapsed while some were lost, and per source while one is pending.
    guard !status.overflow, !isPending(fault.source) else { return }
    let place = VTdRegister.faultRecords + 16 * nextRecord
    guard registers[wide: place + 8] >> 63 == 0 else {
      setFaultStatus { $0.overflow = true }
      return
    }
    let words = fault.record
    registers[wide: place] = words.low
    registers[wide: place + 8] = words.high
    let index = nextRecord
    nextRecord = (nextRecord + 1) % configuration.faultRegisters
    guard !status.pending else { return }
    status.recordIndex = UInt32(index)
    registers[VTdRegister.faultStatus] = status.rawValue
    setFaultStatus { $0.pending = true }
  }

  /// Sets bits of FSTS, with an interrupt if none of them was set before.
  mutating func setFaultStatus(_ change: (inout VTdFaultStatus) -> Void) {
    var status = VTdFaultStatus(rawValue: registers[VTdRegister.faultStatus])
    let isFirst = status.rawValue & VTdFaultStatus.conditions == 0
    change(&status)
    registers[VTdRegister.faultStatus] = status.rawValue
    if isFirst { raise(VTdRegister.faultEvent) }
  }

  /// The guest cleared bits of FSTS: a queue that stopped goes on.
  mutating func didClearFaultStatus() {
    let status = VTdFaultStatus(rawValue: registers[VTdRegister.faultStatus])
    if !status.queueError {
      registers[wide: VTdRegister.queueError] &= ~0xF
    }
    if status.rawValue & VTdFaultStatus.conditions == 0 { dropPending(VTdRegister.faultEvent) }
    driveQueue()
  }

  /// The guest cleared a recording register: PPF stands for all of them, FRI for the first.
  mutating func didClearRecord() {
    var status = VTdFaultStatus(rawValue: registers[VTdRegister.faultStatus])
    let count = configuration.faultRegisters
    let first = Int(status.recordIndex)
    let left = (0..<count).lazy.map { (first + $0) % count }.first { isPending(at: $0) }
    status.pending = left != nil
    if let left { status.recordIndex = UInt32(left) }
    registers[VTdRegister.faultStatus] = status.rawValue
    if status.rawValue & VTdFaultStatus.conditions == 0 { dropPending(VTdRegister.faultEvent) }
  }

  private func isPending(at index: Int) -> Bool {
    registers[wide: VTdRegister.faultRecords + 16 * index + 8] >> 63 == 1
  }

  private func isPending(_ source: UInt16) -> Bool {
    for index in 0..<configuration.faultRegisters {
      let high = registers[wide: VTdRegister.faultRecords + 16 * index + 8]
      if high >> 63 == 1, UInt16(truncatingIfNeeded: high) == source { return true }
    }
    return false
  }
}
