import Hardware

/// Names of a unit's registers and of their values, for logs.
package struct VTdRegisterNames: Sendable {
  private let rows: [Int: VTdRegisterRow]

  /// Learns the registers of a unit.
  ///
  /// - Parameter configuration: What the unit offers.
  package init(_ configuration: VTdConfiguration) {
    rows = Dictionary(
      VTdRegisterRow.all(of: configuration).map { ($0.offset, $0) },
      uniquingKeysWith: { old, _ in old })
  }

  /// The name of the register at an offset.
  ///
  /// - Parameter offset: The offset in the unit's page.
  /// - Returns: The name; `nil` where there is no register.
  package func name(at offset: UInt64) -> String? {
    guard let offset = Int(exactly: offset) else { return nil }
    if let row = rows[offset] { return row.name }
    // The upper half of a register of eight bytes.
    if offset >= 4, let row = rows[offset - 4], row.size == 8 { return row.name + "+4" }
    return nil
  }

  /// What a value of a register means.
  ///
  /// - Parameters:
  ///   - value: What was read or written.
  ///   - offset: The offset in the unit's page.
  /// - Returns: The meaning in the specification's words; `nil` when the number says it all.
  package static func meaning(of value: UInt64, at offset: UInt64) -> String? {
    switch Int(truncatingIfNeeded: offset) {
    case VTdRegister.command: bits(value, commandBits, of: "nothing")
    case VTdRegister.status: bits(value, statusBits, of: "nothing is on")
    case VTdRegister.faultStatus: bits(value, faultBits, of: "no fault")
    case VTdRegister.rootTable:
      "root table \((value & ~0xFFF).hex)" + modes[Int(value >> 10 & 3)]
    case VTdRegister.queueAddress:
      "\(1 << (8 - (value >> 11 & 1) + (value & 7))) descriptors of \(value >> 11 & 1 == 1 ? 32 : 16) "
        + "bytes at \((value & ~0xFFF).hex)"
    case VTdRegister.requestAddress:
      "\(1 << (7 + (value & 7))) requests at \((value & ~0xFFF).hex)"
    case VTdRegister.interruptTable:
      "\(2 << (value & 0xF)) entries at \((value & ~0xFFF).hex)"
    case VTdRegister.faultEvent, VTdRegister.completionEvent, VTdRegister.requestEvent:
      bits(value, eventBits, of: "may interrupt")
    case VTdRegister.completionStatus: bits(value, [(0, "a wait completed")], of: "nothing")
    case VTdRegister.requestStatus:
      bits(value, [(0, "requests wait"), (1, "overflow")], of: "nothing")
    default: nil
    }
  }

  private static let modes = ["", ", scalable mode", ", mode 2", ", abort all DMA"]
  private static let commandBits = [
    (31, "TE"), (30, "SRTP"), (27, "WBF"), (26, "QIE"), (25, "IRE"), (24, "SIRTP"), (23, "CFI"),
  ]
  private static let statusBits = [
    (31, "TES"), (30, "RTPS"), (27, "WBFS"), (26, "QIES"), (25, "IRES"), (24, "IRTPS"),
    (23, "CFIS"),
  ]
  private static let faultBits = [
    (0, "PFO"), (1, "PPF"), (4, "IQE"), (5, "ICE"), (6, "ITE"),
  ]
  private static let eventBits = [(31, "masked"), (30, "pending")]

  private static func bits(
    _ value: UInt64, _ names: [(Int, String)], of nothing: String
  ) -> String {
    let set = names.filter { value >> UInt64($0.0) & 1 == 1 }.map(\.1)
    return set.isEmpty ? nothing : set.joined(separator: "|")
  }
}
