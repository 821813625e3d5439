/// What registers read, and what writes do to them, by dwords.
extension DSAState {
  /// Reads one dword of the register region.
  func readRegister(_ offset: Int) -> UInt32 {
    switch offset {
    case DSARegister.version: return 0x100
    case DSARegister.generalCapability: return low(capability)
    case DSARegister.queueCapability: return low(queueCapability)
    case DSARegister.queueCapability + 4: return high(queueCapability)
    // 96 read buffers, with control and limits.
    case DSARegister.groupCapability: return 0x0003_6000 | UInt32(DSARegister.groupCount)
    case DSARegister.engineCapability: return UInt32(options.engines)
    case DSARegister.operationCapability: return low(DSAOperation.capability(options))
    case DSARegister.operationCapability + 4: return high(DSAOperation.capability(options))
    // In units of 256 bytes: groups, queues, vector permissions, no interrupt message storage.
    case DSARegister.tableOffsets:
      return UInt32(DSARegister.groups >> 8) | UInt32(DSARegister.queues >> 8) << 16
    case DSARegister.tableOffsets + 4: return UInt32(DSARegister.vectorPermissions >> 8)
    case DSARegister.generalConfiguration: return generalConfiguration
    case DSARegister.generalControl: return generalControl
    case DSARegister.generalStatus: return status.rawValue | neededReset << 2
    case DSARegister.interruptCause: return causes.rawValue
    case DSARegister.commandStatus: return commandError.rawValue | (command == nil ? 0 : 1 << 31)
    case DSARegister.softwareError..<DSARegister.softwareError + 24:
      let words = [softwareError.0, softwareError.1, softwareError.2]
      let word = words[(offset - DSARegister.softwareError) / 8]
      return offset & 4 == 0 ? low(word) : high(word)
    default: return readTable(offset)
    }
  }

  private func readTable(_ offset: Int) -> UInt32 {
    if let index = index(offset, DSARegister.vectorPermissions, 8, DSARegister.vectorCount) {
      return offset & 4 == 0 ? vectorPermissions[index] : 0
    }
    if index(offset, DSARegister.groups, 64, DSARegister.groupCount) != nil {
      return groups[(offset - DSARegister.groups) / 4]
    }
    if let index = index(offset, DSARegister.queues, 32, queues.count) {
      return queueRegister(index, offset >> 2 & 7)
    }
    if index(offset, DSARegister.vectorTable, 16, DSARegister.vectorCount) != nil {
      return vectorTable[(offset - DSARegister.vectorTable) / 4]
    }
    return 0
  }

  private func queueRegister(_ index: Int, _ word: Int) -> UInt32 {
    let queue = queues[index]
    guard word == 6 else { return queue.configuration.words[word] }
    // Occupancy, and the state: disabled, enabled, or busy with a command.
    let state: UInt32 = queue.isClosed ? 2 : queue.isEnabled ? 1 : 0
    return UInt32(queue.occupancy) | state << 30
  }

  /// Writes some bits of one dword of the register region.
  mutating func writeRegister(_ offset: Int, _ value: UInt32, mask: UInt32) {
    func merged(_ old: UInt32, writable: UInt32) -> UInt32 {
      old & ~(writable & mask) | value & writable & mask
    }
    switch offset {
    case DSARegister.generalConfiguration:
      guard status == .disabled else { return }
      generalConfiguration = merged(generalConfiguration, writable: 0xFF)
    case DSARegister.generalControl:
      generalControl = merged(generalControl, writable: 0b11)
    case DSARegister.interruptCause:
      causes.subtract(DSAInterruptCause(rawValue: value & mask))
    case DSARegister.command:
      // A command is written as a whole.
      guard mask == .max else { return }
      begin(DSACommand(rawValue: value))
    case DSARegister.softwareError:
      let cleared = value & mask & 3
      softwareError.0 &= ~UInt64(cleared)
      if cleared & 1 == 1, softwareError.0 & 1 == 0 { softwareError = (0, 0, 0) }
    default: writeTable(offset, merged)
    }
  }

  private mutating func writeTable(
    _ offset: Int, _ merged: (UInt32, _ writable: UInt32) -> UInt32
  ) {
    if let index = index(offset, DSARegister.vectorPermissions, 8, DSARegister.vectorCount) {
      guard offset & 4 == 0 else { return }
      vectorPermissions[index] = merged(vectorPermissions[index], 0xFFFF_F00C)
    } else if index(offset, DSARegister.groups, 64, DSARegister.groupCount) != nil {
      guard status == .disabled else { return }
      let place = (offset - DSARegister.groups) / 4
      // Four words of queues, one of engines, one of flags; the rest of a group is reserved.
      let writable: [UInt32] = [
        .max, .max, .max, .max, .max, .max, .max, .max, .max, .max, 0x0FF0_FFBF, 0x33,
      ]
      let word = place % 16
      groups[place] = merged(groups[place], word < writable.count ? writable[word] : 0)
    } else if let index = index(offset, DSARegister.queues, 32, queues.count) {
      guard !queues[index].isEnabled else { return }
      let word = offset >> 2 & 7
      // The entries are shared out while the device is off.
      if word == 0, status != .disabled { return }
      queues[index].configuration.words[word] = merged(
        queues[index].configuration.words[word], DSAQueueConfiguration.writable[word])
    } else if index(offset, DSARegister.vectorTable, 16, DSARegister.vectorCount) != nil {
      let place = (offset - DSARegister.vectorTable) / 4
      vectorTable[place] = merged(vectorTable[place], place % 4 == 3 ? 1 : .max)
    }
  }

  /// Which entry of a table an offset is in.
  private func index(_ offset: Int, _ start: Int, _ stride: Int, _ count: Int) -> Int? {
    guard offset >= start, offset < start + stride * count else { return nil }
    return (offset - start) / stride
  }

  private func low(_ word: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: word) }
  private func high(_ word: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: word >> 32) }

  /// GENCAP: block on fault, overlapping copies, cache control, destination readback, largest
  /// transfer and batch, tables that can be written.
  private var capability: UInt64 {
    (options.blocksOnFault ? 1 : 0) | 0b110 | 1 << 8 | UInt64(options.maxTransferShift) << 16
      | UInt64(options.maxBatchShift) << 21 | 1 << 31
  }

  /// WQCAP: shared and dedicated queues, ATS off by queue, priority, occupancy; and page requests
  /// off by queue.
  private var queueCapability: UInt64 {
    UInt64(options.entries) | UInt64(options.workQueues) << 16 | 0b1001_1111 << 48
  }
}
