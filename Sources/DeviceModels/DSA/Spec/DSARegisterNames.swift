import Hardware

/// Names of an accelerator's registers, for logs (DSA architecture specification, chapter 9).
package enum DSARegisterNames {
  private static let single: [Int: String] = [
    DSARegister.version: "VERSION", DSARegister.generalCapability: "GENCAP",
    DSARegister.queueCapability: "WQCAP", DSARegister.groupCapability: "GRPCAP",
    DSARegister.engineCapability: "ENGCAP", DSARegister.operationCapability: "OPCAP",
    DSARegister.tableOffsets: "OFFSETS", DSARegister.generalConfiguration: "GENCFG",
    DSARegister.generalControl: "GENCTRL", DSARegister.generalStatus: "GENSTS",
    DSARegister.interruptCause: "INTCAUSE", DSARegister.command: "CMD",
    DSARegister.commandStatus: "CMDSTS",
  ]

  private static let tables: [(start: Int, entry: Int, count: Int, name: String)] = [
    (DSARegister.softwareError, 32, 1, "SWERROR"),
    (DSARegister.vectorPermissions, 8, DSARegister.vectorCount, "MSIXPERM"),
    (DSARegister.groups, 64, DSARegister.groupCount, "GRPCFG"),
    (DSARegister.queues, 32, 8, "WQCFG"),
    (DSARegister.vectorTable, 16, DSARegister.vectorCount, "MSI-X table"),
  ]

  private static let commands = [
    "", "enable device", "disable device", "drain all", "abort all", "reset device", "enable WQ",
    "disable WQs", "drain WQs", "abort WQs", "reset WQs", "drain PASID", "abort PASID",
  ]

  /// The name of what is at an offset.
  ///
  /// - Parameters:
  ///   - offset: Where, in the region.
  ///   - region: 0 for the registers, 2 for the portals.
  /// - Returns: The name; `nil` where nothing has one.
  package static func name(at offset: UInt64, region: Int) -> String? {
    guard let offset = Int(exactly: offset) else { return nil }
    if region == 2 {
      let limited = offset >> 12 & 1 == 1 ? " limited" : ""
      return "WQ \(offset >> 14)\(limited) portal"
    }
    guard region == 0 else { return nil }
    if let name = single[offset] { return name }
    for table in tables where offset >= table.start {
      let (index, inside) = (offset - table.start).quotientAndRemainder(dividingBy: table.entry)
      guard index < table.count else { continue }
      return (table.count == 1 ? table.name : "\(table.name)[\(index)]")
        + (inside == 0 ? "" : "+\(UInt64(inside).hex)")
    }
    return nil
  }

  /// What a value of a register means.
  ///
  /// - Parameters:
  ///   - value: What was read or written.
  ///   - offset: Where, in BAR 0.
  /// - Returns: The meaning in words; `nil` when there is no more to say.
  package static func meaning(of value: UInt64, at offset: UInt64) -> String? {
    switch Int(truncatingIfNeeded: offset) {
    case DSARegister.generalStatus:
      return ["disabled", "enabled", "draining", "halted"][Int(value & 3)]
    case DSARegister.command:
      let code = Int(value >> 20 & 0x1F)
      guard code > 0, code < commands.count else { return nil }
      return commands[code] + (code >= 6 ? " \((value & 0xF_FFFF).hex)" : "")
    case DSARegister.commandStatus:
      return value >> 31 & 1 == 1 ? "active" : value & 0xFF == 0 ? "success" : "error"
    default: return nil
    }
  }
}
